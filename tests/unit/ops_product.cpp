// Products and convolutions.
#include "dialects/nn/Conv/Winograd.h"
#include "tests/unit/ops_case.h"

using namespace mlir;

namespace nnc::test {

//===-- matmul ------------------------------------------------------------------------===//

/// a [b..., M, K] and b [b..., K, N], or their transposed forms.
static Case product(std::string name, bool transposeA, bool transposeB,
                    std::function<std::pair<Value, Value>(CaseBuilder &)> inputs) {
  Reference reference = each([=](const Arrays &in, Index i) {
    const Array &a = in[0], &b = in[1];
    size_t rank = i.size();
    int64_t depth = a.dims[rank - (transposeA ? 2 : 1)];
    std::vector<int64_t> ia(i), ib(i);
    double total = 0;
    for (int64_t k = 0; k < depth; ++k) {
      ia[rank - 2] = transposeA ? k : i[rank - 2];
      ia[rank - 1] = transposeA ? i[rank - 2] : k;
      ib[rank - 2] = transposeB ? i[rank - 1] : k;
      ib[rank - 1] = transposeB ? k : i[rank - 1];
      total += a.at(ia) * b.at(ib);
    }
    return total;
  });
  return {"matmul", name, [=](CaseBuilder &b) {
            auto [x, y] = inputs(b);
            b.output(b.nn::Builder::matmul(x, y, transposeA, transposeB));
          }, reference};
}

//===-- convolution --------------------------------------------------------------------===//

namespace {
/// One value a spatial axis, but for the channels.
struct ConvolutionOptions {
  std::vector<int64_t> in, kernel, stride, padding, dilation, out;
  int64_t channels = 3, filters = 4, groups = 1;

  ConvolutionOptions(std::vector<int64_t> in, std::vector<int64_t> kernel) : in(in), kernel(kernel) {
    stride = dilation = std::vector<int64_t>(in.size(), 1);
    padding = std::vector<int64_t>(in.size(), 0);
  }
  ConvolutionOptions &with(int64_t c, int64_t k, int64_t g = 1) { channels = c, filters = k, groups = g; return *this; }
  ConvolutionOptions &strided(std::vector<int64_t> v) { stride = v; return *this; }
  ConvolutionOptions &padded(std::vector<int64_t> v) { padding = v; return *this; }
  ConvolutionOptions &dilated(std::vector<int64_t> v) { dilation = v; return *this; }
  /// Sizes of the output where they are not what equal padding on both sides gives.
  ConvolutionOptions &to(std::vector<int64_t> v) { out = v; return *this; }

  std::vector<int64_t> outSizes() const { return out.empty() ? windowCounts(in, kernel, stride, padding, dilation) : out; }
};

enum class Role { Input, Weight, Output };
} // namespace

/// Visits every (x, w, y) triple of indices that a convolution multiplies.
static void forEachProduct(const ConvolutionOptions &o, int64_t batch,
                           function_ref<void(Index x, Index w, Index y)> body) {
  std::vector<int64_t> outer{batch, o.filters, o.channels / o.groups};
  std::vector<int64_t> sizes = o.outSizes();
  outer.insert(outer.end(), sizes.begin(), sizes.end());
  outer.insert(outer.end(), o.kernel.begin(), o.kernel.end());
  size_t spatial = o.in.size();
  Array(outer).forEach([&](Index i) {
    int64_t group = i[1] / (o.filters / o.groups);
    std::vector<int64_t> x{i[0], group * (o.channels / o.groups) + i[2]}, w{i[1], i[2]}, y{i[0], i[1]};
    for (size_t d = 0; d < spatial; ++d) {
      int64_t out = i[3 + d], tap = i[3 + spatial + d];
      int64_t position = out * o.stride[d] - o.padding[d] + tap * o.dilation[d];
      if (position < 0 || position >= o.in[d])
        return;
      x.push_back(position);
      w.push_back(tap);
      y.push_back(out);
    }
    body(x, w, y);
  });
}

/// The convolution (Role::Output), or its gradient by input or weight, as an op.
static Case convolution(Role role, std::string name, ConvolutionOptions o) {
  auto build = [=](CaseBuilder &b) {
    auto shape = [&](AffineExpr first, AffineExpr second, const std::vector<int64_t> &rest) {
      FunctionBuilder::Dims dims{first, second};
      for (int64_t r : rest)
        dims.push_back(b.size(r));
      return dims;
    };
    auto x = shape(b.batch(), b.size(o.channels), o.in);
    auto w = shape(b.size(o.filters), b.size(o.channels / o.groups), o.kernel);
    auto y = shape(b.batch(), b.size(o.filters), o.outSizes());
    nn::Builder &nn = b;
    switch (role) {
    case Role::Output: {
      Value image = b.input(x);
      return b.output(nn.conv(image, b.input(w), y, o.stride, o.padding, o.dilation, o.groups));
    }
    case Role::Input: {
      Value dy = b.input(y);
      return b.output(nn.convInputGrad(dy, b.input(w), x, o.stride, o.padding, o.dilation, o.groups));
    }
    case Role::Weight: {
      Value image = b.input(x);
      return b.output(nn.convWeightGrad(image, b.input(y), w, o.stride, o.padding, o.dilation, o.groups));
    }
    }
  };
  auto reference = [=](const Arrays &in, Arrays &out) {
    std::fill(out[0].data.begin(), out[0].data.end(), 0);
    forEachProduct(o, in[0].dims[0], [&](Index x, Index w, Index y) {
      switch (role) {
      case Role::Output: out[0].at(y) += in[0].at(x) * in[1].at(w); break;
      case Role::Input: out[0].at(x) += in[0].at(y) * in[1].at(w); break;
      case Role::Weight: out[0].at(w) += in[0].at(x) * in[1].at(y); break;
      }
    });
  };
  const char *op = role == Role::Output ? "conv" : role == Role::Input ? "conv_input_grad" : "conv_weight_grad";
  return {op, name, build, reference};
}

/// A filter of one element, and a border of zeros at the high side of the result: padding there alone, or
/// a transposed convolution's output_padding. Long enough a sum for the engine of products.
static Case pointwiseWithBorder(bool transposed) {
  constexpr int64_t reduced = 96, results = 8, size = 8;
  auto build = [=](CaseBuilder &b) {
    Value image = b.input({b.batch(), reduced, size, size});
    Value w = transposed ? b.input({reduced, results, 1, 1}) : b.input({results, reduced, 1, 1});
    FunctionBuilder::Dims dims{b.batch(), b.size(results), b.size(size + 1), b.size(size + 1)};
    nn::Builder &nn = b;
    b.output(transposed ? nn.convInputGrad(image, w, dims, {1, 1}, {0, 0}, {1, 1}, 1) : nn.conv(image, w, dims, {1, 1}, {0, 0}, {1, 1}, 1));
  };
  auto element = [=](const Arrays &in, Index index) {
    double sum = 0;
    if (index[2] < size && index[3] < size)
      for (int64_t c = 0; c < reduced; ++c)
        sum += in[0].at({index[0], c, index[2], index[3]}) * in[1].at({transposed ? c : index[1], transposed ? index[1] : c, 0, 0});
    return sum;
  };
  return {transposed ? "conv_input_grad" : "conv", "a filter of one element, with a border", build, each(element), /*checkGradient=*/false};
}

/// Filters with L result channels of a group side by side.
static Case packFilter(bool adjoint, std::vector<int64_t> kernel, int64_t groups) {
  constexpr int64_t lanes = 16, filters = 19, channels = 21; // of a group
  int64_t result = adjoint ? channels : filters;
  auto build = [=](CaseBuilder &b) {
    FunctionBuilder::Dims dims{b.size(groups * filters), b.size(channels)};
    for (int64_t size : kernel)
      dims.push_back(b.size(size));
    b.output(b.packFilter(b.input(dims), groups, lanes, adjoint));
  };
  auto element = [=](const Arrays &in, Index index) {
    int64_t group = index[0] / 2, lane = index[0] % 2 * lanes + index[3], tap = index[2];
    if (lane >= result)
      return 0.0;
    std::vector<int64_t> at{group * filters + (adjoint ? index[1] : lane), adjoint ? lane : index[1]};
    at.resize(2 + kernel.size());
    for (size_t axis = kernel.size(); axis-- > 0; tap /= kernel[axis])
      at[2 + axis] = tap % kernel[axis];
    return in[0].at(at);
  };
  std::string name = std::to_string(kernel.size()) + "d" + (adjoint ? ", adjoint" : "") + (groups > 1 ? ", groups" : "");
  return {"pack_filter", name, build, each(element), /*checkGradient=*/false};
}

/// G g G^T of each filter, result channels padded to two vectors of 16.
static Case winogradFilter(bool adjoint, int64_t outputs) {
  const nn::Winograd &winograd = nn::Winograd::of(outputs);
  constexpr int64_t lanes = 16, filters = 19, channels = 21;
  auto build = [=](CaseBuilder &b) {
    Value w = b.input({filters, channels, 3, 3});
    b.output(b.winogradFilter(w, outputs, lanes, adjoint));
  };
  auto element = [=, &winograd](const Arrays &in, Index index) {
    int64_t result = index[0] * lanes + index[3], i = index[1] / winograd.points, j = index[1] % winograd.points;
    if (result >= (adjoint ? channels : filters))
      return 0.0;
    double sum = 0;
    for (int64_t p = 0; p < 3; ++p)
      for (int64_t q = 0; q < 3; ++q) {
        double tap = adjoint ? in[0].at({index[2], result, 2 - p, 2 - q}) : in[0].at({result, index[2], p, q});
        sum += winograd.filter[i * 3 + p] * winograd.filter[j * 3 + q] * tap;
      }
    return sum;
  };
  std::string name = "F(" + std::to_string(outputs) + ")" + (adjoint ? ", adjoint" : "");
  return {"winograd_filter", name, build, each(element), /*checkGradient=*/false};
}

std::vector<Case> productCases() {
  using B = CaseBuilder;
  using Pair = std::pair<Value, Value>;
  // In order: C++ leaves open which of two arguments is evaluated first.
  auto pair = [](Value a, Value b) { return Pair{a, b}; };
  std::vector<Case> cases = {
      product("plain", false, false, [=](B &b) { Value x = b.input({b.batch(), 7}); return pair(x, b.input({7, 5})); }),
      product("transpose_a", true, false, [=](B &b) { Value x = b.input({7, b.batch()}); return pair(x, b.input({7, 5})); }),
      product("transpose_b", false, true, [=](B &b) { Value x = b.input({b.batch(), 7}); return pair(x, b.input({5, 7})); }),
      product("both", true, true, [=](B &b) { Value x = b.input({7, b.batch()}); return pair(x, b.input({5, 7})); }),
      product("symbolic depth", true, false, [=](B &b) { Value x = b.input({b.batch(), 7}); return pair(x, b.input({b.batch(), 5})); }),
      product("batched", false, false, [=](B &b) { Value x = b.input({b.batch(), 4, 3}); return pair(x, b.input({b.batch(), 3, 5})); }),
      product("batched, transpose_b", false, true, [=](B &b) { Value x = b.input({2, b.batch(), 3}); return pair(x, b.input({2, 4, 3})); }),
      product("rank 4", true, false, [=](B &b) { Value x = b.input({2, b.batch(), 5, 3}); return pair(x, b.input({2, b.batch(), 5, 4})); }),
      product("past one tile", false, false, [=](B &b) { Value x = b.input({17, 33}); return pair(x, b.input({33, 49})); }),
      product("past one tile, transpose_b", false, true, [=](B &b) { Value x = b.input({b.batch() * 9, 33}); return pair(x, b.input({35, 33})); }),
      product("one row", false, true, [=](B &b) { Value x = b.input({1, 65}); return pair(x, b.input({19, 65})); }),
      product("one column", false, false, [=](B &b) { Value x = b.input({19, 9}); return pair(x, b.input({9, 1})); }),
      product("depth one", false, false, [=](B &b) { Value x = b.input({b.batch(), 1}); return pair(x, b.input({1, 18})); }),
      {"matmul", "linear with bias and relu", [](B &b) {
         Value x = b.input({b.batch(), 9});
         Value w = b.input({21, 9});
         b.output(b.apply("relu", b.linear(x, w, b.input({21}))));
       }},
      {"matmul", "two layers", [](B &b) {
         Value x = b.input({b.batch(), 9});
         Value w = b.input({18, 9});
         Value h = b.apply("tanh", b.linear(x, w, {}));
         Value v = b.input({3, 18});
         b.output(b.linear(h, v, b.input({3})));
       }},
      {"matmul", "of itself", [](B &b) {
         Value x = b.input({b.batch(), 5});
         b.output(b.nn::Builder::matmul(x, x, false, true));
       }},
      {"conv", "with bias, relu and max_pool", [](B &b) {
         Value x = b.input({b.batch(), 2, 8, 8});
         Value w = b.input({5, 2, 3, 3});
         Value y = b.conv(x, w, b.input({5}), {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1);
         b.output(b.maxPool(b.apply("relu", y), {2, 2}, {2, 2}, {0, 0}, {1, 1}, false));
       }},
      {"conv", "depthwise with bias, activation and residual", [](B &b) {
         Value x = b.input({b.batch(), 3, 6, 19});
         Value w = b.input({3, 1, 3, 3});
         Value y = b.conv(x, w, b.input({3}), {1, 1}, {1, 1}, {1, 1}, {1, 1}, 3);
         b.output(b.nn::Builder::add(b.apply("silu", y), x));
       }},
  };
  struct Setting {
    const char *name;
    ConvolutionOptions options;
  };
  const Setting settings[] = {
      {"3x3", ConvolutionOptions({6, 7}, {3, 3})},
      {"5x5, LeNet's first", ConvolutionOptions({9, 9}, {5, 5}).with(1, 6)},
      {"padded", ConvolutionOptions({5, 5}, {3, 3}).padded({1, 1}).with(2, 17)},
      {"1x1", ConvolutionOptions({4, 5}, {1, 1}).with(18, 5)},
      {"1x1, a product by pixels", ConvolutionOptions({9, 11}, {1, 1}).with(16, 24)},
      {"1x1, a product of odd sizes", ConvolutionOptions({9, 11}, {1, 1}).with(100, 7)},
      {"stride 2", ConvolutionOptions({7, 8}, {3, 3}).strided({2, 2}).padded({1, 1})},
      {"uneven attributes", ConvolutionOptions({9, 8}, {3, 2}).strided({2, 1}).padded({0, 1}).dilated({1, 2})},
      {"dilated", ConvolutionOptions({8, 8}, {3, 3}).dilated({2, 2}).padded({2, 2})},
      {"groups", ConvolutionOptions({5, 5}, {3, 3}).padded({1, 1}).with(4, 6, 2)},
      {"depthwise", ConvolutionOptions({6, 5}, {3, 3}).padded({1, 1}).with(5, 5, 5)},
      {"depthwise, stride 2", ConvolutionOptions({7, 7}, {3, 3}).padded({1, 1}).strided({2, 2}).with(3, 6, 3)},
      {"depthwise, wide rows", ConvolutionOptions({4, 37}, {3, 5}).padded({1, 2}).with(2, 2, 2)},
      {"depthwise, unread rows", ConvolutionOptions({8, 9}, {2, 2}).strided({3, 3}).with(2, 4, 2)},
      {"depthwise, dilated", ConvolutionOptions({9, 8}, {3, 3}).dilated({2, 3}).padded({3, 2}).with(3, 3, 3)},
      {"depthwise, 1d", ConvolutionOptions({41}, {4}).strided({2}).padded({1}).with(3, 3, 3)},
      {"depthwise, 3d", ConvolutionOptions({4, 5, 4}, {3, 2, 3}).strided({2, 1, 1}).padded({1, 0, 1}).with(2, 2, 2)},
      {"more padding on the high side", ConvolutionOptions({5, 5}, {2, 2}).to({5, 5})},
      {"unread rows", ConvolutionOptions({8, 9}, {2, 2}).strided({3, 3}).with(2, 3)},
      {"1d", ConvolutionOptions({11}, {3}).strided({2}).padded({1})},
      {"3d", ConvolutionOptions({3, 4, 3}, {2, 2, 2}).with(2, 3)},
      {"kernel of the image's size", ConvolutionOptions({3, 3}, {3, 3}).with(2, 9)},
  };
  for (bool adjoint : {false, true})
    for (int64_t outputs : {2, 4})
      cases.push_back(winogradFilter(adjoint, outputs));
  for (bool adjoint : {false, true}) {
    cases.push_back(pointwiseWithBorder(adjoint));
    cases.push_back(packFilter(adjoint, {}, 1));
    cases.push_back(packFilter(adjoint, {1, 1}, 1));
    cases.push_back(packFilter(adjoint, {5}, 2));
    cases.push_back(packFilter(adjoint, {3, 1, 7}, 1));
  }
  for (const Setting &setting : settings)
    for (Role role : {Role::Output, Role::Input, Role::Weight})
      cases.push_back(convolution(role, setting.name, setting.options));
  return cases;
}

} // namespace nnc::test
