#include "compiler/autodiff/Optimizers.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace mlir;

namespace nnc {

namespace {
struct Row {
  const char *name;
  std::map<std::string, double> defaults;
};
// torch.optim's names and defaults; flags are 0 or 1. betas=(a, b) is beta1, beta2.
const Row table[] = {
    {"sgd", {{"lr", 1e-3}, {"momentum", 0}, {"dampening", 0}, {"weight_decay", 0}, {"nesterov", 0}, {"maximize", 0}}},
    {"adam", {{"lr", 1e-3}, {"beta1", 0.9}, {"beta2", 0.999}, {"eps", 1e-8}, {"weight_decay", 0}, {"amsgrad", 0}, {"maximize", 0}}},
    {"adamw", {{"lr", 1e-3}, {"beta1", 0.9}, {"beta2", 0.999}, {"eps", 1e-8}, {"weight_decay", 1e-2}, {"amsgrad", 0}, {"maximize", 0}}},
};
} // namespace

llvm::Expected<Optimizer> Optimizer::create(const NamedOptions &spec) {
  std::vector<std::string> known;
  for (const Row &row : table) {
    known.push_back(row.name);
    if (spec.name != row.name)
      continue;
    Optimizer result;
    result.name = row.name;
    result.options = row.defaults;
    for (const auto &[key, text] : spec.options) {
      auto slot = result.options.find(key);
      if (slot == result.options.end()) {
        std::vector<std::string> names;
        for (const auto &entry : row.defaults)
          names.push_back(entry.first);
        return llvm::createStringError("optimizer '" + spec.name + "' has no option '" + key + "'; it has " +
                                       llvm::join(names, ", "));
      }
      std::string lower = StringRef(text).lower();
      if (lower == "true" || lower == "false")
        slot->second = lower == "true";
      else if (StringRef(text).getAsDouble(slot->second))
        return llvm::createStringError("optimizer '" + spec.name + "': option " + key + " = '" + text + "' is not a number");
      // torch's own checks, written so that NaN fails too.
      const bool isBeta = StringRef(key).starts_with("beta");
      if (key != "dampening" && !(slot->second >= 0 && slot->second < (isBeta ? 1 : INFINITY)))
        return llvm::createStringError("optimizer '" + spec.name + "': option " + key + " = " + text + " must be at least 0" +
                                       (isBeta ? " and below 1" : ""));
    }
    if (result.options.count("nesterov") && result.options["nesterov"] != 0 &&
        (result.options["momentum"] <= 0 || result.options["dampening"] != 0))
      return llvm::createStringError("optimizer 'sgd': nesterov needs a momentum and no dampening");
    return result;
  }
  return llvm::createStringError("unknown optimizer '" + spec.name + "'; known: " + llvm::join(known, ", "));
}

Value Optimizer::update(FunctionBuilder &f, StringRef parameterName, Value parameter, Value gradient, Value lr,
                        Value step) const {
  auto type = cast<RankedTensorType>(parameter.getType());
  OpBuilder &b = f.builder();
  auto state = [&](StringRef kind) {
    return f.addState("optimizer", (kind + "/" + parameterName).str(), type.getShape(), type.getElementType());
  };
  auto number = [&](const char *key) { return APFloat(option(key)); };
  if (name == "sgd") {
    Value buffer = option("momentum") != 0 ? state("momentum_buffer") : Value();
    SmallVector<Type> types{type};
    if (buffer)
      types.push_back(type);
    auto op = nn::SgdOp::create(b, f.loc, type, buffer ? Type(type) : Type(), parameter, gradient, lr, buffer, step,
                                number("momentum"), number("dampening"), number("weight_decay"),
                                option("nesterov") != 0, option("maximize") != 0);
    if (buffer)
      f.updateState(buffer, op.getNewMomentumBuffer());
    return op.getNewParameter();
  }
  Value m = state("exp_avg"), v = state("exp_avg_sq");
  Value largest = option("amsgrad") != 0 ? state("max_exp_avg_sq") : Value();
  auto op = nn::AdamOp::create(b, f.loc, type, type, type, largest ? Type(type) : Type(), parameter, gradient, lr, m, v,
                               largest, step, number("beta1"), number("beta2"), number("eps"), number("weight_decay"),
                               name == "adamw", option("maximize") != 0);
  f.updateState(m, op.getNewExpAvg());
  f.updateState(v, op.getNewExpAvgSq());
  if (largest)
    f.updateState(largest, op.getNewMaxExpAvgSq());
  return op.getNewParameter();
}

} // namespace nnc
