// FunctionBuilder: extrema with their positions, sorting, running sums, norms.
#include "compiler/frontends/FunctionBuilder.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

std::pair<Value, Value> FunctionBuilder::extremum(ReduceKind kind, Value x, int64_t a, bool keepdim) {
  if (!x)
    return {};
  if (rankOf(x) == 0)
    return {x, full({}, b.getI64Type(), 0)};
  a = axis(x, a);
  Value position = reduce(kind, x, a), value = gatherElements(x, position, a);
  return keepdim ? std::pair(value, position) : std::pair(squeeze(value, a), squeeze(position, a));
}

/// Elements of `x` along `a` as those of two axes: rows [.., n, 1, ..] and columns [.., 1, n, ..].
static std::pair<Value, Value> crossed(FunctionBuilder &f, Value x, int64_t a) {
  return {f.unsqueeze(x, a + 1), f.unsqueeze(x, a)};
}

// An element's rank is the number of elements before it: of smaller ones, and of equals at
// earlier positions; NaN is larger than anything. n * n comparisons, none of them data-dependent.
std::pair<Value, Value> FunctionBuilder::sort(Value x, int64_t a, bool descending, std::optional<int64_t> count) {
  if (!x)
    return {};
  Type i64 = b.getI64Type();
  if (rankOf(x) == 0)
    return {x, full({}, i64, 0)};
  a = axis(x, a);
  Dims dims = dimsOf(x), line(dims.size(), size(1));
  line[a] = dims[a];
  Value at = iota(line, a, i64);
  auto [mine, others] = crossed(*this, x, a);
  auto [myPosition, otherPosition] = crossed(*this, at, a);
  bool isFloat = isa<FloatType>(elementTypeOf(x));
  std::string before = descending ? "x1 > x0" : "x1 < x0";
  std::string equal = "x1 == x0";
  if (isFloat) {
    before = descending ? "or(x1 > x0, and(x1 != x1, x0 == x0))" : "or(x1 < x0, and(x0 != x0, x1 == x1))";
    equal = "or(x1 == x0, and(x1 != x1, x0 != x0))";
  }
  Value earlier = map("select(or(" + before + ", and(" + equal + ", x3 < x2)), 1, 0)",
                      {mine, others, myPosition, otherPosition}, i64);
  Value rank = squeeze(sum(earlier, a + 1), a + 1); // [.., n, ..]
  // The k-th position is the one whose rank is k: [.., count, n, ..] summed over n.
  AffineExpr results = count ? size(*count) : dims[a];
  Dims wanted(dims.size() + 1, size(1));
  wanted[a] = results;
  Value hits = map("select(x0 == x1, x2, 0)", {iota(wanted, a, i64), unsqueeze(rank, a), otherPosition}, i64);
  Value order = squeeze(sum(hits, a + 1), a + 1);
  return {gatherElements(x, order, a), order};
}

/// [.., n, n, ..]: x where column <= row, elsewhere `other`.
Value FunctionBuilder::upToEach(Value x, int64_t a, double other) {
  Dims line(rankOf(x), size(1));
  line[a] = dimsOf(x)[a];
  auto [row, column] = crossed(*this, iota(line, a, b.getI64Type()), a);
  return formula("select(x1 <= x0, x2, other)", {row, column, unsqueeze(x, a)}, elementTypeOf(x), {{"other", other}});
}

Value FunctionBuilder::cumsum(Value x, int64_t a) {
  if (!x || rankOf(x) == 0)
    return x;
  a = axis(x, a);
  if (!isa<FloatType>(elementTypeOf(x)))
    return squeeze(sum(upToEach(convert(x, b.getI64Type()), a, 0), a + 1), a + 1);
  // As a product with a triangle of ones.
  AffineExpr n = dimsOf(x)[a];
  Type i64 = b.getI64Type();
  Value triangle = map("select(x0 <= x1, 1.0, 0.0)", {iota({n, n}, 0, i64), iota({n, n}, 1, i64)}, elementTypeOf(x));
  Value last = swapAxes(x, a, -1);
  return swapAxes(matmul(last, triangle), a, -1);
}

Value FunctionBuilder::cumprod(Value x, int64_t a) {
  if (!x || rankOf(x) == 0)
    return x;
  a = axis(x, a);
  return squeeze(reduce(ReduceKind::prod, upToEach(x, a, 1), a + 1), a + 1);
}

Value FunctionBuilder::triangle(Value x, int64_t diagonal, bool lower) {
  if (!x)
    return {};
  if (rankOf(x) < 2)
    return error("tril and triu take matrices");
  Dims dims = dimsOf(x), rows(dims.size(), size(1)), columns = rows;
  rows[dims.size() - 2] = dims[dims.size() - 2];
  columns.back() = dims.back();
  Type i64 = b.getI64Type();
  return formula(lower ? "select(x1 - x0 <= diagonal, x2, 0)" : "select(x1 - x0 >= diagonal, x2, 0)",
                 {iota(rows, dims.size() - 2, i64), iota(columns, dims.size() - 1, i64), x}, elementTypeOf(x),
                 {{"diagonal", double(diagonal)}});
}

Value FunctionBuilder::logSumExp(Value x, Ints axes, bool keepdim) {
  if (!x)
    return {};
  SmallVector<int64_t> positive;
  for (int64_t a : axes)
    positive.push_back(axis(x, a));
  // The shift counts as a constant; an infinite maximum is not subtracted.
  Value top = reduce(ReduceKind::max, x, positive);
  Value shift = map("stated(select(isinf(x0), 0, x0), x0, 0)", top, elementTypeOf(x));
  Value y = map("log(x0) + x1", {sum(map("exp(x0 - x1)", {x, shift}), positive), shift});
  return keepdim ? y : squeeze(y, positive);
}

Value FunctionBuilder::vectorNorm(Value x, double p, Ints axes, bool keepdim) {
  if (!x)
    return {};
  SmallVector<int64_t> over;
  for (int64_t a : axes)
    over.push_back(axis(x, a));
  if (over.empty())
    over = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  Type type = elementTypeOf(x);
  Value y;
  // Roots have the gradient 0 at 0 (torch's subgradient).
  if (std::isinf(p))
    y = reduce(p > 0 ? ReduceKind::max : ReduceKind::min, apply("abs", x), over);
  else if (p == 0)
    y = sum(map("select(x0 == 0, 0, 1)", x, type), over);
  else if (p == 1)
    y = sum(apply("abs", x), over);
  else if (p == 2)
    y = map("stated(sqrt(x0), x0, select(x0 > 0, 0.5 / sqrt(x0), 0))", sum(mul(x, x), over));
  else
    y = formula("stated(pow(x0, 1 / p), x0, select(x0 > 0, pow(x0, 1 / p - 1) / p, 0))",
                sum(formula("pow(abs(x0), p)", x, type, {{"p", p}}), over), type, {{"p", p}});
  return keepdim ? y : squeeze(y, over);
}

Value FunctionBuilder::cosineSimilarity(Value x, Value y, int64_t a, double eps) {
  if (!x || !y)
    return {};
  std::optional<Dims> common = broadcastDims(context(), {dimsOf(x), dimsOf(y)});
  if (!common)
    return error("cosine_similarity: the shapes do not broadcast");
  x = broadcast(x, *common);
  y = broadcast(y, *common);
  a = axis(x, a);
  // Norms are held at eps each.
  auto norm = [&](Value v) {
    return formula("maximum(x0, eps)", vectorNorm(v, 2, a, true), elementTypeOf(v), {{"eps", eps}});
  };
  Value terms = map("x0 / x2 * (x1 / x3)", {x, y, norm(x), norm(y)});
  return squeeze(sum(terms, a), a);
}

Value FunctionBuilder::pairwiseDistance(Value x, Value y, double p, double eps, bool keepdim) {
  if (!x || !y)
    return {};
  if (!broadcastDims(context(), {dimsOf(x), dimsOf(y)}))
    return error("pairwise_distance: the shapes do not broadcast");
  return vectorNorm(formula("x0 - x1 + eps", {x, y}, elementTypeOf(x), {{"eps", eps}}), p, {-1}, keepdim);
}

} // namespace nnc
