// Products, convolutions, pooling, normalisation and dropout.
#include "compiler/frontends/pt2/Aten.h"

using namespace mlir;
using namespace nnc;
using namespace nnc::pt2;

//===-- products --------------------------------------------------------------------===//

/// A weight or bias that holds one value a channel.
static bool fits(Call &call, llvm::StringRef name, Value value, AffineExpr channels) {
  if (!value || (nn::rankOf(value) == 1 && nn::sameSize(nn::dimsOf(value)[0], channels)))
    return true;
  call.reject(name, "does not have one value for each channel");
  return false;
}

static Results linear(Call &call) {
  Value x = call.tensor("input"), weight = call.tensor("weight");
  Value bias = call.optionalTensor("bias");
  if (call.hasFailed() || nn::rankOf(x) < 1 || nn::rankOf(weight) != 2) {
    call.reject("weight", "must be a matrix, and the input must have an axis");
    return {Value()};
  }
  if (!fits(call, "bias", bias, nn::dimsOf(weight)[0]))
    return {Value()};
  return {call.builder.linear(x, weight, bias)};
}

/// mm, bmm, matmul: the second operand is `mat2` or `other`.
static Results matmul(Call &call) {
  Value a = call.self();
  Value b = call.tensor(call.given("mat2") ? "mat2" : "other");
  return {a && b ? call.builder.matmul(a, b) : Value()};
}

static Results addmm(Call &call) {
  Value input = call.tensor("self"), a = call.tensor("mat1"), b = call.tensor("mat2");
  if (!input || !a || !b)
    return {Value()};
  return {call.builder.addmm(input, a, b, call.number("beta", 1), call.number("alpha", 1))};
}

/// beta * input + alpha * batch1 batch2.
static Results baddbmm(Call &call) {
  Value input = call.tensor("self"), a = call.tensor("batch1"), b = call.tensor("batch2");
  if (!input || !a || !b)
    return {Value()};
  return {call.builder.addmm(input, a, b, call.number("beta", 1), call.number("alpha", 1))};
}

/// dot, mv, vdot: matmul of vectors.
static Results vectorProduct(Call &call) {
  Value a = call.self(), b = call.tensor(call.given("vec") ? "vec" : call.given("vec2") ? "vec2" : call.given("tensor") ? "tensor" : "other");
  return {a && b ? call.builder.matmul(a, b) : Value()};
}

static Results outer(Call &call) {
  Value a = call.self(), b = call.tensor("vec2");
  return {a && b ? call.builder.mul(call.builder.unsqueeze(a, 1), call.builder.unsqueeze(b, 0)) : Value()};
}

static Results einsum(Call &call) {
  return {call.builder.einsum(call.text("equation", ""), call.tensorList("tensors"))};
}

static Results bilinear(Call &call) {
  return {call.builder.bilinear(call.tensor("input1"), call.tensor("input2"), call.tensor("weight"), call.optionalTensor("bias"))};
}

static Results attention(Call &call) {
  Value q = call.tensor("query"), k = call.tensor("key"), v = call.tensor("value"), mask = call.optionalTensor("attn_mask");
  if (call.flag("enable_gqa", false))
    call.reject("enable_gqa", "is not supported");
  std::optional<double> scale;
  if (call.given("scale"))
    scale = call.number("scale");
  if (call.hasFailed())
    return {Value()};
  return {call.builder.attention(q, k, v, mask, call.number("dropout_p", 0), call.flag("is_causal", false), scale,
                                 !call.isEvaluation())};
}

//===-- convolution -----------------------------------------------------------------===//

namespace {
/// The operands of a convolution; spatial axes are those of the weight
/// [K, C / groups, kernel...] (transposed: [C, K / groups, kernel...]).
struct Convolution {
  Value x, weight, bias;
  size_t rank = 1;
  int64_t groups;

  Convolution(Call &call, bool transposed)
      : x(call.tensor("input")), weight(call.tensor("weight")), bias(call.optionalTensor("bias")),
        groups(call.integer("groups", 1)) {
    if (call.hasFailed())
      return;
    nn::Dims in = nn::dimsOf(x), kernel = nn::dimsOf(weight);
    if (kernel.size() < 3 || in.size() > kernel.size() || in.size() + 1 < kernel.size() || groups < 1) {
      call.reject("weight", "does not have the rank that the input needs");
      return;
    }
    rank = kernel.size() - 2;
    fits(call, "bias", bias, transposed ? kernel[1] * groups : kernel[0]);
  }
};
} // namespace

static Results conv(Call &call) {
  Convolution c(call, /*transposed=*/false);
  SmallVector<int64_t> padding = call.spatial("padding", c.rank, 0, 0),
                       stride = call.spatial("stride", c.rank, 1),
                       dilation = call.spatial("dilation", c.rank, 1);
  if (call.hasFailed())
    return {Value()};
  return {call.builder.conv(c.x, c.weight, c.bias, stride, padding, padding, dilation, c.groups)};
}

/// padding='same' with an odd total puts the larger half after the data.
static Results convNamedPadding(Call &call) {
  Convolution c(call, /*transposed=*/false);
  SmallVector<int64_t> stride = call.spatial("stride", c.rank, 1),
                       dilation = call.spatial("dilation", c.rank, 1);
  llvm::StringRef padding = call.text("padding", "valid");
  if (call.hasFailed())
    return {Value()};
  SmallVector<int64_t> low(c.rank, 0), high(c.rank, 0);
  if (padding == "same")
    for (size_t axis = 0; axis < c.rank; ++axis) {
      int64_t kernel = nn::constantSize(nn::dimsOf(c.weight)[axis + 2]).value_or(1);
      int64_t total = dilation[axis] * (kernel - 1);
      low[axis] = total / 2;
      high[axis] = total - total / 2;
    }
  return {call.builder.conv(c.x, c.weight, c.bias, stride, low, high, dilation, c.groups)};
}

static Results convTranspose(Call &call) {
  Convolution c(call, /*transposed=*/true);
  SmallVector<int64_t> padding = call.spatial("padding", c.rank, 0, 0),
                       extra = call.spatial("output_padding", c.rank, 0, 0),
                       stride = call.spatial("stride", c.rank, 1),
                       dilation = call.spatial("dilation", c.rank, 1);
  if (call.hasFailed())
    return {Value()};
  return {call.builder.convTranspose(c.x, c.weight, c.bias, stride, padding, extra, c.groups,
                                     dilation)};
}

static Results convolution(Call &call) {
  return call.flag("transposed", false) ? convTranspose(call) : conv(call);
}

//===-- pooling ---------------------------------------------------------------------===//

namespace {
/// The windows of a pooling; no stride given: the kernel's size.
struct Windows {
  SmallVector<int64_t> kernel, stride, padding, dilation;
  Windows(Call &call, size_t rank)
      : kernel(call.spatial("kernel_size", rank)), stride(call.integers("stride")),
        padding(call.spatial("padding", rank, 0, 0)), dilation(call.spatial("dilation", rank, 1)) {
    stride = stride.empty() ? kernel : call.spatial("stride", rank);
    if (size_t axes = call.selfDims().size(); axes != rank + 1 && axes != rank + 2)
      call.reject(call.selfName(), Twine("must have ") + Twine(rank + 1) + " or " + Twine(rank + 2) + " axes");
  }
};
} // namespace

template <size_t rank> static Results maxPool(Call &call) {
  Windows w(call, rank);
  if (call.hasFailed())
    return {Value()};
  return {call.builder.maxPool(call.self(), w.kernel, w.stride, w.padding, w.dilation,
                               call.flag("ceil_mode", false))};
}

template <size_t rank> static Results maxPoolWithIndices(Call &call) {
  Windows w(call, rank);
  if (call.hasFailed())
    return {Value()};
  auto [y, indices] = call.builder.maxPoolWithIndices(
      call.self(), w.kernel, w.stride, w.padding, w.dilation, call.flag("ceil_mode", false));
  return {y, indices};
}

template <size_t rank> static Results avgPool(Call &call) {
  Windows w(call, rank);
  if (call.hasFailed())
    return {Value()};
  std::optional<int64_t> divisor;
  if (call.given("divisor_override"))
    divisor = call.integer("divisor_override");
  return {call.builder.avgPool(call.self(), w.kernel, w.stride, w.padding,
                               call.flag("ceil_mode", false), call.flag("count_include_pad", true),
                               divisor)};
}

/// The sizes of the result; the module has put the input's own for None.
template <size_t rank> static SmallVector<int64_t> adaptiveSize(Call &call) {
  if (call.selfDims().size() < rank)
    call.reject(call.selfName(), "has too few axes");
  return call.spatial("output_size", rank);
}

template <size_t rank> static Results adaptiveAvgPool(Call &call) {
  SmallVector<int64_t> size = adaptiveSize<rank>(call);
  if (call.hasFailed())
    return {Value()};
  return {call.builder.adaptiveAvgPool(call.self(), size)};
}

template <size_t rank> static Results adaptiveMaxPool(Call &call) {
  SmallVector<int64_t> size = adaptiveSize<rank>(call);
  if (call.hasFailed())
    return {Value()};
  auto [values, indices] = call.builder.adaptiveMaxPool(call.self(), size);
  return {values, indices};
}

//===-- normalisation ---------------------------------------------------------------===//

/// Training changes the running statistics, which the file does not say.
static void writeBack(Call &call, FunctionBuilder::RunningStatistics running) {
  call.write("running_mean", running.mean);
  call.write("running_var", running.variance);
}

static Results batchNorm(Call &call) {
  Value x = call.tensor("input"), weight = call.optionalTensor("weight"),
        bias = call.optionalTensor("bias");
  FunctionBuilder::RunningStatistics running = {call.optionalTensor("running_mean"), call.optionalTensor("running_var")};
  bool training = call.training("training");
  if (call.hasFailed())
    return {Value()};
  nn::Dims dims = nn::dimsOf(x);
  if (dims.size() < 2)
    call.reject("input", "must have an axis of channels");
  else if (fits(call, "weight", weight, dims[1]) && fits(call, "bias", bias, dims[1]) &&
           fits(call, "running_mean", running.mean, dims[1]))
    fits(call, "running_var", running.variance, dims[1]);
  if (!running.mean != !running.variance)
    call.reject("running_var", "must be given if and only if running_mean is");
  if (call.hasFailed())
    return {Value()};
  Value y = call.builder.batchNorm(x, weight, bias, running, training, call.number("momentum", 0.1),
                                   call.number("eps", 1e-5));
  if (training && running.mean)
    writeBack(call, running);
  return {y};
}

static Results layerNorm(Call &call) {
  Value x = call.tensor("input"), weight = call.optionalTensor("weight"),
        bias = call.optionalTensor("bias");
  size_t rank = call.integers("normalized_shape").size();
  if (call.hasFailed() || rank > call.selfDims().size()) {
    call.reject("normalized_shape", "has more axes than the input");
    return {Value()};
  }
  return {call.builder.layerNorm(x, rank, weight, bias, call.number("eps", 1e-5))};
}

/// Normalises groups of channels of x [N, C, ...]: a layer norm of [N, groups, rest],
/// then weight and bias by channel.
static Value normalizeGroups(Call &call, AffineExpr groups) {
  FunctionBuilder &builder = call.builder;
  Value x = call.tensor("input"), weight = call.optionalTensor("weight"),
        bias = call.optionalTensor("bias");
  if (!x || nn::rankOf(x) < 2 || !fits(call, "weight", weight, nn::dimsOf(x)[1]) ||
      !fits(call, "bias", bias, nn::dimsOf(x)[1]))
    return {};
  nn::Dims dims = nn::dimsOf(x), line(dims.size(), builder.size(1));
  AffineExpr rest = nn::product(builder.context(), ArrayRef(dims).drop_front(1)).floorDiv(groups);
  Value grouped = builder.view(x, {dims[0], groups, nn::simplify(rest)});
  Value y = builder.view(builder.layerNorm(grouped, 1, {}, {}, call.number("eps", 1e-5)), dims);
  line[1] = dims[1];
  if (y && weight)
    y = builder.elementwise("mul", {y, builder.view(weight, line)});
  return y && bias ? builder.elementwise("add", {y, builder.view(bias, line)}) : y;
}

static Results groupNorm(Call &call) {
  return {normalizeGroups(call, call.builder.size(call.integer("num_groups")))};
}

/// With the input's statistics, or with the tracked ones, which training also updates.
static Results instanceNorm(Call &call) {
  nn::Dims dims = call.selfDims();
  Value x = call.self();
  FunctionBuilder::RunningStatistics running = {call.optionalTensor("running_mean"), call.optionalTensor("running_var")};
  bool training = call.training("use_input_stats");
  if (dims.size() < 2 || call.hasFailed())
    return {Value()};
  for (llvm::StringRef name : {"weight", "bias", "running_mean", "running_var"})
    if (!fits(call, name, call.optionalTensor(name), dims[1]))
      return {Value()};
  if (running.mean && !running.variance) {
    call.reject("running_var", "must be given if running_mean is");
    return {Value()};
  }
  if (running.mean && !training)
    return {call.builder.batchNorm(x, call.optionalTensor("weight"), call.optionalTensor("bias"), running, false, 0,
                                   call.number("eps", 1e-5))};
  if (running.mean)
    writeBack(call, call.builder.trackInstanceStatistics(x, running, call.number("momentum", 0.1)));
  return {normalizeGroups(call, dims[1])};
}

static Results rmsNorm(Call &call) {
  Value x = call.tensor("input"), weight = call.optionalTensor("weight");
  size_t rank = call.integers("normalized_shape").size();
  if (call.hasFailed() || rank > call.selfDims().size()) {
    call.reject("normalized_shape", "has more axes than the input");
    return {Value()};
  }
  double eps = nn::elementTypeOf(x).isF64() ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
  return {call.builder.rmsNorm(x, rank, weight, call.number("eps", eps))};
}

//===-- dropout ---------------------------------------------------------------------===//

/// Without training, at::dropout returns its argument itself.
static Results dropout(Call &call) {
  if (!call.training("train"))
    return {View::identity()};
  return {call.builder.dropout(call.self(), call.number("p"), true)};
}

static Results featureDropout(Call &call) {
  if (!call.training("train"))
    return {View::identity()};
  return {call.builder.featureDropout(call.self(), call.number("p"), true)};
}

static constexpr AtenOp layers[] = {
    {"linear", linear},
    {"mm", matmul},
    {"bmm", matmul},
    {"matmul", matmul},
    {"addmm", addmm},
    {"baddbmm", baddbmm},
    {"dot", vectorProduct},
    {"mv", vectorProduct},
    {"outer", outer},
    {"einsum", einsum},
    {"bilinear", bilinear},
    {"scaled_dot_product_attention", attention},
    {"conv1d", conv},
    {"conv2d", conv},
    {"conv3d", conv},
    {"conv1d.padding", convNamedPadding},
    {"conv2d.padding", convNamedPadding},
    {"conv3d.padding", convNamedPadding},
    {"conv_transpose1d", convTranspose},
    {"conv_transpose2d.input", convTranspose},
    {"conv_transpose3d.input", convTranspose},
    {"convolution", convolution},
    {"max_pool1d", maxPool<1>},
    {"max_pool2d", maxPool<2>},
    {"max_pool3d", maxPool<3>},
    {"max_pool1d_with_indices", maxPoolWithIndices<1>},
    {"max_pool2d_with_indices", maxPoolWithIndices<2>},
    {"max_pool3d_with_indices", maxPoolWithIndices<3>},
    {"avg_pool1d", avgPool<1>},
    {"avg_pool2d", avgPool<2>},
    {"avg_pool3d", avgPool<3>},
    {"adaptive_avg_pool1d", adaptiveAvgPool<1>},
    {"adaptive_avg_pool2d", adaptiveAvgPool<2>},
    {"adaptive_avg_pool3d", adaptiveAvgPool<3>},
    {"adaptive_max_pool1d", adaptiveMaxPool<1>},
    {"adaptive_max_pool2d", adaptiveMaxPool<2>},
    {"adaptive_max_pool3d", adaptiveMaxPool<3>},
    {"batch_norm", batchNorm},
    {"layer_norm", layerNorm},
    {"rms_norm", rmsNorm},
    {"group_norm", groupNorm},
    {"instance_norm", instanceNorm},
    {"dropout", dropout},
    {"feature_dropout", featureDropout},
};

llvm::ArrayRef<AtenOp> nnc::pt2::atenLayers() { return layers; }
