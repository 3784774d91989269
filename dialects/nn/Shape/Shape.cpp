#include "dialects/nn/Builder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"

#define GET_OP_CLASSES
#include "dialects/nn/Shape/Shape.cpp.inc"

using namespace mlir;

namespace nnc::nn {

void NNDialect::registerShapeOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/Shape/Shape.cpp.inc"
      >();
}

SmallVector<int64_t> interiorSteps(ArrayRef<int64_t> interior) {
  SmallVector<int64_t> steps;
  for (int64_t i : interior)
    steps.push_back(i + 1);
  return steps;
}

//===-- reshape ------------------------------------------------------------===//

LogicalResult ReshapeOp::verify() {
  if (!sameSize(product(getContext(), dimsOf(getInput())), product(getContext(), dimsOf(getResult()))))
    return emitOpError("the shapes hold different numbers of elements");
  return success();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType())
    return getInput();
  if (auto producer = getInput().getDefiningOp<ReshapeOp>()) {
    getInputMutable().assign(producer.getInput());
    return getResult();
  }
  return {};
}

// Runs of axes with equal products on both sides keep their sub-indices apart, so
// that splitting or merging one axis costs no division of the whole index.
Value ReshapeOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  Dims from = dimsOf(getInput()), to = dimsOf(getResult());
  SmallVector<Value> source(from.size());
  size_t i = 0, j = 0;
  auto one = getAffineConstantExpr(1, getContext());
  while (i < from.size() || j < to.size()) {
    size_t i0 = i, j0 = j;
    AffineExpr left = i < from.size() ? from[i++] : one, right = j < to.size() ? to[j++] : one;
    while (!sameSize(left, right)) {
      auto l = constantSize(simplify(left)), r = constantSize(simplify(right));
      bool growLeft = l && r ? *l < *r : (l.has_value() || j == to.size());
      if (growLeft && i < from.size())
        left = left * from[i++];
      else if (j < to.size())
        right = right * to[j++];
      else
        left = left * from[i++];
    }
    Value linear;
    for (size_t k = j0; k < j; ++k)
      linear = linear ? e.add(e.mul(linear, e.size(to[k])), index[k]) : Value(index[k]);
    if (!linear)
      linear = e.index(0);
    for (size_t k = i; k-- > i0;) {
      if (k == i0) {
        source[k] = linear;
        break;
      }
      Value size = e.size(from[k]);
      source[k] = arith::RemUIOp::create(e.b, e.loc, linear, size);
      linear = arith::DivUIOp::create(e.b, e.loc, linear, size);
    }
  }
  return e.element(getInput(), source);
}

//===-- transpose ------------------------------------------------------------===//

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                            SmallVectorImpl<Type> &types) {
  Dims from = dimsOf(op.getInput()), to;
  if (op.getPermutation().size() != from.size())
    return emitOptionalError(loc, "nn.transpose: the permutation names ", op.getPermutation().size(),
                             " axes, the input has ", from.size());
  for (int64_t p : op.getPermutation())
    to.push_back(from[p]);
  types.push_back(tensorType(to, elementTypeOf(op.getInput()), symbolsOf(op.getInput().getType())));
  return success();
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  if (llvm::equal(getPermutation(), llvm::seq<int64_t>(0, getPermutation().size())))
    return getInput();
  if (auto producer = getInput().getDefiningOp<TransposeOp>()) {
    SmallVector<int64_t> composed;
    for (int64_t p : getPermutation())
      composed.push_back(producer.getPermutation()[p]);
    setPermutation(composed);
    getInputMutable().assign(producer.getInput());
    return getResult();
  }
  return {};
}

Value TransposeOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  SmallVector<Value> source(index.size());
  for (auto [i, p] : llvm::enumerate(getPermutation()))
    source[p] = index[i];
  return e.element(getInput(), source);
}

//===-- broadcast ------------------------------------------------------------===//

LogicalResult BroadcastOp::verify() {
  std::optional<Dims> dims = broadcastDims(getContext(), {dimsOf(getInput()), dimsOf(getResult())});
  if (!dims || !sameSizes(*dims, dimsOf(getResult())))
    return emitOpError("the input does not broadcast to the result");
  return success();
}

OpFoldResult BroadcastOp::fold(FoldAdaptor) {
  return getInput().getType() == getType() ? OpFoldResult(getInput()) : OpFoldResult();
}

Value BroadcastOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  Dims dims = dimsOf(getInput());
  SmallVector<Value> source;
  for (size_t i = 0; i < dims.size(); ++i)
    source.push_back(isOne(dims[i]) ? e.index(0) : index[index.size() - dims.size() + i]);
  return e.element(getInput(), source);
}

//===-- slice, pad -------------------------------------------------------------===//

LogicalResult SliceOp::verify() {
  int64_t rank = getInput().getType().getRank();
  if (getType().getRank() != rank || (int64_t)getStarts().size() != rank || (int64_t)getSteps().size() != rank)
    return emitOpError("starts and steps need one value for each of the ") << rank << " axes";
  return success();
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  return getInput().getType() == getType() ? OpFoldResult(getInput()) : OpFoldResult();
}

Value SliceOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  SmallVector<Value> source;
  for (auto [i, start, step] : llvm::zip(index, getStarts(), getSteps()))
    source.push_back(e.mulAdd(i, step, start));
  return e.element(getInput(), source);
}

LogicalResult PadOp::verify() {
  int64_t rank = getInput().getType().getRank();
  if (getType().getRank() != rank || (int64_t)getLow().size() != rank || (int64_t)getInterior().size() != rank)
    return emitOpError("low and interior need one value for each of the ") << rank << " axes";
  return success();
}

Value PadOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  Dims from = dimsOf(getInput()), to = dimsOf(getResult());
  Value inside;
  SmallVector<Value> source;
  for (size_t i = 0; i < from.size(); ++i) {
    if (sameSize(from[i], to[i]) && getLow()[i] == 0 && getInterior()[i] == 0) {
      source.push_back(index[i]);
      continue;
    }
    Value position = e.mulAdd(index[i], 1, -getLow()[i]);
    Value ok;
    if (int64_t step = getInterior()[i] + 1; step > 1) {
      Value nonNegative = arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::sge, position, e.index(0));
      Value remainder = arith::RemSIOp::create(e.b, e.loc, position, e.index(step));
      Value onGrid = arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::eq, remainder, e.index(0));
      position = arith::DivSIOp::create(e.b, e.loc, position, e.index(step));
      ok = e.logicalAnd(e.logicalAnd(nonNegative, onGrid), e.inRange(position, 0, e.size(from[i])));
    } else {
      ok = e.inRange(position, 0, e.size(from[i]));
    }
    source.push_back(position);
    inside = inside ? e.logicalAnd(inside, ok) : ok;
  }
  if (!inside)
    return e.element(getInput(), source);
  Value outside = e.constant(elementTypeOf(getResult()), getValue().convertToDouble());
  return e.guarded(inside, [&] { return e.element(getInput(), source); }, outside);
}

//===-- concat -----------------------------------------------------------------===//

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  Dims dims = dimsOf(op.getInputs()[0]);
  int64_t axis = op.getAxis();
  for (Value input : op.getInputs().drop_front()) {
    Dims other = dimsOf(input);
    for (size_t i = 0; i < dims.size(); ++i)
      if (other.size() != dims.size() || ((int64_t)i != axis && !sameSize(dims[i], other[i])))
        return emitOptionalError(loc, "nn.concat: shapes differ outside axis ", axis);
    dims[axis] = dims[axis] + other[axis];
  }
  types.push_back(tensorType(dims, elementTypeOf(op.getInputs()[0]), symbolsOf(TypeRange(op.getInputs()))));
  return success();
}

Value ConcatOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  // The input whose range holds the index, by nested selection from the last.
  int64_t axis = getAxis();
  SmallVector<Value> offsets{e.index(0)};
  for (Value input : getInputs())
    offsets.push_back(e.add(offsets.back(), e.size(input, axis)));
  auto read = [&](size_t i) {
    SmallVector<Value> source(index.begin(), index.end());
    source[axis] = e.sub(index[axis], offsets[i]);
    return e.element(getInputs()[i], source);
  };
  std::function<Value(size_t)> pick = [&](size_t i) -> Value {
    if (i + 1 == getInputs().size())
      return read(i);
    Value here = arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::slt, index[axis], offsets[i + 1]);
    auto ifOp = scf::IfOp::create(e.b, e.loc, elementTypeOf(getResult()), here, true);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(&ifOp.getThenRegion().front());
    scf::YieldOp::create(e.b, e.loc, read(i));
    e.b.setInsertionPointToStart(&ifOp.getElseRegion().front());
    scf::YieldOp::create(e.b, e.loc, pick(i + 1));
    return ifOp.getResult(0);
  };
  return pick(0);
}

LogicalResult ConcatOp::vjp(Grad &g) {
  Dims dims = dimsOf(getResult());
  int64_t axis = getAxis();
  int64_t start = 0;
  SmallVector<int64_t> steps(dims.size(), 1);
  for (Value input : getInputs()) {
    std::optional<int64_t> size = constantSize(dimsOf(input)[axis]);
    if (g.needs(input)) {
      SmallVector<int64_t> starts(dims.size(), 0);
      starts[axis] = start;
      g.push(input, [&] { return g.slice(g.dy(), starts, dimsOf(input), steps); });
    }
    if (!size && input != getInputs().back())
      return emitError("the gradient of a concatenation along a symbolic axis is not supported");
    start += size.value_or(0);
  }
  return success();
}

} // namespace nnc::nn
