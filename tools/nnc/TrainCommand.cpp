#include "tools/nnc/Commands.h"
#include "tools/nnc/LossCurve.h"
#include "tools/nnc/Model.h"
#include "tools/nnc/Npy.h"
#include "tools/nnc/Progress.h"
#include "tools/nnc/Training.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include <cmath>

using namespace llvm;

namespace nnc::cli {
namespace {

constexpr StringRef heldOutSuffix = "_test";

std::string text(const char *pattern, double value) {
  std::string result;
  raw_string_ostream(result) << format(pattern, value);
  return result;
}

struct TrainCommand {
  ModelOptions model;
  RuntimeOptions runtime;
  TrainingPlan plan;
  std::string data, evaluationData, checkpoint, plot;
  double byteScale = 255, validation = 0;
  bool json = false;

  /// The held-out part: a file of its own, the x_test and y_test of --data, or a
  /// share of the training data; nothing if there is none.
  Expected<std::optional<Dataset>> heldOut(const Npz &archive, ArrayRef<BoundaryTensor> inputs, ColumnRules rules,
                                           Dataset &train) const {
    if (!evaluationData.empty()) {
      Expected<Npz> other = readNpz(evaluationData);
      if (!other)
        return other.takeError();
      return selectColumns(*other, evaluationData, inputs, rules, errs());
    }
    if (validation > 0) {
      std::vector<int64_t> rows = shuffledRows(train.samples, uint64_t(plan.seed), 0); // epochs count from 1
      const size_t count = size_t(std::llround(double(train.samples) * validation));
      if (count == 0 || count >= rows.size())
        return createStringError("--validation " + text("%g", validation) + " of " + Twine(train.samples) +
                                 " samples leaves nothing on one side");
      Dataset kept, split;
      split.samples = int64_t(count);
      kept.samples = train.samples - split.samples;
      train.gather(ArrayRef(rows).take_front(count), split.columns);
      train.gather(ArrayRef(rows).drop_front(count), kept.columns);
      train = std::move(kept);
      return split;
    }
    const bool present = llvm::any_of(
        archive.arrays, [](const auto &entry) { return StringRef(entry.first).ends_with(heldOutSuffix); });
    if (!present)
      return std::nullopt;
    rules.suffix = heldOutSuffix;
    return selectColumns(archive, data, inputs, rules, errs());
  }

  Error run() const {
    if (plan.firstEpoch > plan.epochs)
      return createStringError("--first-epoch " + Twine(plan.firstEpoch) + " is after the last, --epochs " +
                               Twine(plan.epochs));
    for (StringRef file : {StringRef(checkpoint), StringRef(plot)}) // before hours of training, not behind them
      if (Error error = file.empty() ? Error::success() : checkDestination(file))
        return error;
    Expected<Npz> archive = readNpz(data);
    if (!archive)
      return archive.takeError();
    if (model.optimizer.empty() && !StringRef(model.path).ends_with(".so"))
      return createStringError("training needs an optimizer: add --optimizer, such as --optimizer adam:lr=1e-3");
    Expected<std::unique_ptr<Library>> library = openModel(model, Purpose::Training);
    if (!library)
      return library.takeError();
    Expected<const Entry *> step = (*library)->entry("train_step"), forward = (*library)->entry("forward");
    if (!step || !forward)
      return joinErrors(step.takeError(), forward.takeError());

    ColumnRules rules;
    rules.targets = (*step)->inputs.size() - (*forward)->inputs.size();
    rules.byteScale = byteScale;
    Expected<Dataset> train = selectColumns(*archive, data, (*step)->inputs, rules, errs());
    if (!train)
      return train.takeError();
    Expected<std::optional<Dataset>> evaluation = heldOut(*archive, (*step)->inputs, rules, *train);
    if (!evaluation)
      return evaluation.takeError();
    archive = Npz(); // the columns hold what is needed

    Expected<std::unique_ptr<Instance>> instance = createInstance(**library, runtime, plan.batch);
    if (!instance)
      return instance.takeError();
    TrainingPlan seeded = plan;
    seeded.seed = runtime.seed;
    Expected<Training> training = Training::create(**library, **instance, std::move(*train), seeded);
    if (!training)
      return training.takeError();
    if (int64_t dropped = training->droppedSamples())
      errs() << "note: the model has a fixed batch; the last " << dropped << " samples of each epoch are left out\n";
    Expected<std::vector<EpochResult>> epochs = runEpochs(*training, *evaluation);
    if (!epochs)
      return epochs.takeError();
    if (!checkpoint.empty())
      if (Error error = (*instance)->save(checkpoint))
        return error;
    return report(*training, *epochs, evaluation->has_value());
  }

  Expected<std::vector<EpochResult>> runEpochs(Training &training, const std::optional<Dataset> &evaluation) const {
    std::vector<EpochResult> results;
    for (int64_t epoch = plan.firstEpoch; epoch <= plan.epochs; ++epoch) {
      Progress progress("epoch " + std::to_string(epoch) + "/" + std::to_string(plan.epochs));
      const std::string lastAccuracy = results.empty() || !results.back().accuracy
                                           ? ""
                                           : text("  accuracy %.2f %%", 100 * *results.back().accuracy);
      Expected<EpochResult> result = training.runEpoch(epoch, [&](int64_t done, int64_t steps, double loss) {
        progress.update(done, steps, text("loss %.4f", loss) + lastAccuracy);
      });
      if (!result)
        return result.takeError();
      if (!std::isfinite(result->loss))
        return createStringError("the loss is not finite after epoch " + Twine(epoch) +
                                 ": lower the learning rate, or look for NaN in the data");
      progress.clear();
      if (training.hasClasses()) {
        Expected<double> accuracy = training.accuracy(evaluation ? *evaluation : training.data());
        if (!accuracy)
          return accuracy.takeError();
        result->accuracy = *accuracy;
      }
      printEpoch(*result, evaluation.has_value());
      results.push_back(*result);
    }
    return results;
  }

  void printEpoch(const EpochResult &result, bool heldOut) const {
    raw_ostream &out = json ? errs() : outs();
    out << format("epoch %3lld  loss %.4f", (long long)result.epoch, result.loss);
    if (result.accuracy)
      out << format("  %s accuracy %.2f %%", heldOut ? "test" : "training", 100 * *result.accuracy);
    out << format("  %.2f s\n", result.seconds);
    out.flush();
  }

  Error report(const Training &training, ArrayRef<EpochResult> epochs, bool heldOut) const {
    double seconds = 0;
    for (const EpochResult &epoch : epochs)
      seconds += epoch.seconds;
    if (!plot.empty())
      if (Error error = writeFile(plot, lossCurveSvg(training.losses(), "loss, " + model.path)))
        return error;
    if (!json) {
      outs() << drawLossCurve(training.losses());
      outs() << format("%lld steps in %.2f s", (long long)training.losses().size(), seconds);
      if (!checkpoint.empty())
        outs() << ", saved to " << checkpoint;
      outs() << "\n";
      return Error::success();
    }
    json::OStream stream(outs(), 2);
    stream.object([&] {
      stream.attribute("steps", int64_t(training.losses().size()));
      stream.attribute("train_seconds", seconds);
      stream.attribute("loss", epochs.back().loss);
      if (epochs.back().accuracy)
        stream.attribute(heldOut ? "test_accuracy" : "training_accuracy", *epochs.back().accuracy);
      stream.attributeArray("epochs", [&] {
        for (const EpochResult &epoch : epochs)
          stream.object([&] {
            stream.attribute("epoch", epoch.epoch);
            stream.attribute("loss", epoch.loss);
            if (epoch.accuracy)
              stream.attribute("accuracy", *epoch.accuracy);
            stream.attribute("seconds", epoch.seconds);
          });
      });
    });
    outs() << "\n";
    return Error::success();
  }
};

} // namespace

void addTrain(CLI::App &app, Action &action) {
  auto command = std::make_shared<TrainCommand>();
  CLI::App *verb = app.add_subcommand("train", "Trains a model on an .npz of samples");
  command->model.addTo(*verb);
  command->model.addTrainingTo(*verb);
  command->runtime.addTo(*verb);
  verb->add_option("--data", command->data,
                   "An .npz; the first axis of each array counts samples. Keys: x and y, or names or positions of "
                   "inputs; with _test appended, the held-out samples")
      ->required();
  CLI::Option *evaluation = verb->add_option("--eval-data", command->evaluationData, "An .npz of held-out samples");
  verb->add_option("--validation", command->validation, "Hold out this share of --data instead")
      ->check(CLI::Range(0.0, 1.0))
      ->excludes(evaluation);
  verb->add_option("--scale-bytes", command->byteScale, "uint8 inputs are divided by this to floats")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_option("--batch", command->plan.batch, "Samples in a step")->check(CLI::PositiveNumber)->capture_default_str();
  verb->add_option("--epochs", command->plan.epochs, "How often each sample is used")->check(CLI::PositiveNumber)->capture_default_str();
  verb->add_option("--first-epoch", command->plan.firstEpoch,
                   "With --load, the epoch to go on with: the run ends bit by bit as if it had not been interrupted")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_option("--save", command->checkpoint, "A checkpoint (.safetensors) to write at the end");
  verb->add_option("--plot", command->plot, "The loss curve as .svg");
  verb->add_flag("--json", command->json, "Results as one JSON object on stdout");
  verb->callback([command, &action] { action = [command] { return command->run(); }; });
}

} // namespace nnc::cli
