#include "dialects/nn/Builder.h"
#include "dialects/nn/WindowPositions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

#define GET_OP_CLASSES
#include "dialects/nn/Pool/Pool.cpp.inc"

using namespace mlir;

namespace nnc::nn {

void NNDialect::registerPoolOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/Pool/Pool.cpp.inc"
      >();
}

static SmallVector<Value> windowSizes(ElementEmitter &e, ArrayRef<int64_t> kernel) {
  SmallVector<Value> sizes;
  for (int64_t k : kernel)
    sizes.push_back(e.index(k));
  return sizes;
}

// Row-major position of the taps within the window.
static Value windowPosition(ElementEmitter &e, ArrayRef<int64_t> kernel, ValueRange taps) {
  Value position = taps[0];
  for (size_t d = 1; d < taps.size(); ++d)
    position = e.add(e.mulAdd(position, kernel[d], 0), taps[d]);
  return position;
}

Value MaxPoolOp::emitElement(ElementEmitter &e, unsigned result, ValueRange index) {
  Type type = elementTypeOf(getInput());
  Value lowest = e.constant(type, -std::numeric_limits<double>::infinity());
  // The first tap inside starts the comparison (-1: none yet), so that a window of
  // -inf still has a position. A larger element, or the first NaN, takes over.
  SmallVector<Value> best = e.loop(windowSizes(e, getKernel()), {lowest, e.index(-1)},
      [&](ValueRange taps, ValueRange acc) -> SmallVector<Value> {
    SmallVector<Value> source{index[0], index[1]};
    Value inside = inputPositions(e, *this, getInput(), index.drop_front(2), taps, source);
    Value x = e.guarded(inside, [&] { return e.element(getInput(), source); }, lowest);
    Value none = arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::slt, acc[1], e.index(0));
    Value greater = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::OGT, x, acc[0]);
    Value nan = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::UNO, x, x);
    Value take = arith::OrIOp::create(e.b, e.loc, none, arith::OrIOp::create(e.b, e.loc, greater, nan));
    take = e.logicalAnd(take, inside);
    Value held = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::ORD, acc[0], acc[0]);
    take = e.logicalAnd(take, held);
    return {arith::SelectOp::create(e.b, e.loc, take, x, acc[0]),
            arith::SelectOp::create(e.b, e.loc, take, windowPosition(e, getKernel(), taps), acc[1])};
  });
  if (result == 0)
    return best[0];
  return arith::IndexCastOp::create(e.b, e.loc, elementTypeOf(getPosition()), best[1]);
}

LogicalResult MaxPoolOp::vjp(Grad &g) {
  if (g.needs(getInput()) && g.hasDy(0))
    g.push(getInput(), [&] {
      return g.maxPoolGrad(g.dy(0), getPosition(), dimsOf(getInput()), getKernel(), getStride(), getPadding(), getDilation());
    });
  return success();
}

// Sums `term` over the windows that contain the input element `index`.
template <typename PoolOp>
static Value sumOverWindows(ElementEmitter &e, PoolOp op, ValueRange index,
                            function_ref<Value(ValueRange window, ValueRange taps)> term) {
  Type type = elementTypeOf(op.getResult());
  return e.sum(type, windowSizes(e, op.getKernel()), [&](ValueRange taps) {
    SmallVector<Value> window{index[0], index[1]};
    Value hit = windowPositions(e, op, op.getOutputGrad(), index.drop_front(2), taps, window);
    return e.guarded(hit, [&] { return term(window, taps); }, e.constant(type, 0.0));
  });
}

Value MaxPoolGradOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  Type type = elementTypeOf(getResult());
  return sumOverWindows(e, *this, index, [&](ValueRange window, ValueRange taps) -> Value {
    Value here = arith::IndexCastOp::create(e.b, e.loc, elementTypeOf(getPosition()), windowPosition(e, getKernel(), taps));
    Value chosen = arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::eq, e.element(getPosition(), window), here);
    return arith::SelectOp::create(e.b, e.loc, chosen, e.element(getOutputGrad(), window), e.constant(type, 0.0));
  });
}

Value SumPoolOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  Type type = elementTypeOf(getResult());
  return e.sum(type, windowSizes(e, getKernel()), [&](ValueRange taps) {
    SmallVector<Value> source{index[0], index[1]};
    Value inside = inputPositions(e, *this, getInput(), index.drop_front(2), taps, source);
    return e.guarded(inside, [&] { return e.element(getInput(), source); }, e.constant(type, 0.0));
  });
}

Value SumPoolGradOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  return sumOverWindows(e, *this, index,
                        [&](ValueRange window, ValueRange) { return e.element(getOutputGrad(), window); });
}

} // namespace nnc::nn
