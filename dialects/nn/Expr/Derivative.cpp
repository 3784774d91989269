// Differentiation: one rule per primitive, applied forward over the DAG with each
// node's derivative computed once, so the result stays linear in the expression.
// Conventions at kinks are torch's (derivatives.yaml, FunctionsManual.cpp).
#include "dialects/nn/Expr/Expr.h"
#include "dialects/nn/Expr/Node.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/ErrorHandling.h"

#include <cmath>

using namespace nnc;
using enum Primitive;

static Expr number(double v) { return Expr::constant(v); }
static Expr call(Primitive p, Expr x) { return Expr::make(p, {x}); }
static Expr call(Primitive p, Expr a, Expr b) { return Expr::make(p, {a, b}); }

// Half of the gradient to each side of a tie; a NaN on either side passes to both.
static Expr winner(Expr lost, Expr tied) {
  return select(lost, number(0), select(tied, number(0.5), number(1)));
}

// The partial derivative of node e by its operand i; null where it is zero
// everywhere.
static Expr partial(Expr e, unsigned i) {
  Expr a = e.operand(0);
  Expr b = e.operands().size() > 1 ? e.operand(1) : Expr();
  Expr one = number(1);
  switch (e.primitive()) {
  case Neg: return number(-1);
  case Add: return one;
  case Sub: return number(i == 0 ? 1 : -1);
  case Mul: return i == 0 ? b : a;
  case Div:
    if (i == 0)
      return one / b;
    return a.isConstant(1) ? -(e * e) : -(e / b);
  case Fmod: return i == 0 ? one : -call(Trunc, a / b);
  case Remainder: return i == 0 ? one : -call(FloorDiv, a, b);
  case Pow: {
    Expr zero = number(0);
    if (i == 0)
      return select(call(Eq, b, zero), zero, b * call(Pow, a, b - one));
    Expr flat = call(And, call(Eq, a, zero), call(Ge, b, zero));
    return select(flat, zero, e * call(Log, a));
  }
  case Exp: return e;
  case Expm1: return call(Exp, a); // e + 1 would cancel for a << 0
  case Log: return one / a;
  case Log1p: return one / (a + one);
  case Sqrt: return number(0.5) / e;
  case Rsqrt: return number(-0.5) * (e * e * e);
  case Tanh: return one - e * e;
  case Erf: return number(2 / std::sqrt(M_PI)) * call(Exp, -(a * a));
  case Sin: return call(Cos, a);
  case Cos: return -call(Sin, a);
  case Logistic: return e * (one - e);
  case LogSigmoid: return call(Logistic, -a);
  case Abs: return call(Sign, a);
  case Maximum:
    return winner(i == 0 ? call(Lt, a, b) : call(Lt, b, a), call(Eq, a, b));
  case Minimum:
    return winner(i == 0 ? call(Gt, a, b) : call(Gt, b, a), call(Eq, a, b));
  case Relu: return select(call(Le, e, number(0)), number(0), one);
  case Select: llvm_unreachable("differentiated as a branch");
  case Stated: llvm_unreachable("differentiated as stated");
  case ToF32:
  case ToF64:
  case ToFloat: return one;
  case FloorDiv:
  case Sign:
  case Floor:
  case Ceil:
  case Round:
  case Trunc:
  case Lt:
  case Le:
  case Gt:
  case Ge:
  case Eq:
  case Ne:
  case And:
  case Or:
  case Not:
  case IsNan:
  case IsInf:
  case ToI64:
  case ToI32:
  case ToI1: return Expr();
  case Input:
  case Parameter:
  case Constant: llvm_unreachable("a leaf has no operands");
  }
  llvm_unreachable("not a primitive");
}

static bool isTrivial(Expr e) { return e.isConstant(0) || e.isConstant(1) || e.isConstant(-1); }

// A select one arm of which, however deep, costs no multiplication.
static bool choosesTrivially(Expr e) {
  return e.is(Select) && (isTrivial(e.operand(1)) || isTrivial(e.operand(2)) ||
                          choosesTrivially(e.operand(1)) || choosesTrivially(e.operand(2)));
}

// factor * d, where a branch of d that is zero stays zero whatever the factor is:
// infinity * 0 would be NaN.
static Expr scale(Expr factor, Expr d) {
  if (d.isConstant(0))
    return d;
  if (choosesTrivially(d))
    return select(d.operand(0), scale(factor, d.operand(1)), scale(factor, d.operand(2)));
  if (d.is(Neg))
    return -scale(factor, d.operand(0));
  return factor * d;
}

static Expr sum(Expr a, Expr b) {
  if (!a || !b)
    return a ? a : b;
  return a + b;
}

// The derivative of e given those of its operands; null for zero.
static Expr chain(Expr e, const llvm::DenseMap<Expr, Expr> &derivatives) {
  if (e.is(Select)) {
    Expr a = derivatives.lookup(e.operand(1)), b = derivatives.lookup(e.operand(2));
    if (!a && !b)
      return Expr();
    return select(e.operand(0), a ? a : number(0), b ? b : number(0));
  }
  Expr total;
  if (e.is(Stated)) {
    for (unsigned i = 1; i < e.operands().size(); i += 2)
      if (Expr inner = derivatives.lookup(e.operand(i)))
        total = sum(total, scale(inner, e.operand(i + 1)));
    return total;
  }
  for (unsigned i = 0; i < e.operands().size(); ++i) {
    Expr inner = derivatives.lookup(e.operand(i));
    Expr outer = inner ? partial(e, i) : Expr();
    if (!outer)
      continue;
    // Both may be selects; the outer one keeps its zeros only as `d` of scale.
    Expr term = choosesTrivially(outer) ? scale(inner, outer) : scale(outer, inner);
    total = sum(total, term);
  }
  return total;
}

static Expr differentiate(Expr root, unsigned input) {
  llvm::DenseMap<Expr, Expr> derivatives;
  for (Expr e : postOrderWithStated(root)) {
    if (e.is(Input) && e.inputIndex() == input)
      derivatives[e] = number(1);
    else if (!e.operands().empty())
      derivatives[e] = chain(e, derivatives);
  }
  Expr d = derivatives.lookup(root);
  return d ? d : number(0);
}

// What the rules left for later: relu(x) <= 0 is how relu's rule reads its own
// result, and x <= 0 says the same where that is not at hand; what is stated of a
// derivative has been used.
static Expr finish(Expr e) {
  return rewrite(e, [](Expr node) {
    if (node.is(Le) && node.operand(0).is(Relu) && node.operand(1).isConstant(0))
      return call(Le, finish(node.operand(0).operand(0)), node.operand(1));
    return node.is(Stated) ? finish(node.operand(0)) : Expr();
  });
}

Expr nnc::derivative(Expr e, unsigned input) {
  return finish(differentiate(e, input));
}

Expr nnc::vjp(Expr e, unsigned input, Expr dy, Expr result) {
  Expr d = differentiate(e, input);
  if (result)
    d = d.replace(e, result);
  return scale(dy, finish(d));
}
