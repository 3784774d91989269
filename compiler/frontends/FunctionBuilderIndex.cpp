// Positions held by tensors: embedding, index_select, gather of FunctionBuilder.
#include "compiler/frontends/FunctionBuilder.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

/// The function's own argument whose values `index` holds, if nothing but the shape changed.
static BlockArgument sourceArgument(Value index) {
  while (Operation *op = index.getDefiningOp()) {
    auto map = dyn_cast<MapOp>(op);
    if (!isa<ReshapeOp, TransposeOp, BroadcastOp>(op) && !(map && map.getFn() == "to"))
      return {};
    index = op->getOperand(0);
  }
  return cast<BlockArgument>(index);
}

void FunctionBuilder::requireRange(Value index, int64_t low, int64_t high) {
  BlockArgument input = sourceArgument(index);
  if (!input || argumentAttributes[input.getArgNumber()].getAs<StringAttr>("nn.kind") != "input")
    return;
  // Two readers of one input: the narrower range of both.
  if (auto range = argumentAttributes[input.getArgNumber()].getAs<DenseI64ArrayAttr>("nn.range")) {
    low = std::max(low, range[0]);
    high = std::min(high, range[1]);
  }
  setInputRange(input, low, high, low);
}

Value FunctionBuilder::checkedPositions(Value x, Value index, int64_t a, bool mayBeNegative) {
  std::optional<int64_t> size = constantSize(dimsOf(x)[a]);
  if (!isa<IntegerType>(elementTypeOf(index)) || elementTypeOf(index).isInteger(1))
    return error("positions must be integers");
  if (elementTypeOf(index).isInteger(8))
    index = convert(index, b.getI64Type());
  if (size)
    requireRange(index, mayBeNegative ? -*size : 0, *size);
  if (mayBeNegative)
    index = map("select(x0 < 0, x0 + x1, x0)", {index, sizeAsScalar(dimsOf(x)[a], elementTypeOf(index))},
                elementTypeOf(index));
  return index;
}

Value FunctionBuilder::indexed(Value x, Value index, int64_t a, int64_t padding, bool mayBeNegative) {
  if (!x || !index)
    return {};
  a = axis(x, a);
  index = checkedPositions(x, index, a, mayBeNegative);
  return index ? gather(x, index, a, padding) : Value();
}

Value FunctionBuilder::embedding(Value weight, Value index, int64_t padding) {
  if (!weight || !index)
    return {};
  if (rankOf(weight) != 2)
    return error("embedding: the weight must be a matrix");
  return indexed(weight, index, 0, padding, false);
}

Value FunctionBuilder::indexSelect(Value x, int64_t a, Value index) {
  if (!x || !index)
    return {};
  if (rankOf(index) > 1)
    return error("index_select: the index must have one axis");
  return indexed(x, rankOf(index) == 0 ? unsqueeze(index, 0) : index, a, -1, false);
}

Value FunctionBuilder::indexTensor(Value x, int64_t a, Value index) { return indexed(x, index, a, -1, true); }

bool FunctionBuilder::checkElementPositions(Value x, Value index, int64_t a, StringRef what) {
  auto fail = [&](const Twine &why) {
    error(what + ": the index " + why);
    return false;
  };
  if (rankOf(x) != rankOf(index) || rankOf(x) == 0)
    return fail("must have as many axes as the input, at least one");
  if (!elementTypeOf(index).isInteger(64) && !elementTypeOf(index).isInteger(32))
    return fail("must be int64 or int32");
  for (int64_t d = 0; d < rankOf(x); ++d) {
    AffineExpr here = dimsOf(index)[d], there = dimsOf(x)[d];
    auto mine = constantSize(here), bound = constantSize(there);
    if (d != a && !sameSize(here, there) && !(mine && bound && *mine <= *bound))
      return fail("is larger than the input along axis " + Twine(d));
  }
  if (auto size = constantSize(dimsOf(x)[a]))
    requireRange(index, 0, *size);
  return true;
}

Value FunctionBuilder::gatherAxis(Value x, int64_t a, Value index) {
  if (!x || !index)
    return {};
  a = axis(x, a);
  return checkElementPositions(x, index, a, "gather") ? gatherElements(x, index, a) : Value();
}

// Without accumulation, positions that occur twice have no defined result in torch: here their values add up.

Value FunctionBuilder::putTensor(Value x, int64_t a, Value index, Value value, bool accumulate) {
  if (!x || !index || !value)
    return {};
  if (!isa<FloatType>(elementTypeOf(x)))
    return error("writes at positions are supported for floating-point tensors only");
  a = axis(x, a);
  index = checkedPositions(x, index, a, true);
  if (!index)
    return {};
  Dims dims = dimsOf(x), part(ArrayRef(dims).take_front(a)), ones(dims.size(), size(1)), onesPart(a, size(1));
  for (AffineExpr dim : dimsOf(index)) {
    part.push_back(dim);
    onesPart.push_back(dim);
  }
  part.append(dims.begin() + a + 1, dims.end());
  onesPart.resize(part.size(), size(1));
  ones[a] = dims[a];
  Value placed = scatterAdd(broadcast(convert(value, elementTypeOf(x)), part), index, dims, a);
  if (accumulate)
    return add(x, placed);
  Value hits = scatterAdd(full(onesPart, elementTypeOf(x), 1.0), index, ones, a);
  return map("select(x2 > 0, x1, x0)", {x, placed, hits});
}

Value FunctionBuilder::scatterAxis(Value x, int64_t a, Value index, Value value, bool accumulate) {
  if (!x || !index || !value)
    return {};
  if (!isa<FloatType>(elementTypeOf(x)))
    return error("scatter is supported for floating-point tensors only");
  a = axis(x, a);
  if (!checkElementPositions(x, index, a, "scatter"))
    return {};
  // The values may be a scalar, or more than there are positions.
  Dims dims = dimsOf(x), part = dimsOf(index);
  SmallVector<int64_t> starts(part.size(), 0), steps(part.size(), 1);
  value = convert(value, elementTypeOf(x));
  value = rankOf(value) == 0 ? broadcast(value, part) : slice(value, starts, part, steps);
  Value placed = scatterAddElements(value, index, dims, a);
  if (accumulate)
    return add(x, placed);
  Value hits = scatterAddElements(full(part, elementTypeOf(x), 1.0), index, dims, a);
  return map("select(x2 > 0, x1, x0)", {x, placed, hits});
}

} // namespace nnc
