#include "compiler/autodiff/Autodiff.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace nnc {

static SmallVector<StringAttr> functionSymbols(func::FuncOp function) {
  SmallVector<StringAttr> symbols;
  if (auto names = function->getAttrOfType<ArrayAttr>("nn.symbols"))
    for (Attribute name : names)
      symbols.push_back(cast<StringAttr>(name));
  return symbols;
}

void decomposeComposites(func::FuncOp function) {
  SmallVector<StringAttr> symbols = functionSymbols(function);
  bool changed = true;
  while (changed) {
    changed = false;
    for (Operation &op : llvm::make_early_inc_range(function.front())) {
      auto composite = dyn_cast<nn::DecomposableOpInterface>(op);
      if (!composite)
        continue;
      OpBuilder b(&op);
      nn::Builder builder(b, op.getLoc(), symbols);
      op.replaceAllUsesWith(composite.decompose(builder));
      op.erase();
      changed = true;
    }
  }
}

FailureOr<SmallVector<Value>> differentiate(nn::Builder &builder, Block &body, ArrayRef<Value> outputs,
                                            ArrayRef<Value> seeds, ArrayRef<Value> wrt) {
  // Activity: float values that depend on something to differentiate by.
  DenseSet<Value> active(wrt.begin(), wrt.end());
  SmallVector<Operation *> order;
  for (Operation &op : body) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      break;
    order.push_back(&op);
    if (llvm::any_of(op.getOperands(), [&](Value v) { return active.contains(v); }))
      for (Value result : op.getResults())
        if (isa<FloatType>(nn::elementTypeOf(result)))
          active.insert(result);
  }

  DenseMap<Value, Value> adjoints;
  auto accumulate = [&](Value value, Value adjoint) {
    Value &slot = adjoints[value];
    slot = slot ? builder.add(slot, adjoint) : adjoint;
  };
  for (auto [output, seed] : llvm::zip(outputs, seeds))
    if (active.contains(output))
      accumulate(output, seed);

  for (Operation *op : llvm::reverse(order)) {
    SmallVector<Value> results;
    for (Value result : op->getResults())
      results.push_back(adjoints.lookup(result));
    bool reached = llvm::any_of(results, [](Value v) { return static_cast<bool>(v); });
    auto isActive = [&](Value v) { return active.contains(v); };
    bool wanted = llvm::any_of(op->getOperands(), isActive);
    if (!reached || !wanted)
      continue;
    auto rule = dyn_cast<nn::DifferentiableOpInterface>(op);
    if (!rule) {
      op->emitError("the gradient of this operation is not supported; freeze the parameters before it "
                    "(requires_grad = False) or remove it from the training path");
      return failure();
    }
    builder.loc = op->getLoc();
    nn::Grad grad(builder, op, results, isActive, accumulate);
    if (failed(rule.vjp(grad)))
      return failure();
  }

  SmallVector<Value> gradients;
  for (Value value : wrt) {
    Value adjoint = adjoints.lookup(value);
    gradients.push_back(adjoint ? adjoint : builder.zerosLike(value));
  }
  return gradients;
}

} // namespace nnc
