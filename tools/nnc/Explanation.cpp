#include "tools/nnc/Explanation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace nnc::cli {

std::string shortNumber(double value) {
  const char *prefixes[] = {" ", " k", " M", " G", " T"};
  size_t prefix = 0;
  for (; value >= 999.5 && prefix + 1 < std::size(prefixes); ++prefix)
    value /= 1000;
  std::string text;
  raw_string_ostream os(text);
  os << format(value == double(int64_t(value)) ? "%.0f" : value < 9.995 ? "%.2f" : value < 99.95 ? "%.1f" : "%.0f", value)
     << prefixes[prefix];
  return text;
}

/// The value, and the formula where it says more.
static std::string describe(const Quantity &quantity, StringRef unit) {
  std::string text = shortNumber(double(quantity.value)) + unit.str();
  return quantity.formula == std::to_string(quantity.value) ? text : text + " (" + quantity.formula + ")";
}

static void printKernel(const KernelReport &kernel) {
  outs() << "  " << kernel.name;
  if (!kernel.source.empty())
    outs() << "  " << kernel.source;
  outs() << "\n    " << join(kernel.ops, ", ") << "\n    " << join(kernel.inputs, ", ") << " -> "
         << join(kernel.results, ", ") << "\n    " << kernel.family << ": " << kernel.schedule << "\n";
  if (!kernel.fallback.empty())
    outs() << "    element by element: " << kernel.fallback << "\n";
  outs() << "    " << describe(kernel.operations, "FLOP") << ", " << describe(kernel.bytes, "B") << "\n";
}

void printExplanation(const ModelReport &report) {
  for (const auto &[symbol, size] : report.sizes)
    outs() << "numbers are for " << symbol << " = " << size << "\n";
  for (const FunctionReport &function : report.functions) {
    int64_t operations = 0, bytes = 0;
    for (const KernelReport &kernel : function.kernels) {
      operations += kernel.operations.value;
      bytes += kernel.bytes.value;
    }
    outs() << function.name << ": " << function.kernels.size() << " kernels, " << shortNumber(double(operations)) << "FLOP, "
           << shortNumber(double(bytes)) << "B\n";
    for (const KernelReport &kernel : function.kernels)
      printKernel(kernel);
  }
}

void printMemoryFits(const ModelReport &report) {
  for (const MemoryFit &fit : report.memoryFits)
    outs() << fit.function << ": an arena of " << shortNumber(double(fit.arenaAfter)) << "B instead of "
           << shortNumber(double(fit.arenaBefore)) << "B, for which " << fit.repeatedKernels << " kernels run again: "
           << format("%.1f", 100.0 * double(fit.operationsAfter - fit.operationsBefore) / double(std::max<int64_t>(fit.operationsBefore, 1)))
           << " % more operations\n";
}

void printWarnings(const ModelReport &report) {
  for (const std::string &warning : report.warnings)
    errs() << "nnc: warning: " << warning << "\n";
}

} // namespace nnc::cli
