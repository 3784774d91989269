// Networks over x [N, C, spatial...]: convolutions, pooling, and what moves elements.
#include "tests/fuzz/RandomNetwork.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::fuzz {

/// The largest number of elements of an image along its path: naive code runs it.
static constexpr int64_t largestMap = 4096;

//===-- convolutions --------------------------------------------------------------------===//

Value RandomNetwork::padded(Value x) {
  StringRef mode = draw.pick<StringRef>({"constant", "reflect", "replicate", "circular"});
  Ints pads;
  for (int64_t d = rankOf(x) - 1; d >= 2; --d)
    for (int side = 0; side < 2; ++side)
      pads.push_back(std::min(draw.between(0, 2), sizeAt(x, d) - 1));
  return mode == "constant" ? constantPad(x, pads, draw.pick({0.0, 0.5})) : padMode(x, pads, mode);
}

Value RandomNetwork::convolution(Value x, int64_t filters, bool keepsSize) {
  int64_t channels = sizeAt(x, 1), groups = 1;
  if (draw.chance(20)) { // depthwise
    groups = channels;
    filters = keepsSize ? filters : channels * draw.between(1, 2);
  } else if (draw.chance(20)) {
    groups = draw.pick({2, 3, 4});
  }
  if (channels % groups != 0 || filters % groups != 0)
    groups = 1;
  if (!keepsSize && draw.chance(15))
    x = padded(x);
  Ints kernel, stride, low, high, dilation, dims{filters, channels / groups};
  for (int64_t d = 2; d < rankOf(x); ++d) {
    int64_t in = sizeAt(x, d), k, s = 1, p, q, l = draw.pick({1, 1, 1, 2, 3});
    if (keepsSize) {
      k = draw.pick({1, 3, 3, 5});
      p = l * (k - 1) / 2;
      q = l * (k - 1) - p;
    } else {
      k = draw.pick({1, 1, 2, 3, 3, 3, 4, 5, 7});
      s = draw.pick({1, 1, 2, 2, 3, 4});
      p = draw.between(0, k - 1);
      q = draw.chance(15) ? draw.between(0, k - 1) : p;
      while (l * (k - 1) + 1 > in + p + q)
        l > 1 ? --l : --k;
    }
    kernel.push_back(k);
    stride.push_back(s);
    low.push_back(p);
    high.push_back(q);
    dilation.push_back(l);
    dims.push_back(k);
  }
  Value w = weight(dims);
  return conv(x, w, optionalBias(filters), stride, low, high, dilation, groups);
}

Value RandomNetwork::transposedConvolution(Value x, int64_t filters) {
  int64_t channels = sizeAt(x, 1), groups = draw.pick({1, 1, 2, 3});
  if (channels % groups != 0 || filters % groups != 0)
    groups = 1;
  Ints stride, padding, extra, dilation, dims{channels, filters / groups};
  int64_t elements = filters;
  for (int64_t d = 2; d < rankOf(x); ++d) {
    int64_t in = sizeAt(x, d), k = draw.between(1, 4), s = draw.between(1, 3), l = draw.pick({1, 1, 2});
    int64_t p = draw.between(0, k - 1), e = draw.between(0, std::max(s, l) - 1), out;
    if (elements * in * s > largestMap)
      s = 1, e = 0;
    while ((out = (in - 1) * s - 2 * p + l * (k - 1) + e + 1) < 1)
      --p;
    elements *= out;
    stride.push_back(s);
    padding.push_back(p);
    extra.push_back(e);
    dilation.push_back(l);
    dims.push_back(k);
  }
  Value w = weight(dims);
  return convTranspose(x, w, optionalBias(filters), stride, padding, extra, groups, dilation);
}

//===-- pooling and resampling --------------------------------------------------------------===//

Value RandomNetwork::pooling(Value x) {
  Ints kernel, stride, padding, dilation, out;
  for (int64_t d = 2; d < rankOf(x); ++d) {
    int64_t in = sizeAt(x, d), k = std::min(draw.between(1, 4), in), l = draw.pick({1, 1, 2});
    out.push_back(draw.between(1, std::min<int64_t>(in, 7)));
    while (l * (k - 1) + 1 > in)
      --l;
    kernel.push_back(k);
    stride.push_back(draw.chance(40) ? k : draw.between(1, 3));
    padding.push_back(draw.chance(40) ? draw.between(0, k / 2) : 0);
    dilation.push_back(l);
  }
  bool ceilMode = draw.chance(40), countPadding = draw.chance(50);
  int64_t kind = draw.between(0, 99);
  std::optional<int64_t> divisor;
  if (draw.chance(15))
    divisor = 3;
  if (kind < 20)
    return adaptiveAvgPool(x, out);
  if (kind < 50 || recipe.smooth)
    return avgPool(x, kernel, stride, padding, ceilMode, countPadding, divisor);
  return kind < 60 ? adaptiveMaxPool(x, out).first : maxPool(x, kernel, stride, padding, dilation, ceilMode);
}

Value RandomNetwork::resized(Value x) {
  Ints out;
  int64_t elements = sizeAt(x, 1);
  for (int64_t d = 2; d < rankOf(x); ++d) {
    int64_t in = sizeAt(x, d);
    out.push_back(elements * in * 2 > largestMap ? in : draw.between(1, 2 * in + 1));
    elements *= out.back();
  }
  if (draw.chance(50))
    return upsampleNearest(x, out, {}, draw.chance(50));
  return upsampleLinear(x, out, {}, draw.chance(50), rankOf(x) == 4 && draw.chance(20));
}

//===-- what moves elements -----------------------------------------------------------------===//

Value RandomNetwork::shuffledChannels(Value x) {
  int64_t groups = draw.pick({2, 3, 4}), channels = sizeAt(x, 1);
  if (channels % groups != 0)
    return x;
  Dims dims = dimsOf(x), split{dims[0], size(groups), size(channels / groups)};
  Ints order{0, 2, 1};
  for (int64_t d = 2; d < rankOf(x); ++d) {
    split.push_back(dims[d]);
    order.push_back(d + 1);
  }
  return view(permute(view(x, split), order), dims);
}

Value RandomNetwork::rearranged(Value x) {
  int64_t rank = rankOf(x), axis = draw.between(1, rank - 1), n = sizeAt(x, axis);
  switch (draw.between(0, 9)) {
  case 0:
    return flip(x, {axis});
  case 1:
    return roll(x, {draw.between(-3, 3)}, {axis});
  case 2:
    return swapAxes(x, 1, rank - 1);
  case 3: { // a slice with a step
    int64_t start = draw.between(0, n - 1), step = draw.between(1, 3);
    return sliceAxis(x, axis, start, INT64_MAX, step);
  }
  case 4: { // one part of the channels computed, the other kept
    int64_t cut = draw.between(0, n - 1);
    Value rest = sliceAxis(x, axis, cut, INT64_MAX, 1);
    Value done = activation(rest);
    return cut == 0 ? done : cat({sliceAxis(x, axis, 0, cut, 1), done}, axis);
  }
  case 5: { // x[..., a:b:s] = f(x[..., a:b:s])
    int64_t start = draw.between(0, n - 1), end = draw.between(start + 1, n), step = draw.between(1, 2);
    return sliceScatter(x, activation(sliceAxis(x, axis, start, end, step)), axis, start, end, step);
  }
  case 6: {
    Value one = unsqueezeAxis(select(x, axis, draw.between(0, n - 1)), axis);
    return elementwise("sub", {x, one});
  }
  case 7:
    return shuffledChannels(x);
  case 8: // the normalisation of channels-last networks
    return swapAxes(layerNormalization(swapAxes(x, 1, rank - 1)), 1, rank - 1);
  default:
    return padded(x);
  }
}

//===-- blocks ------------------------------------------------------------------------------===//

Value RandomNetwork::squeezeAndExcitation(Value x) {
  int64_t channels = sizeAt(x, 1);
  Dims line(rankOf(x), size(1));
  Ints axes;
  for (int64_t d = 2; d < rankOf(x); ++d)
    axes.push_back(d);
  line[0] = dimsOf(x)[0];
  line[1] = dimsOf(x)[1];
  Value squeezed = meanAxes(x, axes, false);
  Value gate = dense(activation(dense(squeezed, draw.between(1, 8))), channels);
  return mul(x, view(elementwise("sigmoid", {gate}), line));
}

Value RandomNetwork::attentionOverPositions(Value x) {
  int64_t width = draw.between(1, 8), channels = sizeAt(x, 1);
  Dims dims = dimsOf(x);
  Value rows = permute(flatten(x, 2, -1), {0, 2, 1}); // [N, positions, C]
  if (sizeAt(rows, 1) > 64)
    return x;
  Value q = dense(rows, width), k = dense(rows, width), v = dense(rows, channels);
  return add(x, view(permute(attention(q, k, v, {}, 0, false, {}, training), {0, 2, 1}), dims));
}

/// A block whose result has the shape of x: the branch of a residual.
Value RandomNetwork::sameShape(Value x) {
  int64_t channels = sizeAt(x, 1), inner = draw.between(1, 12);
  Value y = x;
  if (draw.chance(30))
    y = activation(batchNormalization(y)); // as in a pre-activation residual
  if (draw.chance(60))
    y = activation(convolution(y, inner, /*keepsSize=*/true));
  y = convolution(y, channels, /*keepsSize=*/true);
  return draw.chance(60) ? batchNormalization(y) : y;
}

Value RandomNetwork::mapBlock(Value x) {
  int64_t channels = sizeAt(x, 1), filters = draw.pick({1, 2, 3, 4, 6, 8, 8, 12, 16, 17, 24, 33});
  if (filters * channels > 400)
    filters = 8;
  switch (draw.between(0, 19)) {
  default: {
    Value y = convolution(x, filters, false);
    if (draw.chance(50))
      y = batchNormalization(y);
    return draw.chance(80) ? activation(y) : y;
  }
  case 6:
  case 7: {
    Value y = add(x, sameShape(x));
    return draw.chance(60) ? activation(y) : y;
  }
  case 8:
  case 9:
    return pooling(x);
  case 10: { // branches over one input
    llvm::SmallVector<Value> branches;
    for (int64_t i = draw.between(2, 3); i > 0; --i)
      branches.push_back(draw.chance(80) ? activation(convolution(x, draw.between(1, 9), true)) : x);
    return cat(branches, 1);
  }
  case 11:
    return transposedConvolution(x, draw.between(1, 9));
  case 12: {
    int64_t groups = draw.pick<int64_t>({1, 2, 3, channels});
    return groupNormalization(x, channels % groups == 0 ? groups : 1);
  }
  case 13:
    return resized(x);
  case 14:
  case 15:
    return rearranged(x);
  case 16:
    return squeezeAndExcitation(x);
  case 17:
    return attentionOverPositions(x);
  case 18:
    return draw.chance(50) ? softmax(x, draw.between(1, rankOf(x) - 1)) : batchNormalization(x);
  case 19:
    return draw.chance(50) ? dropout(x, 0.3, training) : featureDropout(x, 0.3, training);
  }
}

/// [N, F] of the last map.
Value RandomNetwork::rowsOfMap(Value x) {
  if (draw.chance(35)) {
    Ints axes;
    for (int64_t d = 2; d < rankOf(x); ++d)
      axes.push_back(d);
    return meanAxes(x, axes, false);
  }
  if (draw.chance(25))
    x = pooling(x);
  return flatten(x, 1, -1);
}

Value RandomNetwork::networkOverMaps() {
  Dims dims{batch(), size(draw.pick({1, 2, 3, 3, 4, 5, 8, 16, 19}))};
  dims.push_back(size(draw.between(1, 18)));
  if (recipe.kind == Recipe::Planes)
    dims.push_back(size(draw.between(1, 18)));
  Value x = addInput("x", dims, element);
  for (int64_t blocks = draw.between(1, 5); blocks > 0; --blocks) {
    x = mapBlock(x);
    int64_t elements = 1;
    for (int64_t d = 1; d < rankOf(x); ++d)
      elements *= sizeAt(x, d);
    if (elements > largestMap)
      break;
  }
  return rowsOfMap(x);
}

} // namespace nnc::fuzz
