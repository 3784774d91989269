// FunctionBuilder: layers that read their input at computed positions: flips, rolls,
// padding modes, resampling, adaptive pooling, unfolding. Each is one gather an axis,
// with positions made from a count.
#include "compiler/frontends/FunctionBuilder.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

Value FunctionBuilder::formula(StringRef text, ValueRange inputs, Type element,
                               const std::map<std::string, double> &parameters) {
  SmallVector<std::string> names = MapOp::operandNames(inputs.size());
  SmallVector<StringRef> operands(names.begin(), names.end()), bound;
  for (const auto &parameter : parameters)
    bound.push_back(parameter.first);
  Expr expr = llvm::cantFail(parseExpr(text, operands, bound));
  return map(expr.bindParameters(parameters), inputs, element);
}

Value FunctionBuilder::positions(AffineExpr count, StringRef text, ValueRange others,
                                 const std::map<std::string, double> &parameters) {
  Type i64 = b.getI64Type();
  SmallVector<Value> inputs{iota({count}, 0, i64)};
  inputs.append(others.begin(), others.end());
  return formula(text, inputs, i64, parameters);
}

std::optional<SmallVector<int64_t>> FunctionBuilder::constantSizes(Value x, int64_t first, StringRef what) {
  SmallVector<int64_t> sizes;
  const Dims dims = dimsOf(x);
  for (AffineExpr dim : ArrayRef(dims).drop_front(first)) {
    std::optional<int64_t> size = constantSize(dim);
    if (!size) {
      error(what + ": spatial sizes must be constant, found " + printSize(dim, symbols));
      return std::nullopt;
    }
    sizes.push_back(*size);
  }
  return sizes;
}

//===-- order along an axis -----------------------------------------------------------===//

Value FunctionBuilder::flip(Value x, Ints axes) {
  for (int64_t a : axes) {
    if (!x)
      return {};
    AffineExpr count = dimsOf(x)[axis(x, a)];
    x = gather(x, positions(count, "x1 - 1 - x0", sizeAsScalar(count, b.getI64Type())), axis(x, a));
  }
  return x;
}

Value FunctionBuilder::roll(Value x, Ints shifts, Ints axes) {
  if (!x)
    return {};
  if (axes.empty()) { // of the flattened tensor
    Value flat = reshape(x, {product(context(), dimsOf(x))});
    return reshape(roll(flat, shifts, {0}), dimsOf(x));
  }
  if (shifts.size() != axes.size())
    return error("roll: shifts and dims must have the same length");
  for (auto [shift, a] : llvm::zip(shifts, axes)) {
    AffineExpr count = dimsOf(x)[axis(x, a)];
    x = gather(x, positions(count, "remainder(x0 - shift, x1)", sizeAsScalar(count, b.getI64Type()),
                            {{"shift", double(shift)}}), axis(x, a));
  }
  return x;
}

Value FunctionBuilder::padMode(Value x, Ints pads, StringRef mode) {
  // What an output position reads; x1 is the size of the axis.
  StringRef text = mode == "reflect"     ? "p = abs(x0 - low); x1 - 1 - abs(x1 - 1 - p)"
                   : mode == "replicate" ? "minimum(maximum(x0 - low, 0), x1 - 1)"
                                         : "remainder(x0 - low, x1)";
  for (size_t i = 0; i + 1 < pads.size() && x; i += 2) {
    int64_t a = rankOf(x) - 1 - i / 2, low = pads[i], high = pads[i + 1];
    if (a < 0)
      return error("pad: more axes than the input has");
    if (low == 0 && high == 0)
      continue;
    AffineExpr size = dimsOf(x)[a];
    if (auto known = constantSize(size)) {
      int64_t most = mode == "reflect" ? *known - 1 : mode == "circular" ? *known : INT64_MAX;
      if (std::max(low, high) > most)
        return error("pad: " + Twine(std::max(low, high)) + " elements of mode " + mode + " do not fit an axis of size " + Twine(*known));
    }
    AffineExpr count = simplify(size + low + high);
    if (auto left = constantSize(count); left && *left < 1)
      return error("pad: nothing is left of axis " + Twine(a));
    x = gather(x, positions(count, text, sizeAsScalar(size, b.getI64Type()), {{"low", double(low)}}), a);
  }
  return x;
}

Value FunctionBuilder::repeatInterleave(Value x, int64_t repeats, int64_t a) {
  if (!x)
    return {};
  a = axis(x, a);
  Dims dims = dimsOf(x), wide = dims;
  wide.insert(wide.begin() + a + 1, size(repeats));
  dims[a] = simplify(dims[a] * repeats);
  return reshape(broadcast(unsqueeze(x, a + 1), wide), dims);
}

Value FunctionBuilder::unfold(Value x, int64_t a, int64_t length, int64_t step) {
  if (!x)
    return {};
  a = axis(x, a);
  if (rankOf(x) == 0 || length < 1 || step < 1)
    return error("unfold: size and step must be positive");
  AffineExpr count = windowOutputSize(dimsOf(x)[a], length, step, 0, 0, 1);
  if (auto windows = constantSize(count); windows && *windows < 1)
    return error("unfold: a window is larger than axis " + Twine(a));
  Type i64 = b.getI64Type();
  Value index = formula("x0 * step + x1", {iota({count, size(length)}, 0, i64), iota({count, size(length)}, 1, i64)}, i64,
                        {{"step", double(step)}});
  Value windows = gather(x, index, a); // the window's elements stand behind its number
  SmallVector<int64_t> order;
  for (int64_t i = 0; i < rankOf(windows); ++i)
    if (i != a + 1)
      order.push_back(i);
  order.push_back(a + 1);
  return transpose(windows, order);
}

//===-- unfold and fold -----------------------------------------------------------------===//

/// Positions [kernel, count] in the padded axis: window o, tap k at o * stride + k * dilation.
Value FunctionBuilder::windowPositions(int64_t kernel, AffineExpr count, int64_t stride, int64_t dilation) {
  Type i64 = b.getI64Type();
  Dims dims{size(kernel), count};
  return formula("x0 * dilation + x1 * stride", {iota(dims, 0, i64), iota(dims, 1, i64)}, i64,
                 {{"dilation", double(dilation)}, {"stride", double(stride)}});
}

// x [N, C, H, W] -> [N, C, kh, oh, kw, ow] -> [N, C * kh * kw, oh * ow].
Value FunctionBuilder::im2col(Value x, Ints kernel, Ints dilation, Ints padding, Ints stride) {
  if (!x)
    return {};
  if (rankOf(x) == 3) {
    Value y = im2col(unsqueeze(x, 0), kernel, dilation, padding, stride);
    return y ? squeeze(y, 0) : y;
  }
  if (rankOf(x) != 4)
    return error("unfold: the input must be [N, C, H, W]");
  Dims in = dimsOf(x);
  AffineExpr counts[2];
  for (int d = 0; d < 2; ++d) {
    counts[d] = windowOutputSize(in[d + 2], kernel[d], stride[d], padding[d], padding[d], dilation[d]);
    if (auto windows = constantSize(counts[d]); windows && *windows < 1)
      return error("unfold: the kernel does not fit the input");
  }
  x = constantPad(x, {padding[1], padding[1], padding[0], padding[0]}, 0.0);
  x = gather(x, windowPositions(kernel[0], counts[0], stride[0], dilation[0]), 2);
  x = gather(x, windowPositions(kernel[1], counts[1], stride[1], dilation[1]), 4);
  x = transpose(x, {0, 1, 2, 4, 3, 5});
  return reshape(x, {in[0], simplify(in[1] * (kernel[0] * kernel[1])), simplify(counts[0] * counts[1])});
}

// The adjoint of im2col.
Value FunctionBuilder::col2im(Value x, Ints outputSize, Ints kernel, Ints dilation, Ints padding, Ints stride) {
  if (!x)
    return {};
  if (rankOf(x) == 2) {
    Value y = col2im(unsqueeze(x, 0), outputSize, kernel, dilation, padding, stride);
    return y ? squeeze(y, 0) : y;
  }
  if (rankOf(x) != 3)
    return error("fold: the input must be [N, C * kernel, windows]");
  Dims in = dimsOf(x);
  AffineExpr counts[2], padded[2];
  for (int d = 0; d < 2; ++d) {
    counts[d] = windowOutputSize(size(outputSize[d]), kernel[d], stride[d], padding[d], padding[d], dilation[d]);
    padded[d] = size(outputSize[d] + 2 * padding[d]);
  }
  AffineExpr channels = simplify(in[1].floorDiv(kernel[0] * kernel[1]));
  x = view(x, {in[0], channels, size(kernel[0]), size(kernel[1]), counts[0], counts[1]});
  if (!x)
    return {};
  x = transpose(x, {0, 1, 2, 4, 3, 5});
  x = scatterAdd(x, windowPositions(kernel[1], counts[1], stride[1], dilation[1]),
                 {in[0], channels, size(kernel[0]), counts[0], padded[1]}, 4);
  x = scatterAdd(x, windowPositions(kernel[0], counts[0], stride[0], dilation[0]), {in[0], channels, padded[0], padded[1]}, 2);
  return slice(x, {0, 0, padding[0], padding[1]}, {in[0], channels, size(outputSize[0]), size(outputSize[1])}, {1, 1, 1, 1});
}

//===-- resampling ----------------------------------------------------------------------===//

/// torch's ratio of sizes, in float: the given factor's inverse, or input over output.
static double ratioOf(int64_t in, int64_t out, bool alignCorners, std::optional<double> factor) {
  if (alignCorners)
    return out > 1 ? double(in - 1) / double(out - 1) : 0.0;
  return factor && *factor > 0 ? 1.0 / *factor : double(in) / double(out);
}

Value FunctionBuilder::upsampleNearest(Value x, Ints outputSize, ArrayRef<double> factors, bool exact) {
  std::optional<SmallVector<int64_t>> in = x ? constantSizes(x, 2, "upsample") : std::nullopt;
  if (!in)
    return {};
  if (in->size() != outputSize.size())
    return error("upsample: one size for each spatial axis is needed");
  for (auto [d, out] : llvm::enumerate(outputSize)) {
    double ratio = ratioOf((*in)[d], out, false, factors.empty() ? std::nullopt : std::optional(factors[d]));
    // In float as torch does, so that both take the same side of an edge.
    Value at = formula("floor((x0 + shift) * ratio)", {iota({size(out)}, 0, b.getF32Type())}, b.getF32Type(),
                       {{"shift", exact ? 0.5 : 0.0}, {"ratio", ratio}});
    Value index = formula("minimum(i64(x0), last)", at, b.getI64Type(), {{"last", double((*in)[d] - 1)}});
    x = gather(x, index, d + 2);
  }
  return x;
}

// Along one axis after the other: a product of weights each.
Value FunctionBuilder::upsampleLinear(Value x, Ints outputSize, ArrayRef<double> factors, bool alignCorners, bool cubic) {
  std::optional<SmallVector<int64_t>> in = x ? constantSizes(x, 2, "upsample") : std::nullopt;
  if (!in)
    return {};
  if (in->size() != outputSize.size())
    return error("upsample: one size for each spatial axis is needed");
  Type element = elementTypeOf(x), i64 = b.getI64Type();
  for (auto [d, out] : llvm::enumerate(outputSize)) {
    int64_t a = d + 2;
    double ratio = ratioOf((*in)[d], out, alignCorners, factors.empty() ? std::nullopt : std::optional(factors[d]));
    if (out == (*in)[d] && (ratio == 1.0 || out == 1))
      continue;
    // Pixels are areas, their values at the centres; with align_corners points.
    std::string source = alignCorners ? "x0 * ratio" : "(x0 + 0.5) * ratio - 0.5";
    if (!cubic && !alignCorners)
      source = "maximum(" + source + ", 0)";
    Value at = formula(source, {iota({size(out)}, 0, element)}, element, {{"ratio", ratio}});
    Value from = formula("i64(floor(x0))", at, i64);
    Dims line(rankOf(x), size(1));
    line[a] = size(out);
    Value fraction = reshape(formula("x0 - floor(x0)", at, element), line);
    auto tap = [&](int64_t offset) {
      return gather(x, formula("minimum(maximum(x0 + offset, 0), last)", from, i64,
                               {{"offset", double(offset)}, {"last", double((*in)[d] - 1)}}), a);
    };
    if (!cubic) {
      x = formula("x0 * (1 - x2) + x1 * x2", {tap(0), tap(1), fraction}, element);
      continue;
    }
    // Keys' kernel with A = -0.75 at the distances 1 + t, t, 1 - t, 2 - t.
    x = formula("t = x4; s = 1 - t; u = t + 1; v = s + 1; A = -0.75;"
                " near0 = ((A + 2) * t - (A + 3)) * t * t + 1; near1 = ((A + 2) * s - (A + 3)) * s * s + 1;"
                " far0 = ((A * u - 5 * A) * u + 8 * A) * u - 4 * A; far1 = ((A * v - 5 * A) * v + 8 * A) * v - 4 * A;"
                " x0 * far0 + x1 * near0 + x2 * near1 + x3 * far1",
                {tap(-1), tap(0), tap(1), tap(2), fraction}, element);
  }
  return x;
}

//===-- adaptive pooling ------------------------------------------------------------------===//

/// Windows of an axis of `in` elements: the i-th of `out` is [i * in / out, ceil((i + 1) * in / out)).
/// Returns x with the axis as two, [out, longest window], and the length of every window [out].
std::pair<Value, Value> FunctionBuilder::adaptiveWindows(Value x, int64_t a, int64_t in, int64_t out) {
  Type i64 = b.getI64Type();
  int64_t longest = 0;
  for (int64_t i = 0; i < out; ++i)
    longest = std::max(longest, ((i + 1) * in + out - 1) / out - i * in / out);
  std::map<std::string, double> sizes{{"in", double(in)}, {"out", double(out)}};
  Dims dims{size(out), size(longest)};
  // Past a window's end its last element stands once more.
  Value index = formula("minimum(floordiv(x0 * in, out) + x1, floordiv((x0 + 1) * in + out - 1, out) - 1)",
                        {iota(dims, 0, i64), iota(dims, 1, i64)}, i64, sizes);
  Value length = formula("floordiv((x0 + 1) * in + out - 1, out) - floordiv(x0 * in, out)", {iota({size(out)}, 0, i64)}, i64, sizes);
  return {gather(x, index, a), length};
}

Value FunctionBuilder::adaptiveAvgPool(Value x, Ints outputSize) {
  if (!x)
    return {};
  int64_t first = rankOf(x) - outputSize.size();
  if (llvm::all_of(outputSize, [](int64_t out) { return out == 1; }))
    return mean(x, llvm::to_vector(llvm::seq<int64_t>(first, rankOf(x))));
  std::optional<SmallVector<int64_t>> in = constantSizes(x, first, "adaptive_avg_pool");
  if (!in)
    return {};
  if (llvm::equal(*in, outputSize))
    return x;
  if (llvm::all_of(llvm::zip(*in, outputSize), [](auto pair) { return std::get<0>(pair) % std::get<1>(pair) == 0; })) {
    SmallVector<int64_t> kernel, zeros(outputSize.size(), 0);
    for (auto [size, out] : llvm::zip(*in, outputSize))
      kernel.push_back(size / out);
    return avgPool(x, kernel, kernel, zeros, false, true, std::nullopt);
  }
  // The mean over a box: means along one axis after the other.
  Type element = elementTypeOf(x), i64 = b.getI64Type();
  for (auto [d, out] : llvm::enumerate(outputSize)) {
    int64_t a = first + d;
    auto [windows, length] = adaptiveWindows(x, a, (*in)[d], out);
    Dims line(rankOf(windows), size(1)), taps = line;
    line[a] = size(out);
    taps[a + 1] = dimsOf(windows)[a + 1];
    length = reshape(length, line);
    Value weighted = formula("select(x1 < x2, x0, 0)", {windows, iota(taps, a + 1, i64), length}, element);
    x = squeeze(formula("x0 / x1", {sum(weighted, a + 1), convert(length, element)}, element), a + 1);
  }
  return x;
}

std::pair<Value, Value> FunctionBuilder::adaptiveMaxPool(Value x, Ints outputSize) {
  if (!x)
    return {};
  int64_t rank = outputSize.size(), first = rankOf(x) - rank;
  std::optional<SmallVector<int64_t>> in = constantSizes(x, first, "adaptive_max_pool");
  if (!in)
    return {};
  if (llvm::all_of(llvm::zip(*in, outputSize), [](auto pair) { return std::get<0>(pair) % std::get<1>(pair) == 0; })) {
    SmallVector<int64_t> kernel, zeros(rank, 0), ones(rank, 1);
    for (auto [size, out] : llvm::zip(*in, outputSize))
      kernel.push_back(size / out);
    return maxPoolWithIndices(x, kernel, kernel, zeros, ones, false);
  }
  // Every window's elements along one axis of their own, [..., out..., taps]; repeated ones are
  // not taken because the first of equals is.
  Type i64 = b.getI64Type();
  Dims flat(rankOf(x), size(1));
  int64_t plane = 1;
  for (int64_t d = 0; d < rank; ++d) {
    flat[first + d] = size((*in)[d]);
    plane *= (*in)[d];
  }
  Value source = reshape(iota({size(plane)}, 0, i64), flat);
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, first)), last;
  for (int64_t d = 0; d < rank; ++d) {
    x = adaptiveWindows(x, first + 2 * d, (*in)[d], outputSize[d]).first;
    source = adaptiveWindows(source, first + 2 * d, (*in)[d], outputSize[d]).first;
    order.push_back(first + 2 * d);
    last.push_back(first + 2 * d + 1);
  }
  order.append(last);
  auto gathered = [&](Value v) {
    v = transpose(v, order);
    Dims dims = dimsOf(v), joined(dims.begin(), dims.begin() + first + rank);
    joined.push_back(product(context(), ArrayRef(dims).drop_front(first + rank)));
    return reshape(v, joined);
  };
  auto [values, taps] = extremum(ReduceKind::argmax, gathered(x), -1, false);
  Value plain = gathered(source); // the same for every image and channel
  Dims full = dimsOf(gathered(x));
  Value flatPosition = gatherElements(broadcast(plain, full), unsqueeze(taps, rankOf(taps)), rankOf(taps));
  return {values, squeeze(flatPosition, rankOf(taps))};
}

} // namespace nnc
