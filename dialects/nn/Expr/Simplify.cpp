// The local rewrites that Expr::make applies. Each keeps the value for all
// inputs, NaN and infinities among them, except the sign of a zero and rounding
// where constants meet. So x * 0 is not 0 here; derivatives that vanish are never
// built in the first place (Derivative.cpp).
#include "dialects/nn/Expr/Expr.h"
#include "dialects/nn/Expr/Node.h"
#include "dialects/nn/Expr/Primitives.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace nnc;
using llvm::ArrayRef;
using enum Primitive;

// The operand of a node `p(x)`, or null.
static Expr operandOf(Primitive p, Expr e) { return e.is(p) ? e.operand(0) : Expr(); }

static Expr plain(Primitive p, ArrayRef<Expr> operands) { return internOperation(p, operands); }

static bool isPowerOfTwo(double v) {
  int exponent;
  return std::isnormal(v) && std::isnormal(1 / v) && std::fabs(std::frexp(v, &exponent)) == 0.5;
}

static Expr simplifyAdd(Expr a, Expr b) {
  if (a.isConstant()) // constants stand on the right of a sum
    std::swap(a, b);
  if (b.isConstant(0))
    return a;
  if (Expr x = operandOf(Neg, b))
    return a - x;
  if (Expr x = operandOf(Neg, a))
    return b - x;
  if (a == b)
    return Expr::constant(2) * a;
  if (a.is(Sub) && a.operand(1) == b && b.isConstant())
    return a.operand(0);
  return plain(Add, {a, b});
}

static Expr simplifySub(Expr a, Expr b) {
  if (b.isConstant(0))
    return a;
  if (a.isConstant(0))
    return -b;
  if (Expr x = operandOf(Neg, b))
    return a + x;
  if (a.isConstant() && b.is(Sub) && a == b.operand(0)) // c - (c - x) = x
    return b.operand(1);
  return plain(Sub, {a, b});
}

static Expr simplifyMul(Expr a, Expr b) {
  if (b.isConstant()) // constants stand on the left of a product
    std::swap(a, b);
  if (a.isConstant(1))
    return b;
  if (a.isConstant(-1))
    return -b;
  if (Expr x = operandOf(Neg, b))
    return a.isConstant() ? Expr::constant(-a.value()) * x : -(a * x);
  if (Expr x = operandOf(Neg, a))
    return -(x * b);
  // c * (d * x) = (c * d) * x, and y * (c * x) = c * (y * x).
  if (b.is(Mul) && b.operand(0).isConstant()) {
    if (a.isConstant())
      return Expr::constant(a.value() * b.operand(0).value()) * b.operand(1);
    return b.operand(0) * (a * b.operand(1));
  }
  if (a.is(Mul) && a.operand(0).isConstant())
    return a.operand(0) * (a.operand(1) * b);
  if (a == b) // the square of 1 / x needs one division, not two
    return plain(Mul, {a, b});
  if (b.is(Div) && b.operand(0).isConstant(1))
    return a / b.operand(1);
  if (a.is(Div) && a.operand(0).isConstant(1))
    return b / a.operand(1);
  return plain(Mul, {a, b});
}

static Expr simplifyDiv(Expr a, Expr b) {
  if (b.isConstant(1))
    return a;
  if (b.isConstant() && isPowerOfTwo(b.value()))
    return Expr::constant(1 / b.value()) * a;
  if (Expr x = operandOf(Neg, a))
    return -(x / b);
  if (Expr x = operandOf(Neg, b))
    return -(a / x);
  if (a.is(Mul) && a.operand(0).isConstant())
    return a.operand(0) * (a.operand(1) / b);
  return plain(Div, {a, b});
}

// The exponents that torch treats apart, and small squares.
static Expr simplifyPow(Expr x, Expr exponent) {
  if (!exponent.isConstant())
    return plain(Pow, {x, exponent});
  double e = exponent.value();
  if (e == 0)
    return Expr::constant(1);
  if (e == 1)
    return x;
  if (e == 0.5)
    return Expr::make(Sqrt, {x});
  if (e == -0.5)
    return Expr::make(Rsqrt, {x});
  if (e == -1)
    return Expr::constant(1) / x;
  if (e == 2)
    return x * x;
  if (e == 3)
    return x * x * x;
  return plain(Pow, {x, exponent});
}

static Expr simplifySelect(Expr condition, Expr a, Expr b) {
  if (condition.isConstant())
    return condition.value() != 0 ? a : b;
  if (a == b)
    return a;
  if (Expr c = operandOf(Not, condition))
    return select(c, b, a);
  if (a.is(Select) && a.operand(0) == condition)
    return select(condition, a.operand(1), b);
  if (b.is(Select) && b.operand(0) == condition)
    return select(condition, a, b.operand(2));
  return plain(Select, {condition, a, b});
}

static Expr simplifyLogic(Primitive p, Expr a, Expr b) {
  for (auto [constant, other] : {std::pair(a, b), std::pair(b, a)})
    if (constant.isConstant() && other.isBoolean()) {
      bool decided = (constant.value() != 0) == (p == Or);
      return decided ? Expr::constant(p == Or) : other;
    }
  return a == b && a.isBoolean() ? a : plain(p, {a, b});
}

// A typed conversion of a constant is kept, since a constant has no type of its
// own; so is a stated derivative.
static bool folds(Primitive p) {
  return !llvm::is_contained({ToF32, ToF64, ToI64, ToI32, ToI1, ToFloat, Stated}, p);
}

Expr Expr::make(Primitive p, ArrayRef<Expr> x) {
  assert((p == Stated ? x.size() >= 3 && x.size() % 2 == 1 : x.size() == info(p).arity) &&
         "wrong number of operands");
  if (folds(p) && llvm::all_of(x, [](Expr e) { return e.isConstant(); })) {
    llvm::SmallVector<double> values;
    for (Expr e : x)
      values.push_back(e.value());
    return constant(apply(p, values));
  }
  switch (p) {
  case Neg:
    if (Expr inner = operandOf(Neg, x[0]))
      return inner;
    if (x[0].is(Sub))
      return x[0].operand(1) - x[0].operand(0);
    if (x[0].is(Mul) && x[0].operand(0).isConstant())
      return constant(-x[0].operand(0).value()) * x[0].operand(1);
    break;
  case Add: return simplifyAdd(x[0], x[1]);
  case Sub: return simplifySub(x[0], x[1]);
  case Mul: return simplifyMul(x[0], x[1]);
  case Div: return simplifyDiv(x[0], x[1]);
  case Pow: return simplifyPow(x[0], x[1]);
  case Select: return simplifySelect(x[0], x[1], x[2]);
  case And:
  case Or: return simplifyLogic(p, x[0], x[1]);
  case Not:
    if (Expr inner = operandOf(Not, x[0]); inner && inner.isBoolean())
      return inner;
    break;
  case Maximum:
  case Minimum:
    if (x[0] == x[1])
      return x[0];
    break;
  case ToI1:
    if (x[0].isBoolean())
      return x[0];
    break;
  default:
    break;
  }
  return plain(p, x);
}
