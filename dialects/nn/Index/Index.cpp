#include "dialects/nn/Builder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace nnc::nn {

/// `x` with zeros at position `row` of an axis, if that is not negative.
static Value withoutRow(Builder &b, Value x, int64_t axis, int64_t row) {
  if (row < 0)
    return x;
  Value position = b.iota(dimsOf(x), axis, IntegerType::get(x.getContext(), 64));
  return b.map("select(x0 == " + std::to_string(row) + ", 0, x1)", {position, x});
}

} // namespace nnc::nn

#define GET_OP_CLASSES
#include "dialects/nn/Index/Index.cpp.inc"

namespace nnc::nn {

void NNDialect::registerIndexOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/Index/Index.cpp.inc"
      >();
}

/// An element of an index tensor as an index value.
static Value readPosition(ElementEmitter &e, Value index, ValueRange at) {
  return arith::IndexCastOp::create(e.b, e.loc, e.b.getIndexType(), e.element(index, at));
}

static Value heldInside(ElementEmitter &e, Value position, Value extent) {
  Value last = e.sub(extent, e.index(1));
  Value low = arith::MaxSIOp::create(e.b, e.loc, position, e.index(0));
  return arith::MinSIOp::create(e.b, e.loc, low, last);
}

static Value equals(ElementEmitter &e, Value a, Value b) {
  return arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::eq, a, b);
}

/// `at` with `part` in place of the `count` indices from `axis` on.
static SmallVector<Value> replaced(ValueRange at, int64_t axis, int64_t count, ValueRange part) {
  SmallVector<Value> result(at.take_front(axis));
  result.append(part.begin(), part.end());
  ValueRange rest = at.drop_front(axis + count);
  result.append(rest.begin(), rest.end());
  return result;
}

LogicalResult GatherOp::verify() {
  if (rankOf(getResult()) != rankOf(getInput()) - 1 + rankOf(getIndex()))
    return emitOpError("the result's rank must be the input's less one, plus the index's");
  return success();
}

Value GatherOp::emitElement(ElementEmitter &e, unsigned, ValueRange at) {
  int64_t axis = getAxis(), count = rankOf(getIndex());
  Value position = readPosition(e, getIndex(), at.slice(axis, count));
  return e.element(getInput(), replaced(at, axis, count, heldInside(e, position, e.size(getInput(), axis))));
}

Value ScatterAddOp::emitElement(ElementEmitter &e, unsigned, ValueRange at) {
  int64_t axis = getAxis();
  Type type = elementTypeOf(getResult());
  SmallVector<Value> sizes;
  for (int64_t d = 0; d < rankOf(getIndex()); ++d)
    sizes.push_back(e.size(getIndex(), d));
  Value total = e.sum(type, sizes, [&](ValueRange i) {
    Value hit = equals(e, readPosition(e, getIndex(), i), at[axis]);
    return e.guarded(hit, [&] { return e.element(getInput(), replaced(at, axis, 1, i)); }, e.constant(type, 0.0));
  });
  if (int64_t(getPadding()) < 0)
    return total;
  Value padding = equals(e, at[axis], e.index(getPadding()));
  return arith::SelectOp::create(e.b, e.loc, padding, e.constant(type, 0.0), total);
}

Value GatherElementsOp::emitElement(ElementEmitter &e, unsigned, ValueRange at) {
  int64_t axis = getAxis();
  Value position = readPosition(e, getIndex(), at);
  return e.element(getInput(), replaced(at, axis, 1, heldInside(e, position, e.size(getInput(), axis))));
}

Value ScatterAddElementsOp::emitElement(ElementEmitter &e, unsigned, ValueRange at) {
  int64_t axis = getAxis();
  Type type = elementTypeOf(getResult());
  // The index may be smaller than the result along the other axes.
  Value inside;
  for (int64_t d = 0; d < rankOf(getResult()); ++d)
    if (d != axis && !sameSize(dimsOf(getResult())[d], dimsOf(getIndex())[d])) {
      Value ok = e.inRange(at[d], 0, e.size(getIndex(), d));
      inside = inside ? e.logicalAnd(inside, ok) : ok;
    }
  auto sum = [&] {
    return e.sum(type, e.size(getIndex(), axis), [&](ValueRange i) {
      SmallVector<Value> source = replaced(at, axis, 1, i);
      Value hit = equals(e, readPosition(e, getIndex(), source), at[axis]);
      return e.guarded(hit, [&] { return e.element(getInput(), source); }, e.constant(type, 0.0));
    });
  };
  return inside ? e.guarded(inside, sum, e.constant(type, 0.0)) : sum();
}

} // namespace nnc::nn
