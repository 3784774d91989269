#include "dialects/nn/Expr/Primitives.h"

#include "llvm/Support/ErrorHandling.h"

#include <cassert>
#include <cmath>

using namespace nnc;
using llvm::StringRef;
using enum Primitive;

// In the order of the enumeration, which info() indexes.
static constexpr PrimitiveInfo table[] = {
    {Input, "", 0, Precedence::Call, false},
    {Parameter, "", 0, Precedence::Call, false},
    {Constant, "", 0, Precedence::Call, false},
    {Neg, "-", 1, Precedence::Unary, false},
    {Add, "+", 2, Precedence::Sum, false},
    {Sub, "-", 2, Precedence::Sum, false},
    {Mul, "*", 2, Precedence::Product, false},
    {Div, "/", 2, Precedence::Product, false},
    {FloorDiv, "floordiv", 2, Precedence::Call, false},
    {Fmod, "fmod", 2, Precedence::Call, false},
    {Remainder, "remainder", 2, Precedence::Call, false},
    {Pow, "pow", 2, Precedence::Call, false},
    {Exp, "exp", 1, Precedence::Call, false},
    {Expm1, "expm1", 1, Precedence::Call, false},
    {Log, "log", 1, Precedence::Call, false},
    {Log1p, "log1p", 1, Precedence::Call, false},
    {Sqrt, "sqrt", 1, Precedence::Call, false},
    {Rsqrt, "rsqrt", 1, Precedence::Call, false},
    {Tanh, "tanh", 1, Precedence::Call, false},
    {Erf, "erf", 1, Precedence::Call, false},
    {Sin, "sin", 1, Precedence::Call, false},
    {Cos, "cos", 1, Precedence::Call, false},
    {Logistic, "logistic", 1, Precedence::Call, false},
    {LogSigmoid, "log_sigmoid", 1, Precedence::Call, false},
    {Abs, "abs", 1, Precedence::Call, false},
    {Sign, "sign", 1, Precedence::Call, false},
    {Floor, "floor", 1, Precedence::Call, false},
    {Ceil, "ceil", 1, Precedence::Call, false},
    {Round, "round", 1, Precedence::Call, false},
    {Trunc, "trunc", 1, Precedence::Call, false},
    {Maximum, "maximum", 2, Precedence::Call, false},
    {Minimum, "minimum", 2, Precedence::Call, false},
    {Relu, "relu", 1, Precedence::Call, false},
    {Lt, "<", 2, Precedence::Compare, true},
    {Le, "<=", 2, Precedence::Compare, true},
    {Gt, ">", 2, Precedence::Compare, true},
    {Ge, ">=", 2, Precedence::Compare, true},
    {Eq, "==", 2, Precedence::Compare, true},
    {Ne, "!=", 2, Precedence::Compare, true},
    {And, "and", 2, Precedence::Call, true},
    {Or, "or", 2, Precedence::Call, true},
    {Not, "not", 1, Precedence::Call, true},
    {IsNan, "isnan", 1, Precedence::Call, true},
    {IsInf, "isinf", 1, Precedence::Call, true},
    {Select, "select", 3, Precedence::Call, false},
    {ToF32, "f32", 1, Precedence::Call, false},
    {ToF64, "f64", 1, Precedence::Call, false},
    {ToI64, "i64", 1, Precedence::Call, false},
    {ToI32, "i32", 1, Precedence::Call, false},
    {ToI1, "i1", 1, Precedence::Call, true},
    {ToFloat, "float", 1, Precedence::Call, false},
    {Stated, "stated", 3, Precedence::Call, false}, // or more, in pairs
};
static_assert(std::size(table) == size_t(Stated) + 1);

const PrimitiveInfo &nnc::info(Primitive primitive) {
  const PrimitiveInfo &row = table[size_t(primitive)];
  assert(row.primitive == primitive && "table out of order");
  return row;
}

StringRef nnc::spelling(Primitive primitive) { return info(primitive).spelling; }

std::optional<Primitive> nnc::lookupCall(StringRef name) {
  for (const PrimitiveInfo &row : table)
    if (row.arity && row.precedence == Precedence::Call && row.spelling == name)
      return row.primitive;
  return std::nullopt;
}

// c10's div_floor_floating: exact where a/b rounds up across an integer.
double nnc::floorDivide(double a, double b) {
  if (b == 0)
    return a / b;
  double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0))
    quotient -= 1;
  if (quotient == 0)
    return std::copysign(0.0, a / b);
  double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

// The result has the divisor's sign, as in Python.
double nnc::remainderLikeTorch(double a, double b) {
  double rest = std::fmod(a, b);
  return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
}

// Without overflow for either sign; NaN passes.
static double logistic(double x) {
  if (x >= 0)
    return 1 / (1 + std::exp(-x));
  double e = std::exp(x);
  return e / (1 + e);
}

double nnc::apply(Primitive primitive, llvm::ArrayRef<double> x) {
  switch (primitive) {
  case Input:
  case Parameter:
  case Constant:
    break;
  case Neg: return -x[0];
  case Add: return x[0] + x[1];
  case Sub: return x[0] - x[1];
  case Mul: return x[0] * x[1];
  case Div: return x[0] / x[1];
  case FloorDiv: return floorDivide(x[0], x[1]);
  case Fmod: return std::fmod(x[0], x[1]);
  case Remainder: return remainderLikeTorch(x[0], x[1]);
  case Pow: return std::pow(x[0], x[1]);
  case Exp: return std::exp(x[0]);
  case Expm1: return std::expm1(x[0]);
  case Log: return std::log(x[0]);
  case Log1p: return std::log1p(x[0]);
  case Sqrt: return std::sqrt(x[0]);
  case Rsqrt: return 1 / std::sqrt(x[0]);
  case Tanh: return std::tanh(x[0]);
  case Erf: return std::erf(x[0]);
  case Sin: return std::sin(x[0]);
  case Cos: return std::cos(x[0]);
  case Logistic: return logistic(x[0]);
  case LogSigmoid: return (x[0] > 0 ? 0 : x[0]) - std::log1p(std::exp(-std::fabs(x[0])));
  case Abs: return std::fabs(x[0]);
  case Sign: return (x[0] > 0) - (x[0] < 0); // sign(NaN) is 0, as in torch
  case Floor: return std::floor(x[0]);
  case Ceil: return std::ceil(x[0]);
  case Round: return std::nearbyint(x[0]); // half to even
  case Trunc: return std::trunc(x[0]);
  case Maximum: return std::isnan(x[0]) || x[0] > x[1] ? x[0] : x[1];
  case Minimum: return std::isnan(x[0]) || x[0] < x[1] ? x[0] : x[1];
  case Relu: return x[0] < 0 ? 0 : x[0];
  case Lt: return x[0] < x[1];
  case Le: return x[0] <= x[1];
  case Gt: return x[0] > x[1];
  case Ge: return x[0] >= x[1];
  case Eq: return x[0] == x[1];
  case Ne: return x[0] != x[1];
  case And: return x[0] != 0 && x[1] != 0;
  case Or: return x[0] != 0 || x[1] != 0;
  case Not: return x[0] == 0;
  case IsNan: return std::isnan(x[0]);
  case IsInf: return std::isinf(x[0]);
  case Select: return x[0] != 0 ? x[1] : x[2];
  case ToF32: return float(x[0]);
  case ToF64:
  case ToFloat: return x[0];
  case ToI64:
  case ToI32: return std::trunc(x[0]);
  case ToI1: return x[0] != 0;
  case Stated: return x[0];
  }
  llvm_unreachable("a leaf has no operation");
}
