// Elementwise operators. Argument names and defaults are those of
// aten/src/ATen/native/native_functions.yaml.
#include "compiler/frontends/pt2/Aten.h"

using namespace mlir;
using namespace nnc;
using namespace nnc::pt2;

// {operator, function, operands, numbers}; a number that the file leaves out takes
// the function's default, which is torch's.
static constexpr AtenElementwise table[] = {
    {"relu", "relu", "self", ""},
    {"relu6", "relu6", "self", ""},
    {"selu", "selu", "self", ""},
    {"celu", "celu", "self", "alpha"},
    {"leaky_relu", "leaky_relu", "self", "negative_slope"},
    {"hardtanh", "hardtanh", "self", "min_val,max_val"},
    {"hardsigmoid", "hardsigmoid", "self", ""},
    {"hardswish", "hardswish", "self", ""},
    {"hardshrink", "hardshrink", "self", "lambd"},
    {"softshrink", "softshrink", "self", "lambd"},
    {"threshold", "threshold", "self", "threshold,value"},
    {"sigmoid", "sigmoid", "self", ""},
    {"log_sigmoid", "log_sigmoid", "self", ""},
    {"tanh", "tanh", "self", ""},
    {"silu", "silu", "self", ""},
    {"mish", "mish", "self", ""},
    {"softplus", "softplus", "self", "beta,threshold"},

    {"add", "add", "self,other", "alpha"},
    {"sub", "sub", "self,other", "alpha"},
    {"mul", "mul", "self,other", ""},
    {"div", "div", "self,other", ""},
    {"true_divide", "div", "self,other", ""},
    {"floor_divide", "floor_divide", "self,other", ""},
    {"fmod", "fmod", "self,other", ""},
    {"remainder", "remainder", "self,other", ""},
    {"pow.Tensor_Tensor", "pow", "self,exponent", ""},
    {"pow.Scalar", "pow", "self,exponent", ""},
    {"pow.Tensor_Scalar", "pow_scalar", "self", "exponent"},
    {"neg", "neg", "self", ""},
    {"abs", "abs", "self", ""},
    {"sign", "sign", "self", ""},
    {"sgn", "sign", "self", ""},
    {"exp", "exp", "self", ""},
    {"expm1", "expm1", "self", ""},
    {"log", "log", "self", ""},
    {"log1p", "log1p", "self", ""},
    {"sqrt", "sqrt", "self", ""},
    {"rsqrt", "rsqrt", "self", ""},
    {"square", "square", "self", ""},
    {"reciprocal", "reciprocal", "self", ""},
    {"sin", "sin", "self", ""},
    {"cos", "cos", "self", ""},
    {"erf", "erf", "self", ""},
    {"floor", "floor", "self", ""},
    {"ceil", "ceil", "self", ""},
    {"round", "round", "self", ""},
    {"trunc", "trunc", "self", ""},
    {"maximum", "maximum", "self,other", ""},
    {"minimum", "minimum", "self,other", ""},
    {"max.other", "maximum", "self,other", ""},
    {"min.other", "minimum", "self,other", ""},
    {"clamp_min", "clamp_min", "self", "min"},
    {"clamp_max", "clamp_max", "self", "max"},
    {"clamp_min.Tensor", "maximum", "self,min", ""},
    {"clamp_max.Tensor", "minimum", "self,max", ""},
    {"where.self", "where", "condition,self,other", ""},
    {"where.ScalarOther", "where", "condition,self,other", ""},
    {"where.ScalarSelf", "where", "condition,self,other", ""},
    {"where.Scalar", "where", "condition,self,other", ""},
    {"lerp", "lerp", "self,end,weight", ""},
    {"addcmul", "addcmul", "self,tensor1,tensor2", "value"},
    {"addcdiv", "addcdiv", "self,tensor1,tensor2", "value"},

    {"eq", "eq", "self,other", ""},
    {"ne", "ne", "self,other", ""},
    {"lt", "lt", "self,other", ""},
    {"le", "le", "self,other", ""},
    {"gt", "gt", "self,other", ""},
    {"ge", "ge", "self,other", ""},
    {"logical_and", "logical_and", "self,other", ""},
    {"logical_or", "logical_or", "self,other", ""},
    {"logical_not", "logical_not", "self", ""},
    {"isnan", "isnan", "self", ""},
    {"isinf", "isinf", "self", ""},
};

llvm::ArrayRef<AtenElementwise> nnc::pt2::atenElementwise() { return table; }

static Results gelu(Call &call) {
  bool tanh = call.text("approximate", "none") == "tanh";
  return {call.builder.elementwise(tanh ? "gelu_tanh" : "gelu", {call.operand("self")})};
}

static Results elu(Call &call) {
  if (call.number("scale", 1) != 1 || call.number("input_scale", 1) != 1)
    call.reject("scale", "other than 1 is not supported");
  return {call.builder.elementwise("elu", {call.operand("self")},
                                   {{"alpha", call.number("alpha", 1)}})};
}

// weight [C] belongs to axis 1 of x [N, C, ...].
static Results prelu(Call &call) {
  Value x = call.tensor("self"), weight = call.tensor("weight");
  if (!x || !weight)
    return {Value()};
  if (int64_t rank = nn::rankOf(x); rank > 1 && nn::rankOf(weight) == 1) {
    nn::Dims line(rank, call.builder.size(1));
    line[1] = nn::dimsOf(weight)[0];
    weight = call.builder.view(weight, line);
  }
  return {call.builder.elementwise("prelu", {x, weight})};
}

static Results rrelu(Call &call) {
  if (call.training("training"))
    call.reject("training", "is not supported: rrelu's random slopes exist in eval mode only");
  return {call.builder.elementwise("rrelu", {call.operand("self")},
                                   {{"lower", call.number("lower", 0.125)},
                                    {"upper", call.number("upper", 1.0 / 3)}})};
}

static Results clamp(Call &call) {
  Operand x = call.operand("self");
  bool low = call.given("min"), high = call.given("max");
  if (low && high)
    return {call.builder.elementwise(
        "clamp", {x}, {{"min", call.number("min")}, {"max", call.number("max")}})};
  if (low)
    return {call.builder.elementwise("clamp_min", {x}, {{"min", call.number("min")}})};
  return {call.builder.elementwise("clamp_max", {x}, {{"max", call.number("max")}})};
}

static Results clampTensor(Call &call) {
  Value x = call.tensor("self");
  if (call.given("min") && call.given("max"))
    return {call.builder.elementwise("clamp_tensor",
                                     {x, call.tensor("min"), call.tensor("max")})};
  if (call.given("min"))
    return {call.builder.elementwise("maximum", {x, call.tensor("min")})};
  return {call.builder.elementwise("minimum", {x, call.tensor("max")})};
}

static Results divide(Call &call) {
  llvm::StringRef mode = call.text("rounding_mode", "");
  Operand x = call.operand("self"), y = call.operand("other");
  if (mode == "floor")
    return {call.builder.elementwise("floor_divide", {x, y})};
  Value quotient = call.builder.elementwise("div", {x, y});
  return {mode.empty() || !quotient ? quotient
                                    : call.builder.elementwise("trunc", {quotient})};
}

static Results rsub(Call &call) {
  return {call.builder.elementwise("sub", {call.operand("other"), call.operand("self")},
                                   {{"alpha", call.number("alpha", 1)}})};
}

static Results maskedFill(Call &call) {
  return {call.builder.elementwise(
      "where", {call.operand("mask"), call.operand("value"), call.operand("self")})};
}

/// glu: the first half times the sigmoid of the second.
static Results glu(Call &call) {
  Value x = call.tensor("self");
  if (!x)
    return {Value()};
  int64_t axis = call.axis("dim", -1);
  std::optional<int64_t> size =
      nn::rankOf(x) == 0 ? std::nullopt : nn::constantSize(nn::dimsOf(x)[axis]);
  if (!size || *size % 2) {
    call.reject("dim", "must name an axis of an even, constant size");
    return {Value()};
  }
  Value value = call.builder.sliceAxis(x, axis, 0, *size / 2, 1);
  Value gate = call.builder.sliceAxis(x, axis, *size / 2, *size, 1);
  return {call.builder.elementwise("mul", {value, call.builder.elementwise("sigmoid", {gate})})};
}

/// Bitwise operators of truth values.
template <const char *function> static Results logical(Call &call) {
  if (!call.outputType().isInteger(1))
    call.reject("self", "must be bool: bitwise operators of integers are not supported");
  if (call.given("other"))
    return {call.builder.elementwise(function, {call.operand("self"), call.operand("other")})};
  return {call.builder.elementwise(function, {call.operand("self")})};
}
static constexpr char logicalAnd[] = "logical_and", logicalOr[] = "logical_or",
                      logicalNot[] = "logical_not";

/// What copy_, fill_ and zero_ leave in their tensor.
static Results copy(Call &call) {
  Value source = call.tensor("src");
  return {source ? call.builder.expand(source, call.selfDims()) : Value()};
}

static Results fill(Call &call) {
  if (Value value = call.operand("value").tensor)
    return {call.builder.expand(value, call.selfDims())};
  return {call.builder.full(call.selfDims(), call.outputType(), call.number("value"))};
}

static Results zero(Call &call) {
  return {call.builder.full(call.selfDims(), call.outputType(), 0)};
}

/// NaN and infinities replaced; by default by 0 and the type's largest values.
static Results nanToNum(Call &call) {
  Value x = call.self();
  if (!x)
    return {Value()};
  double largest = call.outputType().isF64() ? std::numeric_limits<double>::max() : std::numeric_limits<float>::max();
  return {call.builder.formula(
      "stated(select(x0 != x0, nan_, select(x0 == inf, high, select(x0 == -inf, low, x0))), x0,"
      " select(or(x0 != x0, isinf(x0)), 0, 1))",
      x, nn::elementTypeOf(x),
      {{"nan_", call.number("nan", 0)}, {"high", call.number("posinf", largest)}, {"low", call.number("neginf", -largest)}})};
}

static constexpr AtenOp pointwise[] = {
    {"nan_to_num", nanToNum},
    {"gelu", gelu},
    {"elu", elu},
    {"prelu", prelu},
    {"_prelu_kernel", prelu},
    {"rrelu", rrelu},
    {"clamp", clamp},
    {"clamp.Tensor", clampTensor},
    {"clip", clamp},
    {"div.Tensor_mode", divide},
    {"div.Scalar_mode", divide},
    {"rsub", rsub},
    {"masked_fill", maskedFill},
    {"glu", glu},
    {"bitwise_and", logical<logicalAnd>},
    {"__and__", logical<logicalAnd>},
    {"bitwise_or", logical<logicalOr>},
    {"__or__", logical<logicalOr>},
    {"bitwise_not", logical<logicalNot>},
    {"copy", copy},
    {"fill", fill},
    {"zero", zero},
};

llvm::ArrayRef<AtenOp> nnc::pt2::atenPointwise() { return pointwise; }
