#include "dialects/nn/Builder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

#define GET_OP_CLASSES
#include "dialects/nn/Norm/Norm.cpp.inc"

using namespace mlir;

namespace nnc::nn {

void NNDialect::registerNormOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/Norm/Norm.cpp.inc"
      >();
}

// x - max(x). The result of a softmax does not depend on what is subtracted, so
// the maximum counts as a constant: its gradient would be a sum of rounding errors.
static Value shiftedByMaximum(Builder &b, Value x, int64_t axis) {
  return b.map("stated(x0 - x1, x0, 1.0)", {x, b.reduce(ReduceKind::max, x, axis)});
}

SmallVector<Value> SoftmaxOp::decompose(Builder &b) {
  int64_t axis = getAxis();
  Value shifted = shiftedByMaximum(b, getInput(), axis);
  Value e = b.apply("exp", shifted);
  return {b.div(e, b.sum(e, axis))};
}

SmallVector<Value> LogSoftmaxOp::decompose(Builder &b) {
  int64_t axis = getAxis();
  Value shifted = shiftedByMaximum(b, getInput(), axis);
  return {b.map("x0 - log(x1)", {shifted, b.sum(b.apply("exp", shifted), axis)})};
}

} // namespace nnc::nn
