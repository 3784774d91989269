// Rows of features and sequences; normalisation; what every network has.
#include "tests/fuzz/RandomNetwork.h"
#include "llvm/Support/xxhash.h"
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace nnc::nn;

namespace nnc::fuzz {

//===-- the recipe --------------------------------------------------------------------===//

Recipe Recipe::draw(uint64_t seed) {
  Draw draw(seed * 2 + 1);
  Recipe r;
  r.seed = seed;
  r.kind = draw.pick({Planes, Planes, Planes, Lines, Sequence, Sequence, Rows});
  r.dynamicBatch = draw.chance(50);
  r.dynamicLength = r.kind == Sequence && draw.chance(30);
  r.smooth = draw.chance(40);
  if (draw.chance(35)) {
    r.loss = NamedOptions{draw.pick({"cross_entropy", "nll_loss", "mse", "l1", "smooth_l1_loss", "huber", "binary_cross_entropy", "bce_with_logits"}), {}};
    if (r.loss->name == "cross_entropy" && draw.chance(40))
      r.loss->options["label_smoothing"] = "0.1";
    if (draw.chance(30))
      r.loss->options["reduction"] = "sum";
    // A large eps: Adam divides by it where a gradient is nothing but rounding.
    r.optimizer = *llvm::expectedToOptional(NamedOptions::parse(
        draw.pick({"sgd:lr=0.01", "sgd:lr=0.01,momentum=0.9", "sgd:lr=0.01,momentum=0.9,nesterov=true,weight_decay=0.01",
                   "adam:lr=0.001,eps=0.001", "adam:lr=0.001,eps=0.001,amsgrad=true", "adamw:lr=0.001,eps=0.001"})));
  }
  return r;
}

std::vector<SymbolInfo> Recipe::symbols() const {
  std::vector<SymbolInfo> result;
  if (dynamicBatch)
    result.push_back({"N", 1, 64});
  if (dynamicLength)
    result.push_back({"T", 1, 16});
  return result;
}

std::string Recipe::describe() const {
  static const char *const kinds[] = {"planes", "lines", "sequence", "rows"};
  std::string text = kinds[kind];
  text += dynamicBatch ? ", batch N" : ", fixed batch";
  text += dynamicLength ? ", length T" : "";
  text += smooth ? ", smooth" : "";
  return loss ? text + ", trained by " + loss->name + " and " + optimizer->name : text;
}

//===-- state -------------------------------------------------------------------------===//

RandomNetwork::RandomNetwork(ModuleOp module, StringRef name, const Recipe &recipe, Type element, bool training)
    : FunctionBuilder(module, name, recipe.symbols()), recipe(recipe), draw(recipe.seed), element(element),
      training(training) {}

void RandomNetwork::fill(const std::string &name, ArrayRef<int64_t> dims, double low, double high) {
  Draw values(llvm::xxh3_64bits(name));
  std::vector<char> &bytes = weights[name];
  for (int64_t left = std::accumulate(dims.begin(), dims.end(), int64_t(1), std::multiplies<>()); left > 0; --left) {
    // Of f32 in either type, so that both networks are the same one.
    float single = float(low + (high - low) * double(values.between(0, 1 << 20)) / (1 << 20));
    double twice = single;
    const char *from = element.isF64() ? reinterpret_cast<char *>(&twice) : reinterpret_cast<char *>(&single);
    bytes.insert(bytes.end(), from, from + (element.isF64() ? 8 : 4));
  }
}

Value RandomNetwork::parameter(Ints dims, double low, double high) {
  std::string name = "p" + std::to_string(counter++);
  fill(name, dims, low, high);
  return addParameter(name, dims, element, /*requiresGrad=*/draw.chance(90) || counter == 1);
}

Value RandomNetwork::weight(Ints dims) {
  double terms = 1;
  for (int64_t d : ArrayRef(dims).drop_front())
    terms *= double(d);
  double bound = std::sqrt(3.0 / terms);
  return parameter(dims, -bound, bound);
}

Value RandomNetwork::optionalBias(int64_t channels) {
  return draw.chance(70) ? parameter({channels}, -0.5, 0.5) : Value();
}

Value RandomNetwork::buffer(int64_t channels, double low, double high) {
  std::string name = "b" + std::to_string(counter++);
  fill(name, {channels}, low, high);
  return addBuffer(name, {channels}, element);
}

AffineExpr RandomNetwork::batch() {
  return recipe.dynamicBatch ? getAffineSymbolExpr(0, context()) : size(3);
}

//===-- activations and normalisation ----------------------------------------------------===//

Value RandomNetwork::activation(Value x) {
  if (!recipe.smooth && draw.chance(70)) {
    StringRef name = draw.pick<StringRef>({"relu", "relu", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "hardtanh",
                                           "hardswish", "hardsigmoid", "softshrink", "abs", "prelu"});
    return name == "prelu" ? elementwise(name, {x, parameter({1}, 0.1, 0.3)}) : elementwise(name, {x});
  }
  return elementwise(draw.pick<StringRef>({"tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "softplus", "mish",
                                           "log_sigmoid", "softsign", "tanhshrink"}),
                     {x});
}

Value RandomNetwork::batchNormalization(Value x) {
  int64_t channels = sizeAt(x, 1), values = 1;
  for (int64_t d = 2; d < rankOf(x); ++d)
    values *= sizeAt(x, d);
  needsBatch |= values < 4;
  bool affine = draw.chance(80), tracked = draw.chance(85);
  Value scale = affine ? parameter({channels}, 0.5, 1.5) : Value(), shift = affine ? parameter({channels}, -0.5, 0.5) : Value();
  const RunningStatistics buffers = tracked ? RunningStatistics{buffer(channels, -0.3, 0.3), buffer(channels, 0.5, 1.5)}
                                            : RunningStatistics{};
  RunningStatistics running = buffers;
  Value y = batchNorm(x, scale, shift, running, training, draw.pick({0.1, 0.01, 0.5}), draw.pick({1e-5, 1e-3}));
  if (training && tracked) {
    updateState(buffers.mean, running.mean);
    updateState(buffers.variance, running.variance);
  }
  return y;
}

// As torch's group_norm is imported; as many groups as channels: instance_norm.
Value RandomNetwork::groupNormalization(Value x, int64_t groups) {
  Dims dims = dimsOf(x), line(dims.size(), size(1));
  int64_t rest = sizeAt(x, 1) / groups;
  for (int64_t d = 2; d < rankOf(x); ++d)
    rest *= sizeAt(x, d);
  if (rest < 4)
    return x;
  Value y = view(layerNorm(view(x, {dims[0], size(groups), size(rest)}), 1, {}, {}, 1e-5), dims);
  if (!draw.chance(80))
    return y;
  line[1] = dims[1];
  y = mul(y, view(parameter({sizeAt(x, 1)}, 0.5, 1.5), line));
  return add(y, view(parameter({sizeAt(x, 1)}, -0.5, 0.5), line));
}

Value RandomNetwork::layerNormalization(Value x) {
  int64_t features = sizeAt(x, rankOf(x) - 1);
  if (features < 4)
    return x;
  bool affine = draw.chance(80);
  Value scale = affine ? parameter({features}, 0.5, 1.5) : Value();
  if (draw.chance(20))
    return rmsNorm(x, 1, scale, 1e-5);
  return layerNorm(x, 1, scale, affine ? parameter({features}, -0.5, 0.5) : Value(), 1e-5);
}

//===-- rows of features -------------------------------------------------------------------===//

Value RandomNetwork::dense(Value x, int64_t features) {
  Value w = weight({features, sizeAt(x, rankOf(x) - 1)});
  return linear(x, w, optionalBias(features));
}

Value RandomNetwork::rowBlock(Value x) {
  int64_t last = rankOf(x) - 1, features = sizeAt(x, last);
  switch (draw.between(0, 13)) {
  default: {
    Value y = dense(x, draw.between(1, 40));
    return draw.chance(80) ? activation(y) : y;
  }
  case 4:
    return layerNormalization(x);
  case 5:
    return last == 1 ? batchNormalization(x) : layerNormalization(x);
  case 6: // residual
    return add(x, dense(activation(dense(x, draw.between(1, 24))), features));
  case 7: { // gated linear unit
    int64_t half = draw.between(1, 16);
    Value both = dense(x, 2 * half);
    Value gate = elementwise("sigmoid", {sliceAxis(both, last, half, INT64_MAX, 1)});
    return mul(sliceAxis(both, last, 0, half, 1), gate);
  }
  case 8: { // branches of one or both ends, joined
    Value a = activation(dense(x, draw.between(1, 9))), b = draw.chance(50) ? x : dense(x, draw.between(1, 9));
    return cat({a, b, sliceAxis(x, last, 0, draw.between(1, features), draw.between(1, 3))}, last);
  }
  case 9:
    return draw.chance(50) ? softmax(x, last) : logSoftmax(x, last);
  case 10:
    return draw.chance(50) ? cumsum(x, last) : flip(x, {last});
  case 11: { // normalised by its length
    Value norm = formula("maximum(x0, 1e-3)", vectorNorm(x, 2, {last}, true), element);
    return elementwise("div", {x, norm});
  }
  case 12:
    return dropout(x, 0.25, training);
  case 13: {
    if (recipe.smooth || features < 2)
      return x;
    auto [values, positions] = sort(x, last, draw.chance(50), draw.between(1, features));
    return values;
  }
  }
}

void RandomNetwork::head(Value x) {
  for (int64_t blocks = draw.between(0, 2); blocks > 0; --blocks)
    x = rowBlock(x);
  int64_t classes = draw.pick({2, 3, 5, 10, 17});
  Value y = dense(x, classes);
  if (recipe.loss && recipe.loss->name == "binary_cross_entropy")
    y = formula("0.05 + 0.9 * x0", elementwise("sigmoid", {y}), element);
  else if (recipe.loss && recipe.loss->name == "nll_loss")
    y = logSoftmax(y, 1);
  else if (!recipe.loss && draw.chance(20))
    y = softmax(y, 1);
  addOutput("y0", y);
  if (!recipe.loss && draw.chance(25))
    addOutput("y1", x);
  if (!recipe.loss && draw.chance(10))
    addOutput("y2", meanAxes(mul(y, y), {}, false));
}

//===-- sequences -----------------------------------------------------------------------------===//

Value RandomNetwork::recurrentLayers(Value x) { // x [N, T, F] or, without batch_first, [T, N, F]
  auto kind = draw.pick({RecurrenceKind::lstm, RecurrenceKind::lstm, RecurrenceKind::gru, RecurrenceKind::gru,
                         RecurrenceKind::rnn_tanh, recipe.smooth ? RecurrenceKind::rnn_tanh : RecurrenceKind::rnn_relu});
  int64_t gates = kind == RecurrenceKind::lstm ? 4 : kind == RecurrenceKind::gru ? 3 : 1;
  int64_t hidden = draw.pick({1, 3, 5, 8, 16, 19, 33}), layers = draw.chance(30) ? 2 : 1;
  bool bidirectional = draw.chance(35), batchFirst = draw.chance(60), biases = draw.chance(85);
  int64_t directions = bidirectional ? 2 : 1;
  std::vector<RecurrentWeights> sets;
  for (int64_t i = 0; i < layers * directions; ++i) {
    int64_t features = i < directions ? sizeAt(x, 2) : hidden * directions;
    RecurrentWeights set;
    set.input = weight({gates * hidden, features});
    set.hidden = weight({gates * hidden, hidden});
    if (biases) {
      set.inputBias = parameter({gates * hidden}, -0.3, 0.3);
      set.hiddenBias = parameter({gates * hidden}, -0.3, 0.3);
    }
    sets.push_back(set);
  }
  Dims states{size(layers * directions), dimsOf(x)[0], size(hidden)};
  auto initial = [&](StringRef name) -> Value {
    if (draw.chance(50))
      return full(states, element, 0.0);
    if (draw.chance(50))
      return addInput((name + Twine(counter++)).str(), states, element);
    return broadcast(parameter({layers * directions, 1, hidden}, -0.5, 0.5), states);
  };
  RecurrentState state;
  state.hidden = initial("h");
  if (kind == RecurrenceKind::lstm)
    state.cell = initial("c");
  if (!batchFirst)
    x = swapAxes(x, 0, 1);
  llvm::SmallVector<Value> results = recurrent(kind, x, sets, state, layers, bidirectional, batchFirst,
                                               draw.chance(30) ? 0.2 : 0.0, training);
  Value y = batchFirst ? results[0] : swapAxes(results[0], 0, 1);
  if (draw.chance(25)) // the last state beside every step
    y = add(y, unsqueezeAxis(dense(select(results.back(), 0, 0), hidden * directions), 1));
  return y;
}

Value RandomNetwork::networkOverSequences() {
  AffineExpr length = recipe.dynamicLength ? getAffineSymbolExpr(recipe.dynamicBatch, context()) : size(draw.between(1, 6));
  Value x;
  if (draw.chance(50)) {
    int64_t words = draw.between(2, 40);
    Value table = parameter({words, draw.between(1, 20)}, -1, 1);
    x = embedding(table, addInput("tokens", {batch(), length}, b.getI64Type()), draw.chance(30) ? 0 : -1);
  } else {
    x = addInput("x", {batch(), length, size(draw.between(1, 20))}, element);
  }
  for (int64_t blocks = draw.between(0, 2); blocks > 0; --blocks)
    x = rowBlock(x);
  if (draw.chance(75))
    x = recurrentLayers(x);
  if (draw.chance(30)) { // attention over the steps
    int64_t heads = draw.pick({1, 2, 3}), width = draw.between(1, 7);
    auto project = [&] {
      Dims dims = dimsOf(x);
      return permute(view(dense(x, heads * width), {dims[0], dims[1], size(heads), size(width)}), {0, 2, 1, 3});
    };
    Value q = project(), k = project(), v = project();
    Value y = permute(attention(q, k, v, {}, 0, draw.chance(50), {}, training), {0, 2, 1, 3});
    Value mixed = dense(view(y, {dimsOf(x)[0], dimsOf(x)[1], size(heads * width)}), sizeAt(x, 2));
    x = layerNormalization(add(x, mixed));
  }
  for (int64_t blocks = draw.between(0, 1); blocks > 0; --blocks)
    x = rowBlock(x);
  if (!recipe.smooth && draw.chance(20))
    return reduceAxes(ReduceKind::max, x, {1}, false);
  if (!recipe.dynamicLength && draw.chance(40))
    return select(x, 1, -1);
  return draw.chance(70) ? meanAxes(x, {1}, false) : select(x, 1, 0);
}

void RandomNetwork::build() {
  Value x;
  switch (recipe.kind) {
  case Recipe::Planes:
  case Recipe::Lines:
    x = networkOverMaps();
    break;
  case Recipe::Sequence:
    x = networkOverSequences();
    break;
  case Recipe::Rows:
    x = addInput("x", {batch(), size(draw.between(1, 70))}, element);
    for (int64_t blocks = draw.between(1, 5); blocks > 0; --blocks)
      x = rowBlock(x);
    break;
  }
  head(x);
  finish();
}

} // namespace nnc::fuzz
