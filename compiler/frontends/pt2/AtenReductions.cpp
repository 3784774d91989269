// Sums, means, extrema and what is made of them.
#include "compiler/frontends/pt2/Aten.h"

using namespace mlir;
using namespace nnc;
using namespace nnc::pt2;

/// The argument in the type that the operator computes in.
static Value input(Call &call) {
  Value x = call.self();
  return x && call.given("dtype") ? call.builder.toType(x, call.outputType()) : x;
}

static Results sum(Call &call) {
  return {call.builder.sumAxes(input(call), call.axes("dim"), call.flag("keepdim", false))};
}

static Results mean(Call &call) {
  return {call.builder.meanAxes(input(call), call.axes("dim"), call.flag("keepdim", false))};
}

template <nn::ReduceKind kind> static Results reduce(Call &call) {
  return {call.builder.reduceAxes(kind, input(call), call.axes("dim"), call.flag("keepdim", false))};
}

/// Variance about the mean, divided by the count less `correction` (Bessel's 1).
static Value variance(Call &call) {
  Value x = call.self();
  if (!x)
    return {};
  FunctionBuilder &builder = call.builder;
  SmallVector<int64_t> axes = call.axes("dim");
  if (axes.empty())
    axes = llvm::to_vector(llvm::seq<int64_t>(0, nn::rankOf(x)));
  double correction = call.given("correction") ? call.number("correction")
                                               : call.flag("unbiased", true);
  Value centred = builder.sub(x, builder.meanAxes(x, axes, true));
  Value squares = builder.sumAxes(builder.mul(centred, centred), axes, call.flag("keepdim", false));
  AffineExpr count = builder.size(1);
  for (int64_t axis : axes)
    count = count * nn::dimsOf(x)[axis];
  Expr quotient = Expr::input(0) / (Expr::input(1) - Expr::constant(correction));
  return builder.map(quotient, {squares, builder.sizeAsScalar(nn::simplify(count), nn::elementTypeOf(x))},
                     nn::elementTypeOf(x));
}

static Results var(Call &call) { return {variance(call)}; }

static Results deviation(Call &call) {
  Value squared = variance(call);
  return {squared ? call.builder.elementwise("sqrt", {squared}) : squared};
}

static Results varMean(Call &call) {
  return {variance(call), call.builder.meanAxes(call.self(), call.axes("dim"), call.flag("keepdim", false))};
}

static Results stdMean(Call &call) {
  Results results = varMean(call);
  if (results[0].value)
    results[0].value = call.builder.elementwise("sqrt", {results[0].value});
  return results;
}

/// Values and their positions: max.dim, min.dim.
template <nn::ReduceKind kind> static Results extremum(Call &call) {
  auto [values, indices] = call.builder.extremum(kind, call.self(), call.axis("dim"), call.flag("keepdim", false));
  return {values, indices};
}

/// any is a largest, all a smallest truth value.
template <nn::ReduceKind kind> static Results truth(Call &call) {
  Value x = call.self();
  if (!x)
    return {Value()};
  Type i64 = IntegerType::get(call.builder.context(), 64);
  Value one = call.builder.map("select(x0 != 0, 1, 0)", x, i64);
  Value result = call.builder.reduceAxes(kind, one, call.axes("dim"), call.flag("keepdim", false));
  return {call.builder.map("x0 != 0", result, IntegerType::get(call.builder.context(), 1))};
}

static Results logSumExp(Call &call) {
  return {call.builder.logSumExp(call.self(), call.axes("dim"), call.flag("keepdim", false))};
}

static Results vectorNorm(Call &call) {
  const char *order = call.given("p") ? "p" : "ord";
  return {call.builder.vectorNorm(input(call), call.number(order, 2), call.axes("dim"), call.flag("keepdim", false))};
}

static Results softmax(Call &call) {
  return {call.builder.softmax(input(call), call.axis("dim"))};
}

static Results logSoftmax(Call &call) {
  return {call.builder.logSoftmax(input(call), call.axis("dim"))};
}

using nn::ReduceKind;
static constexpr AtenOp reductions[] = {
    {"sum", sum},
    {"sum.dim_IntList", sum},
    {"mean", mean},
    {"mean.dim", mean},
    {"amax", reduce<ReduceKind::max>},
    {"amin", reduce<ReduceKind::min>},
    {"max", reduce<ReduceKind::max>},
    {"min", reduce<ReduceKind::min>},
    {"prod", reduce<ReduceKind::prod>},
    {"prod.dim_int", reduce<ReduceKind::prod>},
    {"argmax", reduce<ReduceKind::argmax>},
    {"argmin", reduce<ReduceKind::argmin>},
    {"var", var},
    {"var.dim", var},
    {"var.correction", var},
    {"std", deviation},
    {"std.dim", deviation},
    {"std.correction", deviation},
    {"var_mean", varMean},
    {"var_mean.dim", varMean},
    {"var_mean.correction", varMean},
    {"std_mean", stdMean},
    {"std_mean.dim", stdMean},
    {"std_mean.correction", stdMean},
    {"max.dim", extremum<ReduceKind::argmax>},
    {"min.dim", extremum<ReduceKind::argmin>},
    {"any", truth<ReduceKind::max>},
    {"any.dim", truth<ReduceKind::max>},
    {"any.dims", truth<ReduceKind::max>},
    {"all", truth<ReduceKind::min>},
    {"all.dim", truth<ReduceKind::min>},
    {"all.dims", truth<ReduceKind::min>},
    {"logsumexp", logSumExp},
    {"linalg_vector_norm", vectorNorm},
    {"norm.ScalarOpt_dim", vectorNorm},
    {"norm.Scalar", vectorNorm},
    {"softmax.int", softmax},
    {"_softmax", softmax},
    {"log_softmax.int", logSoftmax},
    {"_log_softmax", logSoftmax},
};

llvm::ArrayRef<AtenOp> nnc::pt2::atenReductions() { return reductions; }
