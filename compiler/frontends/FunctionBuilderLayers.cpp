#include "compiler/frontends/FunctionBuilder.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

//===-- products --------------------------------------------------------------===//

Value FunctionBuilder::linear(Value x, Value weight, Value bias) {
  if (!x || !weight)
    return {};
  Dims in = dimsOf(x), w = dimsOf(weight);
  if (!sameSize(in.back(), w.back()))
    return error("linear: the last axis of the input has " + printSize(in.back(), symbols) +
                 " features, the weight expects " + printSize(w.back(), symbols));
  Dims rows(in.begin(), in.end() - 1), out = rows;
  out.push_back(w[0]);
  Value flat = reshape(x, {product(context(), rows), in.back()});
  Value y = nn::Builder::matmul(flat, weight, false, true);
  if (bias)
    y = add(y, bias);
  return reshape(y, out);
}

Value FunctionBuilder::matmul(Value x, Value y) {
  Dims dx = dimsOf(x), dy = dimsOf(y);
  bool vectorX = dx.size() == 1, vectorY = dy.size() == 1;
  if (vectorX)
    dx.insert(dx.begin(), size(1));
  if (vectorY)
    dy.push_back(size(1));
  x = reshape(x, dx);
  y = reshape(y, dy);
  if (!sameSize(dx.back(), dy[dy.size() - 2]))
    return error("matmul: inner sizes " + printSize(dx.back(), symbols) + " and " +
                 printSize(dy[dy.size() - 2], symbols) + " differ");
  Dims batchX(dx.begin(), dx.end() - 2), batchY(dy.begin(), dy.end() - 2), result;
  Value product2d;
  if (batchY.empty()) {
    // One matrix for every batch: rows of all batches form one product.
    Dims rows(dx.begin(), dx.end() - 1);
    product2d = nn::Builder::matmul(reshape(x, {product(context(), rows), dx.back()}), y);
    result = rows;
    result.push_back(dy.back());
    product2d = reshape(product2d, result);
  } else {
    std::optional<Dims> batch = broadcastDims(context(), {batchX, batchY});
    if (!batch)
      return error("matmul: the batch axes do not broadcast");
    Dims fullX = *batch, fullY = *batch;
    fullX.append(dx.end() - 2, dx.end());
    fullY.append(dy.end() - 2, dy.end());
    AffineExpr count = product(context(), *batch);
    Value a = reshape(broadcast(x, fullX), {count, dx[dx.size() - 2], dx.back()});
    Value c = reshape(broadcast(y, fullY), {count, dy[dy.size() - 2], dy.back()});
    result = *batch;
    result.append({dx[dx.size() - 2], dy.back()});
    product2d = reshape(nn::Builder::matmul(a, c), result);
  }
  if (vectorY)
    result.pop_back();
  if (vectorX)
    result.erase(result.end() - (vectorY ? 1 : 2));
  return reshape(product2d, result);
}

Value FunctionBuilder::addmm(Value input, Value x, Value y, double beta, double alpha) {
  return add(scale(input, beta), scale(matmul(x, y), alpha));
}

//===-- convolution -------------------------------------------------------------===//

Value FunctionBuilder::withBias(Value y, Value bias) {
  if (!bias)
    return y;
  Dims dims(rankOf(y), size(1));
  dims[1] = dimsOf(bias)[0];
  return add(y, reshape(bias, dims));
}

Value FunctionBuilder::conv(Value x, Value weight, Value bias, Ints stride, Ints low, Ints high, Ints dilation,
                            int64_t groups) {
  if (!x || !weight)
    return {};
  Dims dx = dimsOf(x), dw = dimsOf(weight);
  if (dx.size() + 1 == dw.size()) { // without batch
    Value y = conv(unsqueeze(x, 0), weight, bias, stride, low, high, dilation, groups);
    return y ? squeeze(y, 0) : y;
  }
  auto channels = constantSize(dx[1]), perGroup = constantSize(dw[1]);
  if (dx.size() != dw.size() || !channels || !perGroup || *channels != *perGroup * groups)
    return error("conv: the input's channels (" + printSize(dx[1], symbols) + ") are not the weight's (" +
                 printSize(dw[1], symbols) + ") times groups (" + Twine(groups) + ")");
  Dims dims{dx[0], dw[0]};
  for (size_t d = 0; d + 2 < dx.size(); ++d) {
    auto kernel = constantSize(dw[d + 2]);
    dims.push_back(windowOutputSize(dx[d + 2], *kernel, stride[d], low[d], high[d], dilation[d]));
    if (auto out = constantSize(dims.back()); out && *out < 1)
      return error("conv: the kernel does not fit the input along spatial axis " + Twine(d));
  }
  return withBias(nn::Builder::conv(x, weight, dims, stride, low, dilation, groups), bias);
}

Value FunctionBuilder::convTranspose(Value x, Value weight, Value bias, Ints stride, Ints padding,
                                     Ints outputPadding, int64_t groups, Ints dilation) {
  if (!x || !weight)
    return {};
  Dims dx = dimsOf(x), dw = dimsOf(weight); // weight [in, out / groups, kernel...]
  if (dx.size() + 1 == dw.size()) {
    Value y = convTranspose(unsqueeze(x, 0), weight, bias, stride, padding, outputPadding, groups, dilation);
    return y ? squeeze(y, 0) : y;
  }
  Dims dims{dx[0], dw[1] * groups};
  for (size_t d = 0; d + 2 < dx.size(); ++d)
    dims.push_back(simplify((dx[d + 2] - 1) * stride[d] + dw[d + 2] * dilation[d] +
                            (outputPadding[d] + 1 - 2 * padding[d] - dilation[d])));
  return withBias(convInputGrad(x, weight, dims, stride, padding, dilation, groups), bias);
}

//===-- pooling -------------------------------------------------------------------===//

static Dims pooledDims(FunctionBuilder &f, Value x, ArrayRef<int64_t> kernel, ArrayRef<int64_t> stride,
                       ArrayRef<int64_t> padding, ArrayRef<int64_t> dilation, bool ceilMode) {
  Dims dims = dimsOf(x);
  for (size_t d = 0; d < kernel.size(); ++d)
    dims[d + 2] = windowOutputSize(dims[d + 2], kernel[d], stride[d], padding[d], padding[d], dilation[d], ceilMode);
  return dims;
}

std::pair<Value, Value> FunctionBuilder::maxPoolWithIndices(Value x, Ints kernel, Ints stride, Ints padding,
                                                            Ints dilation, bool ceilMode) {
  if (!x)
    return {};
  if (rankOf(x) == (int64_t)kernel.size() + 1) {
    auto [y, indices] = maxPoolWithIndices(unsqueeze(x, 0), kernel, stride, padding, dilation, ceilMode);
    return {y ? squeeze(y, 0) : y, indices ? squeeze(indices, 0) : indices};
  }
  Dims in = dimsOf(x), dims = pooledDims(*this, x, kernel, stride, padding, dilation, ceilMode);
  MaxPoolOp pool = nn::Builder::maxPool(x, dims, kernel, stride, padding, dilation);
  // Flat position in the plane: from the window's position, axis by axis.
  Type i64 = b.getI64Type();
  Value rest = convert(pool.getPosition(), i64), flat;
  int64_t below = 1;
  for (size_t d = 0; d < kernel.size(); ++d)
    below *= kernel[d];
  for (size_t d = 0; d < kernel.size(); ++d) {
    below /= kernel[d];
    Expr tap = Expr::make(Primitive::FloorDiv, {Expr::input(0), Expr::constant(below)});
    Expr at = Expr::input(1) * Expr::constant(stride[d]) - Expr::constant(padding[d]) + tap * Expr::constant(dilation[d]);
    Value position = map(at, {rest, iota(dims, d + 2, i64)}, i64);
    flat = flat ? add(mul(flat, broadcast(sizeAsScalar(in[d + 2], i64), dims)), position) : position;
    rest = map(Expr::make(Primitive::Remainder, {Expr::input(0), Expr::constant(below)}), rest, i64);
  }
  return {pool.getResult(), flat};
}

Value FunctionBuilder::maxPool(Value x, Ints kernel, Ints stride, Ints padding, Ints dilation, bool ceilMode) {
  // The indices that are not used are removed with the dead code.
  return maxPoolWithIndices(x, kernel, stride, padding, dilation, ceilMode).first;
}

Value FunctionBuilder::avgPool(Value x, Ints kernel, Ints stride, Ints padding, bool ceilMode,
                               bool countIncludePad, std::optional<int64_t> divisorOverride) {
  if (!x)
    return {};
  if (rankOf(x) == (int64_t)kernel.size() + 1) {
    Value y = avgPool(unsqueeze(x, 0), kernel, stride, padding, ceilMode, countIncludePad, divisorOverride);
    return y ? squeeze(y, 0) : y;
  }
  SmallVector<int64_t> ones(kernel.size(), 1);
  Dims in = dimsOf(x), dims = pooledDims(*this, x, kernel, stride, padding, ones, ceilMode);
  Value total = sumPool(x, dims, kernel, stride, padding, ones);
  Type type = elementTypeOf(x);
  int64_t window = 1;
  for (int64_t k : kernel)
    window *= k;
  bool padded = llvm::any_of(padding, [](int64_t p) { return p != 0; });
  if (divisorOverride || (!ceilMode && (countIncludePad || !padded)))
    return map(Expr::input(0) / Expr::constant(divisorOverride.value_or(window)), total, type);
  // The divisor varies at the borders: elements of the window inside the input, and
  // with countIncludePad inside its padding too. Counted axis by axis.
  Value count;
  for (size_t d = 0; d < kernel.size(); ++d) {
    Dims line(dims.size(), size(1));
    line[d + 2] = dims[d + 2];
    double margin = countIncludePad ? padding[d] : 0;
    Expr start = Expr::input(0) * Expr::constant(stride[d]) - Expr::constant(padding[d]);
    Expr end = Expr::make(Primitive::Minimum, {start + Expr::constant(kernel[d]), Expr::input(1) + Expr::constant(margin)});
    Expr begin = Expr::make(Primitive::Maximum, {start, Expr::constant(-margin)});
    Value along = map(end - begin, {iota(line, d + 2, type), sizeAsScalar(in[d + 2], type)}, type);
    count = count ? mul(count, along) : along;
  }
  return div(total, count);
}

//===-- normalisation --------------------------------------------------------------------===//

Value FunctionBuilder::softmax(Value x, int64_t a) {
  if (!x || rankOf(x) == 0)
    return x ? full({}, elementTypeOf(x), 1.0) : x;
  return SoftmaxOp::create(b, loc, x.getType(), x, axis(x, a));
}

Value FunctionBuilder::logSoftmax(Value x, int64_t a) {
  if (!x || rankOf(x) == 0)
    return x ? full({}, elementTypeOf(x), 0.0) : x;
  return LogSoftmaxOp::create(b, loc, x.getType(), x, axis(x, a));
}

// x - mean for a variance. The differences add up to nothing, so what the variance's
// gradient would pass on through the mean is a sum of rounding errors: it counts as constant.
static Value aroundMean(nn::Builder &b, Value x, Value mean) {
  return b.map("stated(x0 - x1, x0, 1.0)", {x, mean});
}

/// A running statistic after one more batch.
static Expr blend(double momentum) {
  return Expr::input(0) * Expr::constant(1.0 - momentum) + Expr::input(1) * Expr::constant(momentum);
}

Value FunctionBuilder::batchNorm(Value x, Value weight, Value bias, RunningStatistics &running, bool training,
                                 double momentum, double eps) {
  if (!x)
    return {};
  Type type = elementTypeOf(x);
  Dims dims = dimsOf(x), line(dims.size(), size(1));
  line[1] = dims[1];
  auto channels = [&](Value v) { return reshape(v, line); };
  Value mean, variance;
  if (training || !running.mean) {
    SmallVector<int64_t> axes{0};
    AffineExpr count = dims[0];
    for (size_t d = 2; d < dims.size(); ++d) {
      axes.push_back(d);
      count = count * dims[d];
    }
    mean = nn::Builder::mean(x, axes);
    Value centred = aroundMean(*this, x, mean);
    Value squares = sum(mul(centred, centred), axes);
    Value n = sizeAsScalar(count, type);
    variance = div(squares, n);
    if (training && running.mean) {
      auto next = [&](Value old, Value fresh) {
        return map(blend(momentum), {old, reshape(fresh, {dims[1]})}, elementTypeOf(old));
      };
      running = {next(running.mean, mean), next(running.variance, map("x0 / (x1 - 1.0)", {squares, n}))};
    }
  } else {
    mean = channels(running.mean);
    variance = channels(running.variance);
  }
  Value scale = map(Expr::make(Primitive::Rsqrt, {Expr::input(0) + Expr::constant(eps)}), variance, type);
  Value y = map("(x0 - x1) * x2", {x, mean, scale});
  if (weight)
    y = mul(y, channels(weight));
  return bias ? add(y, channels(bias)) : y;
}

Value FunctionBuilder::layerNorm(Value x, int64_t normalizedRank, Value weight, Value bias, double eps) {
  if (!x)
    return {};
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(rankOf(x) - normalizedRank, rankOf(x)));
  Value mean = nn::Builder::mean(x, axes), centred = aroundMean(*this, x, mean);
  Value variance = nn::Builder::mean(mul(centred, centred), axes);
  Value scale = map(Expr::make(Primitive::Rsqrt, {Expr::input(0) + Expr::constant(eps)}), variance, elementTypeOf(x));
  Value y = map("(x0 - x1) * x2", {x, mean, scale});
  if (weight)
    y = mul(y, weight);
  return bias ? add(y, bias) : y;
}

Value FunctionBuilder::rmsNorm(Value x, int64_t normalizedRank, Value weight, double eps) {
  if (!x)
    return {};
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(rankOf(x) - normalizedRank, rankOf(x)));
  Value square = nn::Builder::mean(mul(x, x), axes);
  Value y = mul(x, map(Expr::make(Primitive::Rsqrt, {Expr::input(0) + Expr::constant(eps)}), square, elementTypeOf(x)));
  return weight ? mul(y, weight) : y;
}

FunctionBuilder::RunningStatistics FunctionBuilder::trackInstanceStatistics(Value x, RunningStatistics running,
                                                                            double momentum) {
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(2, rankOf(x)));
  Value mean = nn::Builder::mean(x, axes), centred = sub(x, mean);
  Value n = sizeAsScalar(product(context(), ArrayRef(dimsOf(x)).drop_front(2)), elementTypeOf(x));
  Value variance = map("x0 / (x1 - 1.0)", {sum(mul(centred, centred), axes), n});
  auto next = [&](Value old, Value fresh) { // fresh [N, C, 1...]
    Value channels = reshape(nn::Builder::mean(fresh, 0), dimsOf(old));
    return map(blend(momentum), {old, channels}, elementTypeOf(old));
  };
  return {next(running.mean, mean), next(running.variance, variance)};
}

//===-- random ---------------------------------------------------------------------------===//

std::pair<Value, Value> FunctionBuilder::randomState() {
  if (!seed) {
    seed = addState("seed", "seed", {}, b.getI64Type());
    step = addState("step", "step", {}, b.getI64Type());
  }
  return {seed, step};
}

Value FunctionBuilder::dropout(Value x, double p, bool training) {
  if (!x || !training || p == 0.0)
    return x;
  auto [s, t] = randomState();
  return DropoutOp::create(b, loc, x.getType(), x, s, t, APFloat(p), nextSite++);
}

Value FunctionBuilder::featureDropout(Value x, double p, bool training) {
  if (!x || !training || p == 0.0)
    return x;
  Dims dims = dimsOf(x);
  for (size_t d = 2; d < dims.size(); ++d)
    dims[d] = size(1);
  return mul(x, dropout(full(dims, elementTypeOf(x), 1.0), p, true));
}

//===-- losses ----------------------------------------------------------------------------===//

Dims FunctionBuilder::lossDims(Value x, Reduction reduction) {
  if (reduction != Reduction::none)
    return {};
  Dims dims = dimsOf(x);
  dims.erase(dims.begin() + (dims.size() == 1 ? 0 : 1));
  return dims;
}

Value FunctionBuilder::crossEntropy(Value x, Value target, Value weight, Reduction reduction, int64_t ignoreIndex,
                                    double labelSmoothing) {
  if (!x || !target)
    return {};
  return CrossEntropyOp::create(b, loc, type(lossDims(x, reduction), elementTypeOf(x)), x, target, weight,
                                ignoreIndex, reduction, APFloat(labelSmoothing));
}

Value FunctionBuilder::nllLoss(Value x, Value target, Value weight, Reduction reduction, int64_t ignoreIndex) {
  if (!x || !target)
    return {};
  return NllLossOp::create(b, loc, type(lossDims(x, reduction), elementTypeOf(x)), x, target, weight, ignoreIndex,
                           reduction);
}

Value FunctionBuilder::pointwiseLoss(StringRef function, ArrayRef<Operand> operands, Reduction reduction,
                                     const std::map<std::string, double> &parameters) {
  Value loss = elementwise(function, operands, parameters);
  if (!loss || reduction == Reduction::none)
    return loss;
  return reduction == Reduction::mean ? meanAxes(loss, {}, false) : sumAxes(loss, {}, false);
}

} // namespace nnc
