#include "tools/nnc/Check.h"
#include "compiler/Report.h"
#include "tools/nnc/MadeUp.h"
#include "tools/nnc/Model.h"
#include "tools/nnc/NamedTensors.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <thread>

using namespace llvm;

namespace nnc::cli {
namespace {

/// Runs one entry; prints its kernels; the first wrong one goes to `wrong`.
Error checkEntry(Instance &instance, const Entry &entry, ArrayRef<Tensor> inputs, ArrayRef<KernelCheck> checks,
                 std::string &wrong) {
  Expected<std::vector<Tensor>> outputs = instance.call(entry, inputs);
  if (!outputs)
    return outputs.takeError();
  const size_t numbers = 3 * size_t(count_if(checks, [](const KernelCheck &check) { return check.hasReference; }));
  const Tensor *next = outputs->data() + outputs->size() - numbers;
  outs() << entry.name << "\n";
  for (const KernelCheck &check : checks) {
    if (!check.hasReference) {
      outs() << "  no reference  " << check.kernel << "  [" << check.family << "]  " << check.source << "\n";
      continue;
    }
    const double difference = next[0].at(0), largest = next[1].at(0), rounding = next[2].at(0);
    next += 3;
    const bool good = check.holds(difference, largest, rounding);
    outs() << format("  %8.1e of %8.1e  ", difference, largest) << (good ? "" : "WRONG  ") << check.kernel << "  ["
           << check.family << "]  " << check.source << "\n";
    if (good || !wrong.empty())
      continue;
    raw_string_ostream(wrong) << (check.source.empty() ? "" : check.source + ": ") << "kernel " << check.kernel << " of "
                              << entry.name << " (" << check.family << ") differs from the naive reference by "
                              << format("%.3g where its largest value is %.3g", difference, largest);
  }
  return Error::success();
}

} // namespace

Error checkKernels(CompileOptions options, StringRef inputs, int64_t batch) {
  options.checkKernels = true;
  ModelReport report;
  Expected<std::unique_ptr<Library>> library = openCompiled(options, &report);
  if (!library)
    return library.takeError();
  const ModelInterface &model = (*library)->signature().interface;
  if (!batch && !model.symbols.empty())
    batch = std::clamp<int64_t>(3, model.symbols[0].minimum, model.symbols[0].maximum);
  Expected<std::vector<int64_t>> symbols = symbolValues(model, batch);
  if (!symbols)
    return symbols.takeError();
  RuntimeOptions runtime;
  runtime.threads = std::max(1u, std::thread::hardware_concurrency()); // references are slow
  Expected<std::unique_ptr<Instance>> instance = createInstance(**library, runtime, batch);
  if (!instance)
    return instance.takeError();
  std::string wrong;
  for (const Entry &entry : model.entries) {
    std::vector<Tensor> tensors = makeUpInputs(entry, *symbols, 0);
    if (entry.name == "forward" && !inputs.empty()) {
      Expected<Npz> given = readNpz(inputs);
      if (!given)
        return given.takeError();
      Expected<std::vector<Tensor>> arranged = arrangeInputs(entry, *given);
      if (!arranged)
        return arranged.takeError();
      tensors = std::move(*arranged);
    }
    std::vector<KernelCheck> checks;
    copy_if(report.checks, std::back_inserter(checks), [&](const KernelCheck &c) { return c.function == entry.name; });
    if (Error error = checkEntry(**instance, entry, tensors, checks, wrong))
      return error;
  }
  return wrong.empty() ? Error::success() : createStringError(wrong);
}

} // namespace nnc::cli
