#include "dialects/nn/Expr/Functions.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace nnc;
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::StringRef;
using llvm::Twine;
using enum FunctionGroup;

// Written as torch's kernels are, so that kinks agree: which side of a
// comparison has the equality decides the gradient there, and where NaN goes. Values
// within bounds compare in the order of one maximum and one minimum instruction.
static constexpr ElementwiseFunction table[] = {
    // torch.nn activations
    {"elu", Activation, "input", "alpha=1",
     "select(input <= 0, alpha * expm1(input), input)",
     "x, below 0 alpha * (exp(x) - 1)"},
    {"selu", Activation, "input", "",
     "1.0507009873554805 * select(input <= 0, 1.6732632423543772 * expm1(input), input)",
     "elu with the constants of self-normalising networks (Klambauer et al. 2017)"},
    {"celu", Activation, "input", "alpha=1",
     "select(input <= 0, alpha * expm1(input / alpha), input)",
     "elu that is continuously differentiable for every alpha"},
    {"relu", Activation, "input", "", "relu(input)", "x, below 0 zero"},
    {"relu6", Activation, "input", "",
     "raised = relu(input);"
     "stated(select(raised > 6, 6, raised), input, select(or(input <= 0, input >= 6), 0, 1))",
     "x clamped to [0, 6]"},
    {"leaky_relu", Activation, "input", "negative_slope=0.01",
     "select(input > 0, input, negative_slope * input)", "x, below 0 a slope"},
    {"rrelu", Activation, "input", "lower=0.125, upper=0.3333333333333333",
     "select(input > 0, input, 0.5 * (lower + upper) * input)",
     "leaky_relu with a random slope; in eval mode with its mean"},
    {"prelu", Activation, "input, weight", "",
     "select(input > 0, input, weight * input)", "leaky_relu with a learnt slope"},
    {"hardtanh", Activation, "input", "min_val=-1, max_val=1",
     "raised = select(input < min_val, min_val, input);"
     "stated(select(raised > max_val, max_val, raised),"
     " input, select(or(input <= min_val, input >= max_val), 0, 1))",
     "x clamped to [min_val, max_val]"},
    {"hardsigmoid", Activation, "input", "",
     "stated(select(input <= -3, 0, select(input >= 3, 1, (input + 3) * (1 / 6))),"
     " input, select(and(input > -3, input < 3), 1 / 6, 0))",
     "relu6(x + 3) / 6"},
    {"hardswish", Activation, "input", "",
     "select(input <= -3, 0, select(input < 3, input * (input + 3) * (1 / 6), input))",
     "x * relu6(x + 3) / 6"},
    {"hardshrink", Activation, "input", "lambd=0.5",
     "select(and(input >= -lambd, input <= lambd), 0, input)", "x, within lambd of 0 zero"},
    {"softshrink", Activation, "input", "lambd=0.5",
     "select(and(input >= -lambd, input <= lambd), 0,"
     " select(input < 0, input + lambd, input - lambd))",
     "x moved towards 0 by lambd"},
    {"tanhshrink", Activation, "input", "", "input - tanh(input)", "x - tanh(x)"},
    {"threshold", Activation, "input", "threshold, value",
     "select(input <= threshold, value, input)", "x, up to the threshold a value"},
    {"sigmoid", Activation, "input", "", "logistic(input)", "1 / (1 + exp(-x))"},
    {"log_sigmoid", Activation, "input", "", "log_sigmoid(input)", "log(sigmoid(x))"},
    {"tanh", Activation, "input", "", "tanh(input)", "hyperbolic tangent"},
    {"silu", Activation, "input", "", "input * logistic(input)", "x * sigmoid(x)"},
    {"mish", Activation, "input", "", "input * tanh(-log_sigmoid(-input))",
     "x * tanh(softplus(x))"},
    {"gelu", Activation, "input", "",
     "0.5 * input * (1 + erf(0.7071067811865476 * input))", "x * Phi(x)"},
    {"gelu_tanh", Activation, "input", "",
     "0.5 * input * (1 + tanh(0.7978845608028654 * (input + 0.044715 * (input * input * input))))",
     "gelu(approximate='tanh')"},
    {"softplus", Activation, "input", "beta=1, threshold=20",
     "scaled = beta * input; select(scaled > threshold, input, -log_sigmoid(-scaled) / beta)",
     "log(1 + exp(beta * x)) / beta"},
    {"softsign", Activation, "input", "", "input / (1 + abs(input))", "x / (1 + |x|)"},

    // Arithmetic
    {"add", Arithmetic, "input, other", "alpha=1", "input + alpha * other", "a + alpha * b"},
    {"sub", Arithmetic, "input, other", "alpha=1", "input - alpha * other", "a - alpha * b"},
    {"mul", Arithmetic, "input, other", "", "input * other", "a * b"},
    {"div", Arithmetic, "input, other", "", "input / other", "true division"},
    {"floor_divide", Arithmetic, "input, other", "", "floordiv(input, other)", "floor(a / b)"},
    {"fmod", Arithmetic, "input, other", "", "fmod(input, other)", "rest with a's sign"},
    {"remainder", Arithmetic, "input, other", "", "remainder(input, other)", "rest with b's sign"},
    {"pow", Arithmetic, "input, exponent", "", "pow(input, exponent)", "a to the power b"},
    {"pow_scalar", Arithmetic, "input", "exponent", "pow(input, exponent)",
     "x to a constant power"},
    {"neg", Arithmetic, "input", "", "-input", "-x"},
    {"abs", Arithmetic, "input", "", "abs(input)", "|x|, gradient 0 at 0"},
    {"sign", Arithmetic, "input", "", "sign(input)", "-1, 0 or 1"},
    {"exp", Arithmetic, "input", "", "exp(input)", "exponential"},
    {"expm1", Arithmetic, "input", "", "expm1(input)", "exp(x) - 1"},
    {"log", Arithmetic, "input", "", "log(input)", "natural logarithm"},
    {"log1p", Arithmetic, "input", "", "log1p(input)", "log(1 + x)"},
    {"sqrt", Arithmetic, "input", "", "sqrt(input)", "square root"},
    {"rsqrt", Arithmetic, "input", "", "rsqrt(input)", "1 / sqrt(x)"},
    {"square", Arithmetic, "input", "", "input * input", "x * x"},
    {"reciprocal", Arithmetic, "input", "", "1 / input", "1 / x"},
    {"sin", Arithmetic, "input", "", "sin(input)", "sine"},
    {"cos", Arithmetic, "input", "", "cos(input)", "cosine"},
    {"erf", Arithmetic, "input", "", "erf(input)", "error function"},
    {"floor", Arithmetic, "input", "", "floor(input)", "largest integer up to x"},
    {"ceil", Arithmetic, "input", "", "ceil(input)", "smallest integer from x"},
    {"round", Arithmetic, "input", "", "round(input)", "nearest integer, half to even"},
    {"trunc", Arithmetic, "input", "", "trunc(input)", "integer part"},
    {"maximum", Arithmetic, "input, other", "", "maximum(input, other)",
     "the larger; NaN wins; a tie's gradient is split"},
    {"minimum", Arithmetic, "input, other", "", "minimum(input, other)",
     "the smaller; NaN wins; a tie's gradient is split"},
    {"clamp", Arithmetic, "input", "min, max",
     "raised = select(input < min, min, input);"
     "stated(select(raised > max, max, raised),"
     " input, select(and(input > min, input < max), 1, 0))",
     "x within two constants, gradient 0 at either"},
    {"clamp_min", Arithmetic, "input", "min",
     "stated(select(input < min, min, input), input, select(input > min, 1, 0))",
     "x, at least a constant"},
    {"clamp_max", Arithmetic, "input", "max",
     "stated(select(input > max, max, input), input, select(input < max, 1, 0))",
     "x, at most a constant"},
    {"clamp_tensor", Arithmetic, "input, min, max", "", "minimum(maximum(input, min), max)",
     "x within two tensors; a tie's gradient is split"},
    {"where", Arithmetic, "condition, input, other", "", "select(condition, input, other)",
     "a where the condition holds, elsewhere b"},
    {"lerp", Arithmetic, "input, end, weight", "",
     "span = end - input;"
     " select(abs(weight) < 0.5, input + weight * span, end - span * (1 - weight))",
     "input + weight * (end - input), exact at both ends"},
    {"addcmul", Arithmetic, "input, tensor1, tensor2", "value=1",
     "input + value * tensor1 * tensor2", "input + value * a * b"},
    {"addcdiv", Arithmetic, "input, tensor1, tensor2", "value=1",
     "input + value * tensor1 / tensor2", "input + value * a / b"},

    // Comparison and logic, of truth values
    {"eq", Comparison, "input, other", "", "input == other", "a = b"},
    {"ne", Comparison, "input, other", "", "input != other", "a != b"},
    {"lt", Comparison, "input, other", "", "input < other", "a < b"},
    {"le", Comparison, "input, other", "", "input <= other", "a <= b"},
    {"gt", Comparison, "input, other", "", "input > other", "a > b"},
    {"ge", Comparison, "input, other", "", "input >= other", "a >= b"},
    {"logical_and", Comparison, "input, other", "", "and(input, other)", "both are not 0"},
    {"logical_or", Comparison, "input, other", "", "or(input, other)", "one is not 0"},
    {"logical_not", Comparison, "input", "", "not(input)", "x is 0"},
    {"isnan", Comparison, "input", "", "isnan(input)", "x is NaN"},
    {"isinf", Comparison, "input", "", "isinf(input)", "x is an infinity"},

    // Conversion
    {"to_float32", Conversion, "input", "", "f32(input)", "to float32"},
    {"to_float64", Conversion, "input", "", "f64(input)", "to float64"},
    {"to_int64", Conversion, "input", "", "i64(input)", "to int64, towards 0"},
    {"to_int32", Conversion, "input", "", "i32(input)", "to int32, towards 0"},
    {"to_bool", Conversion, "input", "", "i1(input)", "x is not 0"},

    // Pointwise losses, with reduction='none'
    {"mse_loss", Loss, "input, target", "", "d = input - target; d * d", "squared error"},
    {"l1_loss", Loss, "input, target", "", "abs(input - target)", "absolute error"},
    {"smooth_l1_loss", Loss, "input, target", "beta=1",
     "d = input - target; select(abs(d) >= beta, abs(d) - 0.5 * beta, 0.5 * d * d / beta)",
     "squared error within beta, beyond it absolute"},
    {"huber_loss", Loss, "input, target", "delta=1",
     "d = input - target; select(abs(d) > delta, delta * (abs(d) - 0.5 * delta), 0.5 * d * d)",
     "smooth_l1_loss times delta"},
    // Logarithms are held at -100, and the gradient's denominator at 1e-12.
    {"binary_cross_entropy", Loss, "input, target", "",
     "stated((target - 1) * maximum(log1p(-input), -100) - target * maximum(log(input), -100),"
     " input, (input - target) / maximum((1 - input) * input, 1e-12),"
     " target, log1p(-input) - log(input))",
     "cross entropy of a probability"},
    {"binary_cross_entropy_with_logits", Loss, "input, target", "",
     "(1 - target) * input - log_sigmoid(input)", "cross entropy of a logit"},
    {"binary_cross_entropy_with_logits_pos_weight", Loss, "input, target, pos_weight", "",
     "(1 - target) * input - ((pos_weight - 1) * target + 1) * log_sigmoid(input)",
     "cross entropy of a logit, positives weighted"},
    {"poisson_nll_loss", Loss, "input, target", "log_input=1, full=0, eps=1e-8",
     "base = select(log_input != 0, exp(input) - target * input,"
     " input - target * log(input + eps));"
     " stirling = target * log(target) - target + 0.5 * log(6.283185307179586 * target);"
     " base + select(full != 0, select(target > 1, stirling, 0), 0)",
     "negative log likelihood of a Poisson rate"},
    // The variance is held at eps without a trace in its gradient.
    {"gaussian_nll_loss", Loss, "input, target, var", "full=0, eps=1e-6",
     "v = stated(maximum(var, eps), var, 1); d = input - target;"
     " 0.5 * (log(v) + d * d / v) + select(full != 0, 0.9189385332046727, 0)",
     "negative log likelihood of a Gaussian"},
    {"kl_div", Loss, "input, target", "log_target=0",
     "select(log_target != 0, exp(target) * (target - input),"
     " select(target == 0, 0, target * log(target)) - target * input)",
     "target * (log(target) - input)"},
    {"soft_margin_loss", Loss, "input, target", "", "-log_sigmoid(target * input)",
     "log(1 + exp(-target * x))"},
    {"hinge_embedding_loss", Loss, "input, target", "margin=1",
     "m = margin - input; select(target == 1, 0, stated(relu(m), m, select(m > 0, 1, 0)))"
     " + select(target == -1, 0, input)",
     "x for target 1, max(0, margin - x) for target -1"},
    {"margin_ranking_loss", Loss, "input1, input2, target", "margin=0",
     "m = margin - target * (input1 - input2); stated(relu(m), m, select(m > 0, 1, 0))",
     "max(0, -target * (a - b) + margin)"},
};

static SmallVector<StringRef> splitList(StringRef list) {
  SmallVector<StringRef> items;
  if (list.empty())
    return items;
  list.split(items, ',');
  for (StringRef &item : items)
    item = item.trim();
  return items;
}

SmallVector<StringRef> ElementwiseFunction::operandNames() const { return splitList(operands); }

SmallVector<ElementwiseParameter> ElementwiseFunction::parameterList() const {
  SmallVector<ElementwiseParameter> result;
  for (StringRef item : splitList(parameters)) {
    auto [name, text] = item.split('=');
    double value;
    bool given = !text.empty() && !text.getAsDouble(value);
    result.push_back({name, given ? std::optional(value) : std::nullopt});
  }
  return result;
}

ArrayRef<ElementwiseFunction> nnc::elementwiseFunctions() { return table; }

const ElementwiseFunction *nnc::lookupElementwise(StringRef name) {
  static const auto *index = [] {
    auto *map = new llvm::StringMap<const ElementwiseFunction *>;
    for (const ElementwiseFunction &row : table)
      map->try_emplace(row.name, &row);
    return map;
  }();
  return index->lookup(name);
}

static llvm::Error parameterError(const ElementwiseFunction &function, const Twine &what) {
  std::string takes = function.parameters.empty() ? "no parameters" : function.parameters.str();
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 function.name + ": " + what + "; it takes " + takes);
}

llvm::Expected<Expr> nnc::instantiate(const ElementwiseFunction &function,
                                      const std::map<std::string, double> &parameters) {
  std::map<std::string, double> values;
  SmallVector<StringRef> names;
  for (const ElementwiseParameter &parameter : function.parameterList()) {
    names.push_back(parameter.name);
    auto given = parameters.find(parameter.name.str());
    if (given != parameters.end())
      values[given->first] = given->second;
    else if (parameter.defaultValue)
      values[parameter.name.str()] = *parameter.defaultValue;
    else
      return parameterError(function, "parameter '" + parameter.name + "' is not given");
  }
  for (const auto &[name, value] : parameters)
    if (!llvm::is_contained(names, name))
      return parameterError(function, "there is no parameter '" + Twine(name) + "'");
  llvm::Expected<Expr> expr = parseExpr(function.expression, function.operandNames(), names);
  if (!expr)
    return expr;
  return expr->bindParameters(values);
}
