#include "codegen/cpu/KernelContext.h"
#include "codegen/cpu/ExprEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

KernelContext::KernelContext(OpBuilder &builder, KernelOp kernel, const Target &target)
    : ElementEmitter(builder, kernel.getLoc()), kernel(kernel), target(target) {}

Value KernelContext::size(AffineExpr dim) {
  if (auto constant = constantSize(dim))
    return index(*constant);
  return emitSize(b, loc, dim, symbols);
}

SmallVector<Value> KernelContext::evaluate(ArrayRef<Expr> exprs, ArrayRef<Value> inputs, ArrayRef<Type> types) {
  return emitExprs(b, loc, exprs, inputs, types);
}

Value KernelContext::element(Value tensor, ValueRange index) {
  if (bufferOf(tensor))
    return loadElement(tensor, linearize(tensor, index));
  auto op = tensor.getDefiningOp<ElementOpInterface>();
  return op.emitElement(*this, cast<OpResult>(tensor).getResultNumber(), index);
}

Value KernelContext::linearize(Value tensor, ValueRange index) {
  Dims dims = dimsOf(tensor);
  Value linear;
  for (auto [dim, i] : llvm::zip(dims, index)) {
    if (isOne(dim))
      continue;
    linear = linear ? add(mul(linear, size(dim)), i) : i;
  }
  return linear ? linear : this->index(0);
}

SmallVector<Value> KernelContext::delinearize(Value linear, ArrayRef<AffineExpr> dims) {
  SmallVector<Value> result(dims.size());
  int64_t outermost = 0;
  while (outermost + 1 < (int64_t)dims.size() && isOne(dims[outermost]))
    ++outermost;
  for (int64_t d = dims.size() - 1; d >= 0; --d) {
    if (isOne(dims[d])) {
      result[d] = index(0);
    } else if (d == outermost) {
      result[d] = linear;
    } else {
      Value extent = size(dims[d]);
      result[d] = arith::RemUIOp::create(b, loc, linear, extent);
      linear = arith::DivUIOp::create(b, loc, linear, extent);
    }
  }
  return result;
}

Value KernelContext::checked(Value tensor, Value position) {
  if (!outside)
    return position;
  Value count = size(product(b.getContext(), dimsOf(tensor)));
  Value isOutside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, position, count);
  scf::IfOp::create(b, loc, isOutside, [&](OpBuilder &, Location) {
    Value one = arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(1));
    memref::StoreOp::create(b, loc, one, outside, index(0));
    scf::YieldOp::create(b, loc);
  });
  return arith::SelectOp::create(b, loc, isOutside, index(0), position);
}

// Truth values are bytes in memory: 0 and 1.
Value KernelContext::loadElement(Value tensor, Value position) {
  position = checked(tensor, position);
  Value value = memref::LoadOp::create(b, loc, bufferOf(tensor), position);
  return elementTypeOf(tensor).isInteger(1) ? arith::TruncIOp::create(b, loc, b.getI1Type(), value) : value;
}

void KernelContext::storeElement(Value value, Value memref, Value position) {
  if (value.getType().isInteger(1))
    value = arith::ExtUIOp::create(b, loc, b.getI8Type(), value);
  memref::StoreOp::create(b, loc, value, memref, position);
}

Value KernelContext::minimum(Value x, Value y) { return b.createOrFold<arith::MinSIOp>(loc, x, y); }

Value KernelContext::ceilDiv(Value a, int64_t divisor) {
  return b.createOrFold<arith::DivUIOp>(loc, add(a, index(divisor - 1)), index(divisor));
}

void KernelContext::forLoop(Value from, Value to, int64_t step, function_ref<void(Value)> emitBody) {
  auto loop = scf::ForOp::create(b, loc, from, to, index(step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  emitBody(loop.getInductionVar());
}

} // namespace nnc::cpu
