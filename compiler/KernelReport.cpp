#include "compiler/KernelReport.h"
#include "codegen/cpu/ScheduleFamily.h"
#include "compiler/transforms/FormKernels.h"
#include "compiler/transforms/Place.h"
#include "compiler/transforms/Work.h"

using namespace mlir;

namespace nnc {

namespace {

/// What a slow kernel must at least do to be worth a warning: about a millisecond.
constexpr int64_t worthAWarning = 1 << 18;

/// Whether a planned kernel's operand lies in the state block.
bool isState(func::FuncOp function, Value operand) {
  auto argument = dyn_cast<BlockArgument>(operand);
  if (!argument)
    return false;
  StringRef kind = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "nn.kind").getValue();
  return kind != "input" && kind != "output" && kind != "arena";
}

std::string fallbackOf(nn::KernelOp kernel, const cpu::Target &target) {
  if (kernel.getFamily() == nn::Family::naive)
    return "it copies a value to a second place";
  return cpu::scheduleFamily(kernel.getFamily()).fallback(kernel, target);
}

/// The op for readers; a map without a name by its expression.
std::string describeOp(Operation *op) {
  auto map = dyn_cast<nn::MapOp>(op);
  if (!map || map.getFn())
    return operationName(op);
  std::string text = map.getExpr(0).str();
  return map.getNumResults() == 1 && text.size() <= 40 ? text : "map";
}

KernelReport describeKernel(func::FuncOp function, nn::KernelOp kernel, const cpu::Target &target, const ReportSizes &sizes) {
  Block &body = kernel.getBody().front();
  KernelReport report;
  report.name = kernel.getName().str();
  report.layer = layerOf(kernel.getLoc());
  report.source = sourceLineOf(kernel.getLoc());
  report.family = stringifyFamily(kernel.getFamily()).str();
  report.schedule = cpu::scheduleFamily(kernel.getFamily()).scheduleText(kernel, target);
  report.savings = cpu::scheduleFamily(kernel.getFamily()).savings(kernel, target);
  for (Operation &op : body.without_terminator())
    report.ops.push_back(describeOp(&op));
  AffineExpr bytes = bytesWritten(kernel);
  for (BlockArgument argument : body.getArguments()) {
    report.inputs.push_back(sizes.typeText(argument.getType()));
    AffineExpr read = bytesRead(kernel, argument.getArgNumber());
    bytes = bytes + read;
    if (isState(function, kernel.getInputs()[argument.getArgNumber()]))
      report.stateBytes += sizes.quantity(read).value;
  }
  for (auto [i, type] : llvm::enumerate(body.getTerminator()->getOperandTypes())) {
    report.results.push_back(sizes.typeText(type));
    if (isState(function, kernel.getInputs()[body.getNumArguments() + i]))
      report.stateBytes += sizes.quantity(bytesOf(type)).value;
  }
  report.operations = sizes.quantity(operationsOf(kernel));
  report.bytes = sizes.quantity(nn::simplify(bytes));
  return report;
}

} // namespace

ReportSizes::ReportSizes(func::FuncOp function, int64_t batch) {
  auto listed = function->getAttrOfType<ArrayAttr>("nn.symbols");
  auto ranges = function->getAttrOfType<DenseI64ArrayAttr>("nn.symbol_ranges");
  for (size_t i = 0; listed && i < listed.size(); ++i) {
    names.push_back(cast<StringAttr>(listed[i]));
    int64_t size = i == 0 ? std::max(batch, ranges[0]) : ranges[2 * i];
    sizes.push_back(getAffineConstantExpr(size, function.getContext()));
  }
}

Quantity ReportSizes::quantity(AffineExpr expr) const {
  return {nn::printSize(expr, names), *nn::constantSize(nn::simplify(expr.replaceSymbols(sizes)))};
}

std::string ReportSizes::typeText(Type tensor) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << cast<RankedTensorType>(tensor).getElementType() << "[";
  llvm::interleaveComma(nn::dimsOf(tensor), os, [&](AffineExpr dim) { os << nn::printSize(dim, names); });
  os << "]";
  return text;
}

void reportKernels(ModuleOp module, const cpu::Target &target, bool optimized, int64_t batch, ModelReport &report) {
  report.vectorBytes = target.vectorBytes;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.getName().ends_with(".arena_bytes"))
      continue;
    ReportSizes sizes(function, batch);
    if (report.sizes.empty())
      for (auto [name, size] : llvm::zip(sizes.names, sizes.sizes))
        report.sizes.emplace_back(name.str(), *nn::constantSize(size));
    FunctionReport &entry = report.functions.emplace_back();
    entry.name = function.getName().str();
    reportMemory(function, sizes, entry);
    function.walk([&](nn::KernelOp kernel) {
      entry.kernels.push_back(describeKernel(function, kernel, target, sizes));
      KernelReport &last = entry.kernels.back();
      if (optimized)
        last.fallback = fallbackOf(kernel, target);
      if (!last.fallback.empty() && std::max(last.operations.value, last.bytes.value / 4) >= worthAWarning)
        report.warnings.push_back((last.source.empty() ? "" : last.source + ": ") + "kernel " + last.name + " of " +
                                  entry.name + " is computed element by element: " + last.fallback);
    });
  }
}

} // namespace nnc
