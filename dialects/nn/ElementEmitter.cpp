#include "dialects/nn/ElementEmitter.h"
#include "dialects/nn/Dims.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace nnc::nn {

Value emitSize(OpBuilder &builder, Location loc, AffineExpr size, ValueRange symbols) {
  return affine::expandAffineExpr(builder, loc, size, {}, symbols);
}

Value ElementEmitter::size(Value tensor, int64_t axis) { return size(dimsOf(tensor)[axis]); }

Value ElementEmitter::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

Value ElementEmitter::constant(Type type, double value) {
  if (isa<FloatType>(type))
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
  return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, static_cast<int64_t>(value)));
}

Value ElementEmitter::add(Value x, Value y) {
  if (isa<FloatType>(x.getType()))
    return arith::AddFOp::create(b, loc, x, y);
  return b.createOrFold<arith::AddIOp>(loc, x, y);
}

Value ElementEmitter::sub(Value x, Value y) {
  if (isa<FloatType>(x.getType()))
    return arith::SubFOp::create(b, loc, x, y);
  return b.createOrFold<arith::SubIOp>(loc, x, y);
}

Value ElementEmitter::mul(Value x, Value y) {
  if (isa<FloatType>(x.getType()))
    return arith::MulFOp::create(b, loc, x, y);
  return b.createOrFold<arith::MulIOp>(loc, x, y);
}

Value ElementEmitter::mulAdd(Value a, int64_t scale, int64_t offset) {
  if (scale != 1)
    a = mul(a, index(scale));
  return offset == 0 ? a : add(a, index(offset));
}

Value ElementEmitter::inRange(Value a, int64_t low, Value high) {
  Value above = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, a, index(low));
  Value below = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, a, high);
  return logicalAnd(above, below);
}

Value ElementEmitter::logicalAnd(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }

SmallVector<Value> ElementEmitter::loop(ValueRange sizes, ValueRange initial, Body body) {
  if (sizes.empty())
    return body({}, initial);
  SmallVector<Value> position;
  SmallVector<scf::ForOp> loops;
  SmallVector<Value> carried(initial.begin(), initial.end());
  OpBuilder::InsertionGuard guard(b);
  for (Value size : sizes) {
    auto forOp = scf::ForOp::create(b, loc, index(0), size, index(1), carried);
    b.setInsertionPointToStart(forOp.getBody());
    position.push_back(forOp.getInductionVar());
    carried.assign(forOp.getRegionIterArgs().begin(), forOp.getRegionIterArgs().end());
    loops.push_back(forOp);
  }
  SmallVector<Value> results = body(position, carried);
  for (scf::ForOp forOp : llvm::reverse(loops)) {
    b.setInsertionPointToEnd(forOp.getBody());
    // A loop that carries nothing gets its terminator when it is created.
    if (forOp.getBody()->empty() || !forOp.getBody()->back().hasTrait<OpTrait::IsTerminator>())
      scf::YieldOp::create(b, loc, results);
    results.assign(forOp.getResults().begin(), forOp.getResults().end());
  }
  return results;
}

Value ElementEmitter::sum(Type type, ValueRange sizes, function_ref<Value(ValueRange)> term) {
  Type wide = isa<FloatType>(type) ? b.getF64Type() : type;
  Value zero = constant(wide, 0.0);
  Value total = loop(sizes, zero, [&](ValueRange position, ValueRange acc) -> SmallVector<Value> {
    Value value = term(position);
    if (value.getType() != wide)
      value = arith::ExtFOp::create(b, loc, wide, value);
    return {add(acc[0], value)};
  })[0];
  return wide == type ? total : arith::TruncFOp::create(b, loc, type, total);
}

Value ElementEmitter::guarded(Value condition, function_ref<Value()> then, Value otherwise) {
  auto ifOp = scf::IfOp::create(b, loc, otherwise.getType(), condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&ifOp.getThenRegion().front());
  scf::YieldOp::create(b, loc, then());
  b.setInsertionPointToStart(&ifOp.getElseRegion().front());
  scf::YieldOp::create(b, loc, otherwise);
  return ifOp.getResult(0);
}

} // namespace nnc::nn
