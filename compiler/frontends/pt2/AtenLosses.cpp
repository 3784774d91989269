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
    {"poisson_nll_loss", poisson},
    {"soft_margin_loss", softMargin},
    {"hinge_embedding_loss", hingeEmbedding},
    {"margin_ranking_loss", marginRanking},
    {"binary_cross_entropy", binaryCrossEntropy},
    {"binary_cross_entropy_with_logits", binaryCrossEntropyWithLogits},
};

llvm::ArrayRef<AtenOp> nnc::pt2::atenLosses() { return losses; }
