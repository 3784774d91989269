#include "compiler/transforms/FormKernels.h"
#include "compiler/transforms/Fusion.h"
#include "compiler/transforms/Place.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace nnc {

std::string operationName(Operation *op) {
  if (auto map = dyn_cast<nn::MapOp>(op))
    if (map.getFn())
      return map.getFn()->str();
  return op->getName().stripDialect().str();
}

std::string layerName(Operation *op) {
  std::string layer = layerOf(op->getLoc()), name = operationName(op);
  return layer.empty() ? name : layer + "/" + name;
}

nn::KernelOp createKernel(OpBuilder &builder, ArrayRef<Operation *> group, nn::Family family) {
  llvm::SetVector<Value> inputs;
  SmallVector<Value> outputs;
  llvm::SmallPtrSet<Operation *, 8> members(group.begin(), group.end());
  for (Operation *op : group) {
    for (Value operand : op->getOperands())
      if (!operand.getDefiningOp() || !members.contains(operand.getDefiningOp()))
        inputs.insert(operand);
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !members.contains(user); }))
        outputs.push_back(result);
  }
  // The name is that of the op that does the work: the first structured one.
  Operation *anchor = group.back();
  for (Operation *op : llvm::reverse(group))
    if (!isa<nn::MapOp>(op))
      anchor = op;
  auto kernel = nn::KernelOp::create(builder, anchor->getLoc(), ValueRange(outputs).getTypes(),
                                     inputs.getArrayRef(), family, layerName(anchor));
  Block &body = kernel.getBody().emplaceBlock();
  IRMapping mapping;
  for (Value input : inputs)
    mapping.map(input, body.addArgument(input.getType(), input.getLoc()));
  OpBuilder inside = OpBuilder::atBlockEnd(&body);
  for (Operation *op : group)
    inside.clone(*op, mapping);
  SmallVector<Value> yielded;
  for (Value output : outputs)
    yielded.push_back(mapping.lookup(output));
  nn::YieldOp::create(inside, kernel.getLoc(), yielded);
  for (auto [output, result] : llvm::zip(outputs, kernel.getOutputs()))
    output.replaceUsesWithIf(result, [&](OpOperand &use) { return !members.contains(use.getOwner()); });
  for (Operation *op : llvm::reverse(group))
    op->erase();
  return kernel;
}

void formKernels(func::FuncOp function, int optimization) {
  OpBuilder builder(function.getContext());
  if (optimization > 0) {
    fuseKernels(function);
    return;
  }
  for (Operation &op : llvm::make_early_inc_range(function.front().without_terminator())) {
    if (isa<nn::ReshapeOp, nn::KernelOp>(op))
      continue;
    if (op.use_empty()) {
      op.erase();
      continue;
    }
    builder.setInsertionPoint(&op);
    // A recurrence over a symbolic number of steps was not written out: it has no element.
    bool sequence = isa<nn::RecurrenceOp, nn::RecurrenceGradOp>(op);
    createKernel(builder, &op, sequence ? nn::Family::sequence : nn::Family::naive);
  }
}

} // namespace nnc
