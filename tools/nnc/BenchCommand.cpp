// `nnc bench`: the time of one forward call or one whole training step, and of its kernels.
#include "tools/nnc/Commands.h"
#include "tools/nnc/KernelTimes.h"
#include "tools/nnc/MadeUp.h"
#include "tools/nnc/Model.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <chrono>

using namespace llvm;

namespace nnc::cli {
namespace {

struct BenchCommand {
  ModelOptions model;
  RuntimeOptions runtime;
  int64_t batch = 0, runs = 0;
  bool train = false, json = false, kernels = false;

  Error run() const {
    ModelReport compiled;
    Expected<std::unique_ptr<Library>> library =
        openModel(model, train ? Purpose::Training : Purpose::Forward, kernels ? &compiled : nullptr, batch);
    if (!library)
      return library.takeError();
    Expected<const Entry *> entry = (*library)->entry(train ? "train_step" : "forward");
    if (!entry)
      return entry.takeError();

    Expected<std::vector<int64_t>> symbols = symbolValues((*library)->signature().interface, batch);
    if (!symbols)
      return symbols.takeError();
    const std::vector<Tensor> inputs = makeUpInputs(**entry, *symbols, runtime.seed);
    Expected<std::unique_ptr<Instance>> instance = createInstance(**library, runtime, batch);
    if (!instance)
      return instance.takeError();

    std::optional<KernelTimes> kernelTimes;
    for (const FunctionReport &function : compiled.functions)
      if (function.name == (*entry)->name)
        kernelTimes.emplace(function, int64_t(compiled.interface.stateBytes));
    std::optional<Roofline> roofline;
    if (kernels)
      roofline = Roofline::measure(compiled.vectorBytes, runtime.threads);
    Expected<std::vector<double>> times = measure(**instance, **entry, inputs, kernelTimes ? &*kernelTimes : nullptr);
    if (!times)
      return times.takeError();
    if (json)
      writeJson(*times, kernelTimes ? &*kernelTimes : nullptr, roofline ? &*roofline : nullptr);
    else
      print(*times, kernelTimes ? &*kernelTimes : nullptr, roofline ? &*roofline : nullptr);
    return Error::success();
  }

  /// Milliseconds of each run, sorted: at least 5 runs, and as many as take a second.
  Expected<std::vector<double>> measure(Instance &instance, const Entry &entry, ArrayRef<Tensor> inputs,
                                        KernelTimes *kernelTimes) const {
    using Clock = std::chrono::steady_clock;
    std::vector<Tensor> outputs;
    constexpr int warmUps = 3;
    std::vector<double> times;
    double total = 0;
    for (int64_t i = -warmUps; i < (runs ? runs : INT64_MAX); ++i) {
      const Clock::time_point start = Clock::now();
      if (Error error = instance.call(entry, inputs, outputs))
        return error;
      const double ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
      if (i < 0)
        continue;
      if (kernelTimes)
        kernelTimes->add(outputs.back());
      times.push_back(ms);
      total += ms;
      if (!runs && total > 1000 && times.size() >= 5)
        break;
    }
    llvm::sort(times);
    return times;
  }

  void print(ArrayRef<double> times, const KernelTimes *kernelTimes, const Roofline *roofline) const {
    outs() << format("median %.4f ms, min %.4f ms, %zu runs, %lld threads\n", times[times.size() / 2], times.front(),
                     times.size(), (long long)runtime.threads);
    if (kernelTimes)
      kernelTimes->print(*roofline);
  }

  void writeJson(ArrayRef<double> times, const KernelTimes *kernelTimes, const Roofline *roofline) const {
    json::OStream stream(outs(), 2);
    stream.object([&] {
      stream.attribute("median_ms", times[times.size() / 2]);
      stream.attribute("min_ms", times.front());
      stream.attribute("runs", int64_t(times.size()));
      stream.attribute("threads", runtime.threads);
      if (kernelTimes)
        kernelTimes->write(stream, *roofline);
    });
    outs() << "\n";
  }
};

} // namespace

void addBench(CLI::App &app, Action &action) {
  auto command = std::make_shared<BenchCommand>();
  CLI::App *verb = app.add_subcommand("bench", "Times a forward call, or with --train a whole training step");
  command->model.addTo(*verb);
  command->model.addTrainingTo(*verb);
  command->runtime.addTo(*verb);
  verb->add_flag("--train", command->train, "One step: forward, loss, backward, optimizer");
  verb->add_option("--batch", command->batch, "Size of the batch; without it the smallest")->check(CLI::PositiveNumber);
  verb->add_option("--runs", command->runs, "Without it, as many as take a second, at least 5")
      ->check(CLI::PositiveNumber);
  verb->add_flag("--kernels", command->kernels, "Every kernel: its time, rates and share of what this machine can do");
  verb->add_flag("--json", command->json, "Results as one JSON object");
  verb->callback([command, &action] { action = [command] { return command->run(); }; });
}

} // namespace nnc::cli
