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

SmallVector<Value> SoftmaxOp::decompose(Builder &b) {
  int64_t axis = getAxis();
  Value shifted = b.sub(getInput(), b.reduce(ReduceKind::max, getInput(), axis));
  Value e = b.apply("exp", shifted);
  return {b.div(e, b.sum(e, axis))};
}

SmallVector<Value> LogSoftmaxOp::decompose(Builder &b) {
  int64_t axis = getAxis();
  Value shifted = b.sub(getInput(), b.reduce(ReduceKind::max, getInput(), axis));
  return {b.map("x0 - log(x1)", {shifted, b.sum(b.apply("exp", shifted), axis)})};
}

} // namespace nnc::nn
