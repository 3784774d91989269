#include "dialects/nn/Builder.h"
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

// Input positions o * stride - padding + tap * dilation, and whether all lie inside.
template <typename ConvLike>
static Value inputPositions(ElementEmitter &e, ConvLike op, Value x, ValueRange out, ValueRange taps,
                            SmallVectorImpl<Value> &positions) {
  Value inside;
  for (auto [d, o, t] : llvm::enumerate(out, taps)) {
    Value p = e.add(e.mulAdd(o, op.getStride()[d], -op.getPadding()[d]), e.mulAdd(t, op.getDilation()[d], 0));
    Value ok = e.inRange(p, 0, e.size(x, d + 2));
    inside = inside ? e.logicalAnd(inside, ok) : ok;
    positions.push_back(p);
  }
  return inside;
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
    // The output position whose tap reads this input element, if there is one: the
    // division is exact there, so its rounding of negative numbers does not matter.
    Value k = e.add(e.mulAdd(group, perGroupOut, 0), p[0]);
    SmallVector<Value> source{index[0], k}, tap{k, channel};
    Value hit;
    for (size_t d = 0; d + 2 < index.size(); ++d) {
      Value stride = e.index(getStride()[d]);
      Value t = e.sub(e.mulAdd(index[d + 2], 1, getPadding()[d]), e.mulAdd(p[d + 1], getDilation()[d], 0));
      Value o = arith::DivSIOp::create(e.b, e.loc, t, stride);
      Value exact = arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::eq, e.mul(o, stride), t);
      Value ok = e.logicalAnd(exact, e.inRange(o, 0, e.size(getOutputGrad(), d + 2)));
      hit = hit ? e.logicalAnd(hit, ok) : ok;
      source.push_back(o);
      tap.push_back(p[d + 1]);
    }
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
