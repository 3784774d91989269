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

Value FunctionBuilder::indexed(Value x, Value index, int64_t a, int64_t padding, bool mayBeNegative) {
  if (!x || !index)
    return {};
  a = axis(x, a);
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
  return gather(x, index, a, padding);
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

Value FunctionBuilder::gatherAxis(Value x, int64_t a, Value index) {
  if (!x || !index)
    return {};
  if (rankOf(x) != rankOf(index) || rankOf(x) == 0)
    return error("gather: the index must have as many axes as the input, at least one");
  a = axis(x, a);
  if (!elementTypeOf(index).isInteger(64) && !elementTypeOf(index).isInteger(32))
    return error("gather: the index must be int64 or int32");
  for (int64_t d = 0; d < rankOf(x); ++d) {
    AffineExpr here = dimsOf(index)[d], there = dimsOf(x)[d];
    auto mine = constantSize(here), bound = constantSize(there);
    if (d != a && !sameSize(here, there) && !(mine && bound && *mine <= *bound))
      return error("gather: the index is larger than the input along axis " + Twine(d));
  }
  if (auto size = constantSize(dimsOf(x)[a]))
    requireRange(index, 0, *size);
  return gatherElements(x, index, a);
}

} // namespace nnc
