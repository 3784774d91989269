#include "dialects/nn/Builder.h"
#include "dialects/nn/Conv/Winograd.h"
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

LogicalResult WinogradFilterOp::verify() {
  Dims w = dimsOf(getWeight()), packed = dimsOf(getResult());
  bool isSquare = w.size() == 4 && constantSize(w[2]) == 3 && constantSize(w[3]) == 3;
  if (!isSquare || packed.size() != 4)
    return emitOpError("packs filters [K, C, 3, 3] to rank 4");
  auto panels = constantSize(packed[0]), products = constantSize(packed[1]), lanes = constantSize(packed[3]);
  auto result = constantSize(w[getAdjoint() ? 1 : 0]), reduced = constantSize(w[getAdjoint() ? 0 : 1]);
  if (products != 16 && products != 36)
    return emitOpError("knows tiles of 16 and 36 products");
  if (!result || !reduced || !panels || !lanes || *panels * *lanes < *result || constantSize(packed[2]) != reduced)
    return emitOpError("channels of the result do not fit the weight");
  return success();
}

LogicalResult PackFilterOp::verify() {
  Dims w = dimsOf(getWeight()), packed = dimsOf(getResult());
  int64_t groups = getGroups();
  auto filters = constantSize(w[0]), channels = constantSize(w[1]);
  if (packed.size() != 4 || w.size() < 2 || !filters || !channels || groups < 1 || *filters % groups)
    return emitOpError("packs filters [K, C / groups, kernel...] to rank 4");
  int64_t perGroup = *filters / groups;
  auto panels = constantSize(packed[0]), lanes = constantSize(packed[3]);
  int64_t result = getAdjoint() ? *channels : perGroup, reduced = getAdjoint() ? perGroup : *channels;
  if (!panels || !lanes || *panels % groups || *panels / groups * *lanes < result ||
      constantSize(packed[1]) != reduced || !sameSize(packed[2], product(getContext(), ArrayRef(w).drop_front(2))))
    return emitOpError("channels or taps of the result do not fit the weight");
  return success();
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

// (G g G^T)[i, j], with row i of G chosen by comparison.
Value WinogradFilterOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  Type type = elementTypeOf(getResult());
  Dims packed = dimsOf(getResult());
  const Winograd &winograd = Winograd::ofProducts(*constantSize(packed[1]));
  Value points = e.index(winograd.points);
  Value row = arith::DivUIOp::create(e.b, e.loc, index[1], points);
  Value column = arith::RemUIOp::create(e.b, e.loc, index[1], points);
  auto factor = [&](Value point, int64_t tap) {
    Value chosen = e.constant(type, winograd.filter[tap]);
    for (int64_t p = 1; p < winograd.points; ++p) {
      Value here = arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::eq, point, e.index(p));
      chosen = arith::SelectOp::create(e.b, e.loc, here, e.constant(type, winograd.filter[p * 3 + tap]), chosen);
    }
    return chosen;
  };
  Value channel = e.add(e.mulAdd(index[0], *constantSize(packed[3]), 0), index[3]);
  SmallVector<Value> at = {channel, index[2], {}, {}};
  if (getAdjoint())
    std::swap(at[0], at[1]);
  Value exists = e.inRange(channel, 0, e.size(getWeight(), getAdjoint() ? 1 : 0));
  return e.guarded(exists, [&] {
    Value sum;
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 3; ++j) {
        at[2] = e.index(getAdjoint() ? 2 - i : i);
        at[3] = e.index(getAdjoint() ? 2 - j : j);
        Value term = e.mul(e.mul(factor(row, i), factor(column, j)), e.element(getWeight(), at));
        sum = sum ? e.add(sum, term) : term;
      }
    return sum;
  }, e.constant(type, 0.0));
}

Value PackFilterOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  Dims w = dimsOf(getWeight()), packed = dimsOf(getResult());
  int64_t groups = getGroups(), lanes = *constantSize(packed[3]), panels = *constantSize(packed[0]) / groups;
  int64_t filters = *constantSize(w[0]) / groups, channels = *constantSize(w[1]);
  int64_t result = getAdjoint() ? channels : filters;
  Value group = arith::DivUIOp::create(e.b, e.loc, index[0], e.index(panels));
  Value panel = arith::RemUIOp::create(e.b, e.loc, index[0], e.index(panels));
  Value channel = e.add(e.mulAdd(panel, lanes, 0), index[3]);
  return e.guarded(e.inRange(channel, 0, e.index(result)), [&] {
    Value filter = getAdjoint() ? index[1] : channel;
    SmallVector<Value> at = {e.add(e.mulAdd(group, filters, 0), filter), getAdjoint() ? channel : index[1]};
    Value rest = index[2];
    SmallVector<Value> tap;
    for (size_t axis = w.size(); axis-- > 2;) {
      Value size = e.size(w[axis]);
      tap.push_back(arith::RemUIOp::create(e.b, e.loc, rest, size));
      rest = arith::DivUIOp::create(e.b, e.loc, rest, size);
    }
    at.append(tap.rbegin(), tap.rend());
    return e.element(getWeight(), at);
  }, e.constant(elementTypeOf(getResult()), 0.0));
}

} // namespace nnc::nn
