#include "compiler/transforms/Work.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

static AffineExpr sizeOf(Value tensor) { return product(tensor.getContext(), dimsOf(tensor)); }

static int64_t constantProduct(ArrayRef<int64_t> factors) {
  int64_t result = 1;
  for (int64_t factor : factors)
    result *= factor;
  return result;
}

// A filter [K, C / groups, taps...] meets every output position.
static AffineExpr convolutionOperations(Value output, Value filter) {
  Dims dims = dimsOf(filter);
  return sizeOf(output) * product(filter.getContext(), ArrayRef(dims).drop_front()) * 2;
}

static AffineExpr mapOperations(MapOp map) {
  AffineExpr total = getAffineConstantExpr(0, map.getContext());
  for (unsigned r = 0; r < map.getNumResults(); ++r) {
    int64_t count = llvm::count_if(map.getExpr(r).postOrder(), [](Expr e) { return e.primitive() > Primitive::Constant; });
    total = total + sizeOf(map.getResult(r)) * count;
  }
  return total;
}

AffineExpr operationsOf(Operation *op) {
  if (auto map = dyn_cast<MapOp>(op))
    return mapOperations(map);
  if (auto matmul = dyn_cast<MatmulOp>(op)) {
    Dims a = dimsOf(matmul.getA());
    return sizeOf(matmul.getResult()) * a[a.size() - (matmul.getTransposeA() ? 2 : 1)] * 2;
  }
  if (auto conv = dyn_cast<ConvOp>(op))
    return convolutionOperations(conv.getResult(), conv.getWeight());
  if (auto conv = dyn_cast<ConvInputGradOp>(op))
    return convolutionOperations(conv.getOutputGrad(), conv.getWeight());
  if (auto conv = dyn_cast<ConvWeightGradOp>(op))
    return convolutionOperations(conv.getOutputGrad(), conv.getResult());
  if (isa<RecurrenceOp, RecurrenceGradOp>(op)) {
    // The recurrent product of all steps: [T, N, G * H] by H.
    auto forward = dyn_cast<RecurrenceOp>(op);
    Value gates = forward ? forward.getGates() : cast<RecurrenceGradOp>(op).getGatesGrad();
    Value hidden = forward ? forward.getH0() : cast<RecurrenceGradOp>(op).getH0();
    return sizeOf(gates) * dimsOf(hidden).back() * 2;
  }
  if (isa<MaxPoolOp, SumPoolOp>(op))
    return sizeOf(op->getResult(0)) * constantProduct(op->getAttrOfType<DenseI64ArrayAttr>("kernel"));
  if (isa<SumPoolGradOp>(op))
    return sizeOf(op->getOperand(0)) * constantProduct(op->getAttrOfType<DenseI64ArrayAttr>("kernel"));
  if (isa<ReduceOp, MaxPoolGradOp, ScatterAddOp, ScatterAddElementsOp>(op))
    return sizeOf(op->getOperand(0));
  return getAffineConstantExpr(0, op->getContext());
}

AffineExpr operationsOf(KernelOp kernel) {
  AffineExpr total = getAffineConstantExpr(0, kernel.getContext());
  for (Operation &op : kernel.getBody().front().without_terminator())
    total = total + operationsOf(&op);
  return simplify(total);
}

AffineExpr bytesOf(Type tensor) {
  int64_t width = std::max(8u, cast<RankedTensorType>(tensor).getElementTypeBitWidth()) / 8;
  return simplify(product(tensor.getContext(), dimsOf(tensor)) * width);
}

AffineExpr bytesRead(KernelOp kernel, unsigned operand) {
  BlockArgument argument = kernel.getBody().front().getArgument(operand);
  // A product with a packed weight does not look at the plain one.
  auto replaced = [](OpOperand &use) {
    return isa<MatmulOp, ConvOp, ConvInputGradOp>(use.getOwner()) && use.getOwner()->getNumOperands() == 3 && use.getOperandNumber() == 1;
  };
  if (llvm::all_of(argument.getUses(), replaced))
    return getAffineConstantExpr(0, kernel.getContext());
  // Of what is only picked from, what is picked.
  auto picks = [&](OpOperand &use) { return isa<SliceOp, GatherOp, GatherElementsOp>(use.getOwner()) && use.getOperandNumber() == 0; };
  if (!llvm::all_of(argument.getUses(), picks))
    return bytesOf(argument.getType());
  AffineExpr total = getAffineConstantExpr(0, kernel.getContext());
  for (Operation *user : argument.getUsers())
    total = total + bytesOf(user->getResult(0).getType());
  return simplify(total);
}

AffineExpr bytesWritten(KernelOp kernel) {
  AffineExpr total = getAffineConstantExpr(0, kernel.getContext());
  for (Type type : kernel.getBody().front().getTerminator()->getOperandTypes())
    total = total + bytesOf(type);
  return simplify(total);
}

} // namespace nnc
