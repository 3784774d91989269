// Losses.
#include "compiler/frontends/pt2/Aten.h"

using namespace mlir;
using namespace nnc;
using namespace nnc::pt2;

/// at::Reduction::Reduction has the numbers of nn::Reduction: none, mean, sum.
static nn::Reduction reduction(Call &call) {
  int64_t value = call.integer("reduction", 1);
  if (value < 0 || value > 2) {
    call.reject("reduction", "is not one of torch's");
    value = 1;
  }
  return static_cast<nn::Reduction>(value);
}

static Results crossEntropy(Call &call) {
  Value x = call.tensor("self"), target = call.tensor("target"),
        weight = call.optionalTensor("weight");
  if (call.hasFailed())
    return {Value()};
  return {call.builder.crossEntropy(x, target, weight, reduction(call),
                                    call.integer("ignore_index", -100),
                                    call.number("label_smoothing", 0))};
}

static Results nll(Call &call) {
  Value x = call.tensor("self"), target = call.tensor("target"),
        weight = call.optionalTensor("weight");
  if (call.hasFailed())
    return {Value()};
  return {call.builder.nllLoss(x, target, weight, reduction(call),
                               call.integer("ignore_index", -100))};
}

/// A loss of the function table over arguments `operands`, with numbers.
static Results pointwise(Call &call, llvm::StringRef function,
                         llvm::ArrayRef<llvm::StringRef> operandNames,
                         llvm::ArrayRef<llvm::StringRef> numbers = {}) {
  SmallVector<Operand> operands;
  for (llvm::StringRef name : operandNames)
    operands.push_back(call.operand(name));
  std::map<std::string, double> parameters;
  for (llvm::StringRef name : numbers)
    if (call.given(name))
      parameters[name.str()] = call.number(name);
  if (call.hasFailed())
    return {Value()};
  return {call.builder.pointwiseLoss(function, operands, reduction(call), parameters)};
}

static Results mse(Call &call) { return pointwise(call, "mse_loss", {"self", "target"}); }
static Results l1(Call &call) { return pointwise(call, "l1_loss", {"self", "target"}); }
static Results smoothL1(Call &call) {
  return pointwise(call, "smooth_l1_loss", {"self", "target"}, {"beta"});
}
static Results huber(Call &call) {
  return pointwise(call, "huber_loss", {"self", "target"}, {"delta"});
}
static Results klDiv(Call &call) {
  return pointwise(call, "kl_div", {"self", "target"}, {"log_target"});
}
static Results poisson(Call &call) {
  return pointwise(call, "poisson_nll_loss", {"input", "target"}, {"log_input", "full", "eps"});
}
static Results softMargin(Call &call) {
  return pointwise(call, "soft_margin_loss", {"self", "target"});
}
static Results hingeEmbedding(Call &call) {
  return pointwise(call, "hinge_embedding_loss", {"self", "target"}, {"margin"});
}
static Results marginRanking(Call &call) {
  return pointwise(call, "margin_ranking_loss", {"input1", "input2", "target"}, {"margin"});
}

/// The reduction of losses that were computed element by element.
static Results reduced(Call &call, Value losses) {
  if (!losses)
    return {Value()};
  switch (reduction(call)) {
  case nn::Reduction::none:
    return {losses};
  case nn::Reduction::mean:
    return {call.builder.meanAxes(losses, {}, false)};
  case nn::Reduction::sum:
    return {call.builder.sumAxes(losses, {}, false)};
  }
  return {Value()};
}

/// Binary cross entropies: weighted element by element before they are reduced.
static Results weighted(Call &call, llvm::StringRef function,
                        llvm::ArrayRef<llvm::StringRef> operandNames) {
  if (!call.given("weight"))
    return pointwise(call, function, operandNames);
  SmallVector<Operand> operands;
  for (llvm::StringRef name : operandNames)
    operands.push_back(call.operand(name));
  Value weight = call.tensor("weight");
  if (call.hasFailed())
    return {Value()};
  Value losses = call.builder.elementwise(function, operands);
  losses = losses ? call.builder.elementwise("mul", {losses, weight}) : losses;
  return reduced(call, losses);
}

static Results cosineSimilarity(Call &call) {
  return {call.builder.cosineSimilarity(call.tensor("x1"), call.tensor("x2"), call.integer("dim", 1), call.number("eps", 1e-8))};
}

static Results pairwiseDistance(Call &call) {
  return {call.builder.pairwiseDistance(call.tensor("x1"), call.tensor("x2"), call.number("p", 2), call.number("eps", 1e-6),
                                        call.flag("keepdim", false))};
}

/// 1 - cos for target 1, max(0, cos - margin) for target -1, with cos as
/// x y / sqrt((x x + e) (y y + e)), e = 1e-12 (at::cosine_embedding_loss).
static Results cosineEmbedding(Call &call) {
  Value x = call.tensor("input1"), y = call.tensor("input2"), target = call.tensor("target");
  if (call.hasFailed())
    return {Value()};
  auto along = [&](Value a, Value b) { return call.builder.sumAxes(call.builder.elementwise("mul", {a, b}), {-1}, false); };
  Value cosine = call.builder.formula("x0 / sqrt((x1 + e) * (x2 + e))", {along(x, y), along(x, x), along(y, y)},
                                      nn::elementTypeOf(x), {{"e", 1e-12}});
  return reduced(call, call.builder.formula("select(x1 == 1, 1 - x0, 0) + select(x1 == -1, maximum(x0 - margin, 0), 0)",
                                            {cosine, target}, nn::elementTypeOf(x), {{"margin", call.number("margin", 0)}}));
}

/// max(0, d(anchor, positive) - d(anchor, negative) + margin); swap: the smaller of both negative distances.
static Results tripletMargin(Call &call) {
  Value anchor = call.tensor("anchor"), positive = call.tensor("positive"), negative = call.tensor("negative");
  if (call.hasFailed())
    return {Value()};
  double p = call.number("p", 2), eps = call.number("eps", 1e-6);
  auto distance = [&](Value a, Value b) { return call.builder.pairwiseDistance(a, b, p, eps, false); };
  Value near = distance(anchor, positive), far = distance(anchor, negative);
  if (!near || !far)
    return {Value()};
  if (call.flag("swap", false))
    far = call.builder.elementwise("minimum", {far, distance(positive, negative)});
  return reduced(call, call.builder.formula("m = x0 - x1 + margin; stated(relu(m), m, select(m >= 0, 1, 0))", {near, far},
                                            nn::elementTypeOf(near), {{"margin", call.number("margin", 1)}}));
}

/// Mean over classes c other than the target t of max(0, margin - x[t] + x[c])^p.
static Results multiMargin(Call &call) {
  Value x = call.tensor("self"), target = call.tensor("target"), weight = call.optionalTensor("weight");
  if (call.hasFailed() || nn::rankOf(x) != 2 || nn::rankOf(target) != 1) {
    call.reject("self", "must be [N, C], and target [N]");
    return {Value()};
  }
  FunctionBuilder &builder = call.builder;
  Type element = nn::elementTypeOf(x);
  Value column = builder.unsqueeze(target, 1);
  Value right = builder.gatherAxis(x, 1, column);
  Value classes = builder.iota({builder.size(1), nn::dimsOf(x)[1]}, 1, nn::elementTypeOf(target));
  double p = call.number("p", 1);
  Value terms = builder.formula(p == 1 ? "select(x2 == x3, 0, relu(margin - x1 + x0))"
                                       : "m = relu(margin - x1 + x0); select(x2 == x3, 0, m * m)",
                                {x, right, classes, column}, element, {{"margin", call.number("margin", 1)}});
  if (weight)
    terms = builder.mul(terms, builder.embedding(builder.unsqueeze(weight, 1), target, -1));
  return reduced(call, builder.meanAxes(terms, {1}, false));
}

static Results binaryCrossEntropy(Call &call) {
  return weighted(call, "binary_cross_entropy", {"self", "target"});
}

static Results binaryCrossEntropyWithLogits(Call &call) {
  if (call.given("pos_weight"))
    return weighted(call, "binary_cross_entropy_with_logits_pos_weight",
                    {"self", "target", "pos_weight"});
  return weighted(call, "binary_cross_entropy_with_logits", {"self", "target"});
}

static constexpr AtenOp losses[] = {
    {"cross_entropy_loss", crossEntropy},
    {"nll_loss", nll},
    {"nll_loss2d", nll},
    {"nll_loss_nd", nll},
    {"mse_loss", mse},
    {"l1_loss", l1},
    {"smooth_l1_loss", smoothL1},
    {"huber_loss", huber},
    {"kl_div", klDiv},
    {"cosine_similarity", cosineSimilarity},
    {"pairwise_distance", pairwiseDistance},
    {"cosine_embedding_loss", cosineEmbedding},
    {"triplet_margin_loss", tripletMargin},
    {"multi_margin_loss", multiMargin},
    {"poisson_nll_loss", poisson},
    {"soft_margin_loss", softMargin},
    {"hinge_embedding_loss", hingeEmbedding},
    {"margin_ranking_loss", marginRanking},
    {"binary_cross_entropy", binaryCrossEntropy},
    {"binary_cross_entropy_with_logits", binaryCrossEntropyWithLogits},
};

llvm::ArrayRef<AtenOp> nnc::pt2::atenLosses() { return losses; }
