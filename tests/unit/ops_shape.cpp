// Data movement.
#include "tests/unit/ops_case.h"
#include <cmath>

using namespace mlir;

namespace nnc::test {

static void sameElements(const Arrays &in, Arrays &out) { out[0].data = in[0].data; }

static Reference transposed(std::vector<int64_t> permutation) {
  return each([=](const Arrays &in, Index i) {
    std::vector<int64_t> source(i.size());
    for (size_t d = 0; d < i.size(); ++d)
      source[permutation[d]] = i[d];
    return in[0].at(source);
  });
}

static Reference repeated() {
  return each([](const Arrays &in, Index i) {
    std::vector<int64_t> source(i.take_back(in[0].dims.size()));
    for (size_t d = 0; d < source.size(); ++d)
      source[d] = in[0].dims[d] == 1 ? 0 : source[d];
    return in[0].at(source);
  });
}

static Reference sliced(std::vector<int64_t> starts, std::vector<int64_t> steps) {
  return each([=](const Arrays &in, Index i) {
    std::vector<int64_t> source(i);
    for (size_t d = 0; d < i.size(); ++d)
      source[d] = starts[d] + i[d] * steps[d];
    return in[0].at(source);
  });
}

static Reference padded(std::vector<int64_t> low, std::vector<int64_t> interior, double value) {
  return each([=](const Arrays &in, Index i) {
    std::vector<int64_t> source(i);
    for (size_t d = 0; d < i.size(); ++d) {
      int64_t from = i[d] - low[d], step = interior[d] + 1;
      if (from < 0 || from % step || from / step >= in[0].dims[d])
        return value;
      source[d] = from / step;
    }
    return in[0].at(source);
  });
}

static Reference joined(int64_t axis) {
  return each([=](const Arrays &in, Index i) {
    std::vector<int64_t> source(i);
    size_t k = 0;
    for (; source[axis] >= in[k].dims[axis]; ++k)
      source[axis] -= in[k].dims[axis];
    return in[k].at(source);
  });
}

std::vector<Case> shapeCases() {
  using B = CaseBuilder;
  auto reshape = [](std::function<void(B &)> build, std::string name) {
    return Case{"reshape", name, build, sameElements};
  };
  return {
      reshape([](B &b) { b.output(b.reshape(b.input({b.batch(), 3, 4}), b.dims({b.batch(), 12}))); }, "flatten"),
      reshape([](B &b) { b.output(b.reshape(b.input({b.batch(), 12}), b.dims({b.batch() * 3, 4}))); }, "into the batch"),
      reshape([](B &b) { b.output(b.reshape(b.input({2, 3, 35}), b.dims({6, 5, 7}))); }, "merge and split"),
      reshape([](B &b) { b.output(b.reshape(b.input({6, 35}), b.dims({15, 14}))); }, "across axes"),
      reshape([](B &b) { b.output(b.reshape(b.input({1, 1}), {})); }, "to a scalar"),
      // A view between two maps: both read and write one buffer.
      {"reshape", "between maps", [](B &b) {
         Value x = b.apply("exp", b.input({b.batch(), 5}));
         b.output(b.apply("neg", b.reshape(x, b.dims({b.batch() * 5}))));
       }, each([](const Arrays &in, Index i) { return -std::exp(in[0].data[i[0]]); })},
      {"transpose", "matrix", [](B &b) { b.output(b.transpose(b.input({b.batch(), 17}), {1, 0})); }, transposed({1, 0})},
      {"transpose", "NCHW to NHWC", [](B &b) { b.output(b.transpose(b.input({b.batch(), 3, 4, 5}), {0, 2, 3, 1})); }, transposed({0, 2, 3, 1})},
      {"transpose", "last axis kept", [](B &b) { b.output(b.transpose(b.input({2, b.batch(), 9}), {1, 0, 2})); }, transposed({1, 0, 2})},
      {"transpose", "rank 5", [](B &b) { b.output(b.transpose(b.input({2, 3, 2, 3, 2}), {4, 2, 0, 3, 1})); }, transposed({4, 2, 0, 3, 1})},
      {"broadcast", "axis of one", [](B &b) { b.output(b.broadcast(b.input({b.batch(), 1}), b.dims({b.batch(), 7}))); }, repeated()},
      {"broadcast", "leading axes", [](B &b) { b.output(b.broadcast(b.input({7}), b.dims({b.batch(), 3, 7}))); }, repeated()},
      {"broadcast", "of a scalar", [](B &b) { b.output(b.broadcast(b.input({}), b.dims({b.batch(), 3}))); }, repeated()},
      {"broadcast", "middle axis", [](B &b) { b.output(b.broadcast(b.input({2, 1, 5}), b.dims({2, b.batch(), 5}))); }, repeated()},
      {"slice", "start", [](B &b) { b.output(b.slice(b.input({b.batch(), 9}), {0, 2}, b.dims({b.batch(), 7}), {1, 1})); }, sliced({0, 2}, {1, 1})},
      {"slice", "steps", [](B &b) { b.output(b.slice(b.input({b.batch(), 5, 11}), {0, 1, 2}, b.dims({b.batch(), 2, 3}), {1, 2, 3})); }, sliced({0, 1, 2}, {1, 2, 3})},
      {"slice", "one element", [](B &b) { b.output(b.slice(b.input({4, 5}), {3, 4}, b.dims({1, 1}), {1, 1})); }, sliced({3, 4}, {1, 1})},
      {"slice", "of a symbolic axis", [](B &b) {
         AffineExpr n = b.batch();
         b.output(b.slice(b.input({n * 2, 3}), {1, 0}, b.dims({n, 3}), {2, 1}));
       }, sliced({1, 0}, {2, 1})},
      {"pad", "zeros around", [](B &b) { b.output(b.pad(b.input({b.batch(), 3, 4}), {0, 1, 2}, b.dims({b.batch(), 5, 9}), {0, 0, 0}, 0.0)); }, padded({0, 1, 2}, {0, 0, 0}, 0.0)},
      {"pad", "interior", [](B &b) { b.output(b.pad(b.input({b.batch(), 3, 4}), {0, 0, 1}, b.dims({b.batch(), 5, 12}), {0, 1, 2}, 0.0)); }, padded({0, 0, 1}, {0, 1, 2}, 0.0)},
      {"pad", "a value", [](B &b) { b.output(b.pad(b.input({b.batch(), 3, 2}), {0, 2, 0}, b.dims({b.batch(), 5, 3}), {0, 0, 0}, -1.5)); }, padded({0, 2, 0}, {0, 0, 0}, -1.5)},
      {"concat", "rows", [](B &b) { b.output(b.concat({b.input({4, 3}), b.input({1, 3}), b.input({2, 3})}, 0)); }, joined(0)},
      {"concat", "channels", [](B &b) {
         AffineExpr n = b.batch();
         b.output(b.concat({b.input({n, 2, 5}), b.input({n, 3, 5})}, 1));
       }, joined(1)},
      {"concat", "last axis, four", [](B &b) {
         AffineExpr n = b.batch();
         b.output(b.concat({b.input({n, 1}), b.input({n, 2}), b.input({n, 3}), b.input({n, 17})}, 1));
       }, joined(1)},
      {"concat", "one value twice", [](B &b) {
         Value x = b.input({b.batch(), 3});
         b.output(b.concat({x, x}, 1));
       }, each([](const Arrays &in, Index i) { return in[0].at({i[0], i[1] % 3}); })},
      {"concat", "of computed values and of such a concatenation, written in place", [](B &b) {
         Value x = b.input({1, 16, 6}), y = b.input({1, 8, 6});
         Value inner = b.concat({b.apply("exp", x), b.apply("exp", y)}, 1);
         Value outer = b.concat({inner, b.apply("tanh", y)}, 1);
         b.output(b.add(b.sum(outer, {2}), b.sum(inner, {1, 2})));
       }, each([](const Arrays &in, Index i) {
         double sum = 0;
         in[0].forEach([&](Index j) { sum += std::exp(in[0].at(j)) * (1 + (j[1] == i[1])); });
         in[1].forEach([&](Index j) {
           sum += std::exp(in[1].at(j)) * (1 + (j[1] + 16 == i[1])) + std::tanh(in[1].at(j)) * (j[1] + 24 == i[1]);
         });
         return sum;
       })},
      {"iota", "along axis 1", [](B &b) { b.output(b.iota(b.dims({b.batch(), 5, 2}), 1, b.element)); },
       each([](const Arrays &, Index i) { return double(i[1]); })},
      {"iota", "of integers", [](B &b) { b.output(b.iota(b.dims({b.batch(), 5}), 0, b.builder().getI64Type())); },
       each([](const Arrays &, Index i) { return double(i[0]); })},
      {"size", "times a value", [](B &b) {
         AffineExpr n = b.batch();
         Value x = b.input({n, 2});
         Value size = nn::SizeOp::create(b.builder(), b.loc, RankedTensorType::get({}, b.element),
                                         nn::DimsAttr::get(b.context(), b.functionSymbols(), {n * 6}));
         b.output(b.mul(x, size));
       }, each([](const Arrays &in, Index i) { return in[0].at(i) * 6 * in[0].dims[0]; })},
  };
}

} // namespace nnc::test
