#include "dialects/nn/Builder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

#define GET_OP_CLASSES
#include "dialects/nn/Loss/Loss.cpp.inc"

using namespace mlir;

namespace nnc::nn {

void NNDialect::registerLossOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/Loss/Loss.cpp.inc"
      >();
}

// The class axis of a loss input: 1 with a batch, 0 without.
static int64_t classAxis(Value input) { return rankOf(input) == 1 ? 0 : 1; }

// loss [n, 1, d...] and weight [n, 1, d...] (null: all ones) to torch's reduction.
static Value finish(Builder &b, Value loss, Value weight, Reduction reduction, Dims resultDims) {
  if (reduction == Reduction::none)
    return b.reshape(loss, resultDims);
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(loss)));
  Value total = b.reshape(b.sum(loss, axes), {});
  if (reduction == Reduction::sum)
    return total;
  return b.div(total, b.reshape(b.sum(weight, axes), {}));
}

// The target classes with the class axis as size 1, so that they compare with an iota.
static Value classesAlong(Builder &b, Value input, Value target, int64_t axis) {
  Dims dims = dimsOf(input);
  dims[axis] = b.size(1);
  return b.reshape(target, dims);
}

// A per-class vector [C] shaped to broadcast along the class axis.
static Value alongClasses(Builder &b, Value weight, Value input, int64_t axis) {
  Dims dims(rankOf(input), b.size(1));
  dims[axis] = dimsOf(input)[axis];
  return b.reshape(weight, dims);
}

// sum over classes of [c == t] * value[n, c]: picks the target's entry.
static Value pick(Builder &b, Value value, Value classes, int64_t axis, const Dims &dims) {
  Value iota = b.iota(dims, axis, b.builder().getI64Type());
  return b.sum(b.map("select(x0 == x1, x2, 0.0)", {iota, classes, value}, elementTypeOf(value)), axis);
}

static Value nll(Builder &b, Value logp, Value target, Value weight, int64_t ignore, Reduction reduction,
                 Dims resultDims) {
  int64_t axis = classAxis(logp);
  Dims dims = dimsOf(logp);
  Type type = elementTypeOf(logp);
  Value classes = classesAlong(b, logp, target, axis);
  Expr ignored = Expr::make(Primitive::Eq, {Expr::input(0), Expr::constant(ignore)});
  Value used = b.map(select(ignored, Expr::constant(0.0), Expr::constant(1.0)), classes, type);
  Value picked = pick(b, logp, classes, axis, dims);
  if (weight)
    used = b.mul(used, pick(b, b.broadcast(alongClasses(b, weight, logp, axis), dims), classes, axis, dims));
  return finish(b, b.map("select(x1 == 0.0, 0.0, -(x0 * x1))", {picked, used}), used, reduction, resultDims);
}

SmallVector<Value> NllLossOp::decompose(Builder &b) {
  return {nll(b, getInput(), getTarget(), getWeight(), getIgnoreIndex(), getReduction(), dimsOf(getResult()))};
}

SmallVector<Value> CrossEntropyOp::decompose(Builder &b) {
  Value x = getInput(), target = getTarget();
  int64_t axis = classAxis(x);
  double smoothing = getLabelSmoothing().convertToDouble();
  Dims dims = dimsOf(x), resultDims = dimsOf(getResult());
  Type type = elementTypeOf(x);
  auto classes = constantSize(dims[axis]);
  Value logp = LogSoftmaxOp::create(b.builder(), b.loc, x, axis);
  Value weight = getWeight() ? alongClasses(b, getWeight(), x, axis) : Value();

  if (isa<FloatType>(elementTypeOf(target))) {
    // Class probabilities: -sum_c w_c q_c logp_c, mean over positions.
    Value q = target;
    if (smoothing != 0.0)
      q = b.map(Expr::input(0) * Expr::constant(1.0 - smoothing) + Expr::constant(smoothing / *classes), q, type);
    Value terms = b.map("-(x0 * x1)", {q, logp});
    if (weight)
      terms = b.mul(terms, weight);
    Value loss = b.sum(terms, axis);
    if (getReduction() != Reduction::mean)
      return {finish(b, loss, {}, getReduction(), resultDims)};
    Value total = finish(b, loss, {}, Reduction::sum, resultDims);
    return {b.div(total, b.sizeAsScalar(product(b.context(), dimsOf(loss)), type))};
  }
  if (smoothing == 0.0)
    return {nll(b, logp, target, getWeight(), getIgnoreIndex(), getReduction(), resultDims)};

  // (1 - s) * nll + s / C * sum_c -w_c logp_c over the positions used; the mean of
  // both divides by the sum of the target weights (torch's cross_entropy_loss_label_smoothing).
  Value nllPart = nll(b, logp, target, getWeight(), getIgnoreIndex(), getReduction(), resultDims);
  Value spread = b.map("-x0", logp);
  if (weight)
    spread = b.mul(spread, weight);
  Value index = classesAlong(b, x, target, axis);
  Expr ignored = Expr::make(Primitive::Eq, {Expr::input(1), Expr::constant(double(int64_t(getIgnoreIndex())))});
  Value smooth = b.map(select(ignored, Expr::constant(0.0), Expr::input(0)), {b.sum(spread, axis), index}, type);
  Value used = b.map(select(Expr::make(Primitive::Eq, {Expr::input(0), Expr::constant(double(int64_t(getIgnoreIndex())))}),
                            Expr::constant(0.0), Expr::constant(1.0)), index, type);
  if (weight)
    used = b.mul(used, pick(b, b.broadcast(weight, dims), index, axis, dims));
  Value smoothPart = finish(b, smooth, used, getReduction(), resultDims);
  return {b.map(Expr::input(0) * Expr::constant(1.0 - smoothing) +
                Expr::input(1) * Expr::constant(smoothing / *classes), {nllPart, smoothPart}, type)};
}

} // namespace nnc::nn
