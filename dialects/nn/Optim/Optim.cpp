#include "dialects/nn/Builder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

#define GET_OP_CLASSES
#include "dialects/nn/Optim/Optim.cpp.inc"

using namespace mlir;

namespace nnc::nn {

void NNDialect::registerOptimOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/Optim/Optim.cpp.inc"
      >();
}

// Each update is a table of expressions over named inputs; `maps` makes one nn.map.
namespace {
struct Update {
  Builder &b;
  SmallVector<Value> inputs;
  SmallVector<std::string> names;
  SmallVector<Expr> results;
  SmallVector<Type> types;

  void input(StringRef name, Value value) {
    inputs.push_back(value);
    names.push_back(name.str());
  }
  /// An expression over the inputs' names; `locals` are bindings "a = ...; b = ...;".
  void result(const std::string &text, Type type) {
    SmallVector<StringRef> refs(names.begin(), names.end());
    results.push_back(llvm::cantFail(parseExpr(text, refs)));
    types.push_back(type);
  }
  SmallVector<Value> build(StringRef fn) { return b.maps(results, inputs, types, fn); }
};

std::string number(const llvm::APFloat &value) { return Expr::constant(value.convertToDouble()).str(); }
} // namespace

// https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
SmallVector<Value> SgdOp::decompose(Builder &b) {
  Type type = elementTypeOf(getParameter());
  Update u{b, {}, {}, {}, {}};
  u.input("p", getParameter());
  u.input("grad", getGradient());
  u.input("lr", getLr());
  std::string lines = getMaximize() ? "g0 = -grad; " : "g0 = grad; ";
  lines += getWeightDecay().isZero() ? "g = g0; " : "g = g0 + " + number(getWeightDecay()) + " * p; ";
  if (!getMomentumBuffer()) {
    u.result(lines + "p - lr * g", type);
    return u.build("sgd");
  }
  u.input("buf", getMomentumBuffer());
  u.input("step", getStep());
  // The first step starts the buffer with the gradient itself, undamped.
  lines += "m = select(step <= 1.0, g, " + number(getMomentum()) + " * buf + (1.0 - " + number(getDampening()) + ") * g); ";
  u.result(lines + (getNesterov() ? "p - lr * (g + " + number(getMomentum()) + " * m)" : "p - lr * m"), type);
  u.result(lines + "m", type);
  return u.build("sgd");
}

// https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html and AdamW.html
SmallVector<Value> AdamOp::decompose(Builder &b) {
  Type type = elementTypeOf(getParameter());
  // Bias corrections depend on the step alone: scalars, computed once.
  auto correction = [&](const llvm::APFloat &beta) {
    return b.map(Expr::constant(1.0) - Expr::make(Primitive::Pow, {Expr::constant(beta.convertToDouble()), Expr::input(0)}),
                 getStep(), elementTypeOf(getStep()));
  };
  Update u{b, {}, {}, {}, {}};
  u.input("p", getParameter());
  u.input("grad", getGradient());
  u.input("m", getExpAvg());
  u.input("v", getExpAvgSq());
  u.input("stepSize", b.div(getLr(), correction(getBeta1())));
  u.input("rootCorrection", b.apply("sqrt", correction(getBeta2())));
  u.input("lr", getLr());
  bool decay = !getWeightDecay().isZero();
  std::string lines = getMaximize() ? "g0 = -grad; " : "g0 = grad; ";
  lines += decay && !getDecoupled() ? "g = g0 + " + number(getWeightDecay()) + " * p; " : "g = g0; ";
  lines += decay && getDecoupled() ? "q = p * (1.0 - lr * " + number(getWeightDecay()) + "); " : "q = p; ";
  lines += "m1 = m + (1.0 - " + number(getBeta1()) + ") * (g - m); ";
  lines += "v1 = " + number(getBeta2()) + " * v + (1.0 - " + number(getBeta2()) + ") * g * g; ";
  if (getMaxExpAvgSq()) {
    u.input("vMax", getMaxExpAvgSq());
    lines += "vHat = maximum(vMax, v1); ";
  } else {
    lines += "vHat = v1; ";
  }
  lines += "p1 = q - stepSize * m1 / (sqrt(vHat) / rootCorrection + " + number(getEps()) + "); ";
  u.result(lines + "p1", type);
  u.result(lines + "m1", type);
  u.result(lines + "v1", type);
  if (getMaxExpAvgSq())
    u.result(lines + "vHat", type);
  return u.build(getDecoupled() ? "adamw" : "adam");
}

} // namespace nnc::nn
