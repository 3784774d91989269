// `nnc bench`: the time of one forward call or one whole training step.
#include "tools/nnc/Commands.h"
#include "tools/nnc/Model.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <chrono>
#include <random>

using namespace llvm;

namespace nnc::cli {
namespace {

/// A tensor for `input`: normal floats, indices over their allowed range.
Tensor makeUp(const BoundaryTensor &input, ArrayRef<int64_t> symbols, std::mt19937_64 &random) {
  std::vector<int64_t> dims;
  for (const BoundaryDim &dim : input.dims)
    dims.push_back(dim.kind == BoundaryDim::Symbol ? symbols[size_t(dim.value)] : dim.value);
  Tensor tensor(input.type, std::move(dims));
  std::normal_distribution<double> normal;
  std::uniform_int_distribution<int64_t> index(input.hasRange ? input.range.low : 0,
                                               input.hasRange ? std::max(input.range.low, input.range.high - 1) : 1);
  for (int64_t i = 0, count = tensor.size(); i < count; ++i)
    switch (input.type) {
    case ElementType::F32:
      tensor.data<float>()[i] = float(normal(random));
      break;
    case ElementType::F64:
      tensor.data<double>()[i] = normal(random);
      break;
    case ElementType::I64:
      tensor.data<int64_t>()[i] = index(random);
      break;
    case ElementType::I32:
      tensor.data<int32_t>()[i] = int32_t(index(random));
      break;
    case ElementType::U8:
    case ElementType::I1:
      tensor.data<uint8_t>()[i] = uint8_t(index(random) & 1);
      break;
    }
  return tensor;
}

struct BenchCommand {
  ModelOptions model;
  RuntimeOptions runtime;
  int64_t batch = 0, runs = 0;
  bool train = false, json = false;

  Error run() const {
    Expected<std::unique_ptr<Library>> library = openModel(model, train ? Purpose::Training : Purpose::Forward);
    if (!library)
      return library.takeError();
    Expected<const Entry *> entry = (*library)->entry(train ? "train_step" : "forward");
    if (!entry)
      return entry.takeError();

    // The first symbol is the batch; further ones take their smallest size.
    SmallVector<int64_t> symbols;
    for (const SymbolInfo &symbol : (*library)->signature().interface.symbols)
      symbols.push_back(symbols.empty() && batch ? batch : symbol.minimum);
    if (batch && symbols.empty())
      return createStringError("--batch: " + Twine(model.path) + " was exported with a fixed batch");
    std::mt19937_64 random(static_cast<uint64_t>(runtime.seed));
    std::vector<Tensor> inputs, outputs;
    for (const BoundaryTensor &input : (*entry)->inputs)
      inputs.push_back(makeUp(input, symbols, random));
    Expected<std::unique_ptr<Instance>> instance = createInstance(**library, runtime, batch);
    if (!instance)
      return instance.takeError();

    Expected<std::vector<double>> times = measure(**instance, **entry, inputs);
    if (!times)
      return times.takeError();
    report(*times);
    return Error::success();
  }

  /// Milliseconds of each run, sorted: at least 5 runs, and as many as take a second.
  Expected<std::vector<double>> measure(Instance &instance, const Entry &entry, ArrayRef<Tensor> inputs) const {
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
      times.push_back(ms);
      total += ms;
      if (!runs && total > 1000 && times.size() >= 5)
        break;
    }
    llvm::sort(times);
    return times;
  }

  void report(ArrayRef<double> times) const {
    const double median = times[times.size() / 2];
    if (!json) {
      outs() << format("median %.4f ms, min %.4f ms, %zu runs, %lld threads\n", median, times.front(), times.size(),
                       (long long)runtime.threads);
      return;
    }
    json::OStream stream(outs(), 2);
    stream.object([&] {
      stream.attribute("median_ms", median);
      stream.attribute("min_ms", times.front());
      stream.attribute("runs", int64_t(times.size()));
      stream.attribute("threads", runtime.threads);
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
  verb->add_flag("--json", command->json, "Results as one JSON object");
  verb->callback([command, &action] { action = [command] { return command->run(); }; });
}

} // namespace nnc::cli
