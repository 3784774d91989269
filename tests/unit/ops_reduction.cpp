// Reductions, softmax and losses: what is combined along axes.
#include "tests/unit/ops_case.h"
#include <cmath>

using namespace mlir;

namespace nnc::test {

using nn::Reduction;
using nn::ReduceKind;

/// Folds the elements that end up at `i` where the axes of size 1 in `i`'s tensor are summed over.
static double fold(const Array &x, Index i, std::vector<int64_t> axes, double initial,
                   std::function<double(double, double)> combine) {
  double result = initial;
  x.forEach([&](Index j) {
    for (size_t d = 0; d < j.size(); ++d)
      if (i[d] != (llvm::is_contained(axes, int64_t(d)) ? 0 : j[d]))
        return;
    result = combine(result, x.at(j));
  });
  return result;
}

static double sumAlong(const Array &x, Index i, std::vector<int64_t> axes) {
  return fold(x, i, axes, 0, [](double a, double b) { return a + b; });
}

static Case reduction(ReduceKind kind, std::string name, std::function<Value(CaseBuilder &)> input,
                      std::vector<int64_t> axes) {
  Reference reference = each([=](const Arrays &in, Index i) {
    const Array &x = in[0];
    switch (kind) {
    case ReduceKind::sum: return sumAlong(x, i, axes);
    case ReduceKind::prod: return fold(x, i, axes, 1, [](double a, double b) { return a * b; });
    case ReduceKind::max: return fold(x, i, axes, -INFINITY, [](double a, double b) { return std::max(a, b); });
    case ReduceKind::min: return fold(x, i, axes, INFINITY, [](double a, double b) { return std::min(a, b); });
    default: break;
    }
    std::vector<int64_t> j(i), best(i);
    for (j[axes[0]] = 0; j[axes[0]] < x.dims[axes[0]]; ++j[axes[0]])
      if (kind == ReduceKind::argmax ? x.at(j) > x.at(best) : x.at(j) < x.at(best))
        best = j;
    return double(best[axes[0]]);
  });
  return {"reduce", stringifyReduceKind(kind).str() + " " + name,
          [=](CaseBuilder &b) { b.output(b.reduce(kind, input(b), axes)); }, reference};
}

static double softmaxAt(const Array &x, Index i, int64_t axis, bool logarithm) {
  double total = 0;
  std::vector<int64_t> j(i);
  for (j[axis] = 0; j[axis] < x.dims[axis]; ++j[axis])
    total += std::exp(x.at(j));
  return logarithm ? x.at(i) - std::log(total) : std::exp(x.at(i)) / total;
}

static Case softmaxLike(bool logarithm, std::string name, std::function<Value(CaseBuilder &)> input, int64_t axis) {
  return {logarithm ? "log_softmax" : "softmax", name, [=](CaseBuilder &b) {
            Value x = input(b);
            b.output(logarithm ? b.logSoftmax(x, axis) : b.softmax(x, axis));
          }, each([=](const Arrays &in, Index i) { return softmaxAt(in[0], i, axis, logarithm); })};
}

namespace {
/// The options of cross_entropy and nll_loss; x [N, 5, k...].
struct LossOptions {
  std::vector<int64_t> positions = {}; ///< k
  Reduction reduction = Reduction::mean;
  bool weight = false;
  int64_t ignore = -1;
  double smoothing = 0;
  bool probabilities = false;
  bool batched = true;
};
constexpr int64_t lossClasses = 5;
} // namespace

/// torch's definition, position by position.
static void lossReference(const LossOptions &o, bool crossEntropy, const Arrays &in, Arrays &out) {
  const Array &x = in[0], &target = in[1];
  int64_t axis = o.batched ? 1 : 0;
  auto weightOf = [&](int64_t c) { return o.weight ? in[2].data[c] : 1.0; };
  double total = 0, used = 0;
  size_t position = 0;
  auto at = [&](std::vector<int64_t> place, int64_t c) {
    place.insert(place.begin() + axis, c);
    return place;
  };
  Array places(target.dims);
  if (o.probabilities)
    places.dims.erase(places.dims.begin() + axis);
  places.forEach([&](Index i) {
    auto logp = [&](int64_t c) {
      return crossEntropy ? softmaxAt(x, at(i, c), axis, true) : x.at(at(i, c));
    };
    double loss = 0, share = 0;
    if (o.probabilities) {
      for (int64_t c = 0; c < lossClasses; ++c) {
        double q = target.at(at(i, c)) * (1 - o.smoothing) + o.smoothing / lossClasses;
        loss -= weightOf(c) * q * logp(c);
      }
      share = 1;
    } else if (int64_t t = target.at(i); t != o.ignore) {
      share = weightOf(t);
      loss = -(1 - o.smoothing) * share * logp(t);
      for (int64_t c = 0; c < lossClasses && o.smoothing != 0; ++c)
        loss -= o.smoothing / lossClasses * weightOf(c) * logp(c);
    }
    total += loss;
    used += share;
    if (o.reduction == Reduction::none)
      out[0].data[position++] = loss;
  });
  if (o.reduction != Reduction::none)
    out[0].data[0] = o.reduction == Reduction::mean ? total / used : total;
}

static Case loss(bool crossEntropy, std::string name, LossOptions o) {
  auto build = [=](CaseBuilder &b) {
    FunctionBuilder::Dims dims, places;
    if (o.batched)
      dims.push_back(b.batch());
    places = dims;
    dims.push_back(b.size(lossClasses));
    for (int64_t k : o.positions) {
      dims.push_back(b.size(k));
      places.push_back(b.size(k));
    }
    Value x = b.input(dims);
    Value target = o.probabilities ? b.input(dims, range(0.05, 0.4)) : b.classes(places, lossClasses, o.ignore);
    Value weight = o.weight ? b.input({lossClasses}, range(0.5, 2)) : Value();
    b.output(crossEntropy ? b.crossEntropy(x, target, weight, o.reduction, o.ignore, o.smoothing)
                          : b.nllLoss(x, target, weight, o.reduction, o.ignore));
  };
  return {crossEntropy ? "cross_entropy" : "nll_loss", name, build,
          [=](const Arrays &in, Arrays &out) { lossReference(o, crossEntropy, in, out); }};
}

std::vector<Case> reductionCases() {
  using B = CaseBuilder;
  auto rows = [](B &b) { return b.input({b.batch(), 37}); };
  auto image = [](B &b) { return b.input({b.batch(), 3, 4, 5}); };
  auto wide = [](B &b) { return b.input({2, 300}); };
  std::vector<Case> cases = {
      {"reduce", "sum to one element", [](B &b) { b.output(b.sum(b.input({b.batch(), 5}), {0, 1})); },
       each([](const Arrays &in, Index i) { return sumAlong(in[0], i, {0, 1}); })},
      {"reduce", "sum after and before maps", [](B &b) {
         Value x = b.input({b.batch(), 21});
         Value total = b.sum(b.apply("exp", x), {1});
         b.output(b.div(x, b.apply("sqrt", total)));
       }},
      {"reduce", "two of one input", [](B &b) {
         Value x = b.input({b.batch(), 9});
         b.output(b.sub(b.reduce(ReduceKind::max, x, {1}), b.mean(x, {1})));
       }},
      {"reduce", "sum of integers", [](B &b) {
         b.output(b.sum(b.classes({b.batch(), 7}, 9), {1}));
       }, each([](const Arrays &in, Index i) { return sumAlong(in[0], i, {1}); })},
  };
  for (ReduceKind kind : {ReduceKind::sum, ReduceKind::max, ReduceKind::min, ReduceKind::prod}) {
    cases.push_back(reduction(kind, "last axis", rows, {1}));
    cases.push_back(reduction(kind, "first axis", rows, {0}));
    cases.push_back(reduction(kind, "middle axes", image, {1, 2}));
  }
  cases.push_back(reduction(ReduceKind::sum, "batch and pixels", image, {0, 2, 3}));
  cases.push_back(reduction(ReduceKind::sum, "a long row", wide, {1}));
  for (ReduceKind kind : {ReduceKind::argmax, ReduceKind::argmin})
    for (int64_t axis : {0, 1, 3})
      cases.push_back(reduction(kind, "axis " + std::to_string(axis), image, {axis}));

  for (bool logarithm : {false, true}) {
    cases.push_back(softmaxLike(logarithm, "rows", rows, 1));
    cases.push_back(softmaxLike(logarithm, "channels", image, 1));
    cases.push_back(softmaxLike(logarithm, "batch", rows, 0));
    cases.push_back(softmaxLike(logarithm, "a long row", wide, 1));
    cases.push_back(softmaxLike(logarithm, "large values", [](B &b) { return b.input({b.batch(), 3}, range(90, 100)); }, 1));
  }

  for (bool crossEntropy : {false, true}) {
    cases.push_back(loss(crossEntropy, "mean", {}));
    cases.push_back(loss(crossEntropy, "none", {.reduction = Reduction::none}));
    cases.push_back(loss(crossEntropy, "sum, ignoring", {.reduction = Reduction::sum, .ignore = 2}));
    cases.push_back(loss(crossEntropy, "weighted mean, ignoring", {.weight = true, .ignore = 4}));
    cases.push_back(loss(crossEntropy, "pixels", {.positions = {2, 3}, .weight = true}));
    cases.push_back(loss(crossEntropy, "unbatched", {.batched = false}));
  }
  cases.push_back(loss(true, "smoothing", {.smoothing = 0.2}));
  cases.push_back(loss(true, "smoothing, weighted, ignoring", {.weight = true, .ignore = 3, .smoothing = 0.1}));
  cases.push_back(loss(true, "smoothing, none", {.positions = {3}, .reduction = Reduction::none, .smoothing = 0.3}));
  cases.push_back(loss(true, "probabilities", {.probabilities = true}));
  cases.push_back(loss(true, "probabilities, weighted, smoothing",
                       {.positions = {2}, .reduction = Reduction::sum, .weight = true, .smoothing = 0.1, .probabilities = true}));
  return cases;
}

} // namespace nnc::test
