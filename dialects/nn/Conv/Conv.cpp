#include "dialects/nn/Builder.h"
#include "dialects/nn/WindowPositions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

#define GET_OP_CLASSES
#include "dialects/nn/Conv/Conv.cpp.inc"

using namespace mlir;

namespace nnc::nn {

void NNDialect::registerConvOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/Conv/Conv.cpp.inc"
      >();
}

// Shared by the three ops: x [N, C, in...], w [K, C/groups, kernel...], y [N, K, out...].
static LogicalResult verifyShapes(Operation *op, Value x, Value w, Value y, ArrayRef<int64_t> stride,
                                  int64_t groups) {
  Dims dx = dimsOf(x), dw = dimsOf(w), dy = dimsOf(y);
  if (dx.size() < 3 || dw.size() != dx.size() || dy.size() != dx.size() || stride.size() + 2 != dx.size())
    return op->emitOpError("operands need rank 2 + spatial axes, with one stride each");
  auto channels = constantSize(dx[1]), perGroup = constantSize(dw[1]), out = constantSize(dw[0]);
  if (!channels || !perGroup || !out || groups < 1 || *channels != *perGroup * groups || *out % groups)
    return op->emitOpError("channels do not fit the weight and groups = ") << groups;
  if (!sameSize(dy[1], dw[0]) || !sameSize(dx[0], dy[0]))
    return op->emitOpError("batch or channels of the output do not fit");
  return success();
}

LogicalResult ConvOp::verify() {
  return verifyShapes(*this, getInput(), getWeight(), getResult(), getStride(), getGroups());
}
LogicalResult ConvInputGradOp::verify() {
  return verifyShapes(*this, getResult(), getWeight(), getOutputGrad(), getStride(), getGroups());
}
LogicalResult ConvWeightGradOp::verify() {
  return verifyShapes(*this, getInput(), getResult(), getOutputGrad(), getStride(), getGroups());
}

static SmallVector<Value> sizesFrom(ElementEmitter &e, Value tensor, int64_t first) {
  SmallVector<Value> sizes;
  for (int64_t axis = first; axis < rankOf(tensor); ++axis)
    sizes.push_back(e.size(tensor, axis));
  return sizes;
}

Value ConvOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  Type type = elementTypeOf(getResult());
  int64_t perGroupOut = *constantSize(dimsOf(getWeight())[0]) / getGroups();
  int64_t perGroupIn = *constantSize(dimsOf(getWeight())[1]);
  Value group = arith::DivUIOp::create(e.b, e.loc, index[1], e.index(perGroupOut));
  return e.sum(type, sizesFrom(e, getWeight(), 1), [&](ValueRange p) { // p = [c, taps...]
    SmallVector<Value> source{index[0], e.add(e.mulAdd(group, perGroupIn, 0), p[0])};
    Value inside = inputPositions(e, *this, getInput(), index.drop_front(2), p.drop_front(), source);
    return e.guarded(inside, [&] {
      SmallVector<Value> tap{index[1]};
      tap.append(p.begin(), p.end());
      return e.mul(e.element(getInput(), source), e.element(getWeight(), tap));
    }, e.constant(type, 0.0));
  });
}

Value ConvInputGradOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  Type type = elementTypeOf(getResult());
  int64_t perGroupOut = *constantSize(dimsOf(getWeight())[0]) / getGroups();
  int64_t perGroupIn = *constantSize(dimsOf(getWeight())[1]);
  Value group = arith::DivUIOp::create(e.b, e.loc, index[1], e.index(perGroupIn));
  Value channel = arith::RemUIOp::create(e.b, e.loc, index[1], e.index(perGroupIn));
  SmallVector<Value> sizes{e.index(perGroupOut)};
  sizes.append(sizesFrom(e, getWeight(), 2));
  return e.sum(type, sizes, [&](ValueRange p) { // p = [k, taps...]
    Value k = e.add(e.mulAdd(group, perGroupOut, 0), p[0]);
    SmallVector<Value> source{index[0], k}, tap{k, channel};
    Value hit = windowPositions(e, *this, getOutputGrad(), index.drop_front(2), p.drop_front(), source);
    tap.append(p.begin() + 1, p.end());
    return e.guarded(hit, [&] { return e.mul(e.element(getOutputGrad(), source), e.element(getWeight(), tap)); },
                     e.constant(type, 0.0));
  });
}

Value ConvWeightGradOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  Type type = elementTypeOf(getResult());
  int64_t perGroupOut = *constantSize(dimsOf(getResult())[0]) / getGroups();
  int64_t perGroupIn = *constantSize(dimsOf(getResult())[1]);
  Value group = arith::DivUIOp::create(e.b, e.loc, index[0], e.index(perGroupOut));
  SmallVector<Value> sizes{e.size(getInput(), 0)};
  sizes.append(sizesFrom(e, getOutputGrad(), 2));
  return e.sum(type, sizes, [&](ValueRange p) { // p = [n, out...]
    SmallVector<Value> source{p[0], e.add(e.mulAdd(group, perGroupIn, 0), index[1])};
    Value inside = inputPositions(e, *this, getInput(), p.drop_front(), index.drop_front(2), source);
    return e.guarded(inside, [&] {
      SmallVector<Value> at{p[0], index[0]};
      at.append(p.begin() + 1, p.end());
      return e.mul(e.element(getInput(), source), e.element(getOutputGrad(), at));
    }, e.constant(type, 0.0));
  });
}

} // namespace nnc::nn
