// Expr as text, as a value and as its own derivative.
#include "dialects/nn/Expr/Functions.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>
#include <random>

using namespace nnc;
using llvm::SmallVector;
using llvm::StringRef;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

Expr parse(StringRef text, llvm::ArrayRef<StringRef> inputs = {"x", "y", "dy"}) {
  llvm::Expected<Expr> e = parseExpr(text, inputs, {"alpha"});
  if (!e) {
    ADD_FAILURE() << llvm::toString(e.takeError());
    return Expr::constant(0);
  }
  return *e;
}

std::string reprint(StringRef text) { return parse(text).str({"x", "y", "dy"}); }

std::string parseError(StringRef text) {
  llvm::Expected<Expr> e = parseExpr(text, {"x"});
  return e ? "parsed" : llvm::toString(e.takeError());
}

// The row with a value for every parameter, those without default included.
Expr instantiated(const ElementwiseFunction &function) {
  std::map<std::string, double> values;
  for (const ElementwiseParameter &parameter : function.parameterList())
    if (!parameter.defaultValue)
      values[parameter.name.str()] = parameter.name == "max" ? 0.75 : 0.25;
  llvm::Expected<Expr> e = instantiate(function, values);
  if (!e) {
    ADD_FAILURE() << llvm::toString(e.takeError());
    return Expr::constant(0);
  }
  return *e;
}

TEST(ExprText, PrecedenceIsTheUsualOne) {
  EXPECT_EQ(reprint("x + y * x"), "x + y * x");
  EXPECT_EQ(reprint("(x + y) * x"), "(x + y) * x");
  EXPECT_EQ(reprint("x - (y - dy)"), "x - (y - dy)");
  EXPECT_EQ(reprint("x - y - dy"), "x - y - dy");
  EXPECT_EQ(reprint("x / (y * dy)"), "x / (y * dy)");
  EXPECT_EQ(reprint("-x * y"), "-(x * y)");
  EXPECT_EQ(reprint("select(x + y < dy, x, y)"), "select(x + y < dy, x, y)");
}

TEST(ExprText, SharedNodesPrintOnce) {
  EXPECT_EQ(reprint("e = exp(x); e / (1 + e)"), "t0 = exp(x); t0 / (t0 + 1)");
  Expr doubled = Expr::input(0);
  for (int i = 0; i < 60; ++i)
    doubled = Expr::make(Primitive::Maximum, {doubled * doubled, doubled});
  EXPECT_EQ(doubled, parse(doubled.str({"x"})));
}

TEST(ExprText, BindingsAvoidTheInputsNames) {
  Expr e = parse("s = exp(t0); s / (1 + s)", {"t0"});
  EXPECT_EQ(e.str({"t0"}), "t1 = exp(t0); t1 / (t1 + 1)");
}

TEST(ExprText, NumbersPrintShortestAndExactly) {
  EXPECT_EQ(reprint("x + 0.1"), "x + 0.1");
  EXPECT_EQ(reprint("x + 1e-320"), "x + 1e-320");
  EXPECT_EQ(reprint("maximum(x, -inf)"), "maximum(x, -inf)");
  EXPECT_EQ(reprint("maximum(x, nan)"), "maximum(x, nan)");
  EXPECT_EQ(parse("-0.0"), Expr::constant(-0.0));
  EXPECT_NE(parse("-0.0"), Expr::constant(0.0));
}

TEST(ExprText, ErrorsNameWhatAndWhere) {
  EXPECT_EQ(parseError("x + z"),
            "unknown name 'z'; known are: x at column 6 of expression \"x + z\"");
  EXPECT_EQ(parseError("frob(x)"), "unknown function 'frob' at column 6 of expression \"frob(x)\"");
  EXPECT_EQ(parseError("exp(x, x)"),
            "'exp' takes 1 operands, not 2 at column 10 of expression \"exp(x, x)\"");
  EXPECT_EQ(parseError("x +"), "the expression ends where an operand is expected at column 4 of "
                               "expression \"x +\"");
  EXPECT_EQ(parseError("x x"), "unexpected 'x' at column 3 of expression \"x x\"");
  EXPECT_EQ(parseError("t = x; t = x; t"),
            "'t' is bound twice at column 14 of expression \"t = x; t = x; t\"");
  EXPECT_EQ(parseError("(x"), "expected ')' at column 3 of expression \"(x\"");
}

TEST(ExprSimplify, KeepsNanAndInfinity) {
  EXPECT_EQ(reprint("x * 0"), "0 * x");
  EXPECT_EQ(reprint("x - x"), "x - x");
  EXPECT_EQ(reprint("x / x"), "x / x");
  EXPECT_EQ(reprint("x * 1 + 0"), "x");
  EXPECT_EQ(reprint("pow(x, 2)"), "x * x");
  EXPECT_EQ(reprint("x / 4"), "0.25 * x");
  EXPECT_EQ(reprint("x / 3"), "x / 3");
  EXPECT_EQ(reprint("select(x < y, x, x)"), "x");
  EXPECT_EQ(reprint("select(not(x < y), x, y)"), "select(x < y, y, x)");
}

TEST(Expr, SubstitutesInputsAndParameters) {
  Expr e = parse("x * exp(y) + alpha");
  EXPECT_EQ(e.usedParameters(), SmallVector<std::string>{"alpha"});
  Expr bound = e.bindParameters({{"alpha", 0.0}});
  EXPECT_EQ(bound.str({"x", "y"}), "x * exp(y)");
  EXPECT_EQ(bound.substitute({Expr::constant(2)}).str({"x", "y"}), "2 * exp(y)");
  EXPECT_EQ(bound.mapInputs([](unsigned i) { return 1 - i; }).str({"x", "y"}), "y * exp(x)");
  EXPECT_EQ(bound.substitute({Expr(), Expr::input(0)}).usedInputs(), SmallVector<unsigned>{0});
}

TEST(ExprDerivative, ReadsItsOwnResultWhereItCan) {
  auto gradient = [](StringRef text) {
    return vjp(parse(text), 0, Expr::input(2), Expr::input(1)).str({"x", "y", "dy"});
  };
  EXPECT_EQ(gradient("relu(x)"), "select(y <= 0, 0, dy)");
  EXPECT_EQ(gradient("tanh(x)"), "dy * (1 - y * y)");
  EXPECT_EQ(gradient("logistic(x)"), "dy * (y * (1 - y))");
  EXPECT_EQ(gradient("exp(x)"), "dy * y");
  EXPECT_EQ(gradient("1 / x"), "-(dy * (y * y))");
}

TEST(ExprDerivative, BranchWithoutGradientStopsInfinity) {
  Expr dy = Expr::input(2);
  // d relu(x) at x < 0, whatever arrives from above.
  EXPECT_EQ(vjp(parse("relu(x)"), 0, dy).evaluate({-1, 0, infinity}), 0);
  // sqrt'(0) is infinite, but relu stops it.
  EXPECT_EQ(derivative(parse("sqrt(relu(x))"), 0).evaluate({-1}), 0);
  // exp'(1000) is infinite in the branch not taken.
  EXPECT_EQ(derivative(parse("select(x > 0, x, exp(x))"), 0).evaluate({1000}), 1);
}

class EveryFunction : public testing::TestWithParam<ElementwiseFunction> {};

INSTANTIATE_TEST_SUITE_P(Table, EveryFunction, testing::ValuesIn(elementwiseFunctions().vec()),
                         [](const auto &info) { return info.param.name.str(); });

TEST_P(EveryFunction, PrintsAndReadsBack) {
  const ElementwiseFunction &function = GetParam();
  EXPECT_FALSE(function.summary.empty());
  SmallVector<StringRef> names = function.operandNames();
  Expr e = instantiated(function);
  llvm::Expected<Expr> again = parseExpr(e.str(names), names);
  ASSERT_TRUE(bool(again)) << llvm::toString(again.takeError());
  EXPECT_EQ(*again, e) << e.str(names) << " against " << again->str(names);
  names.push_back("dy");
  for (unsigned i = 0; i < function.operandCount(); ++i) {
    Expr gradient = vjp(e, i, Expr::input(function.operandCount()));
    llvm::Expected<Expr> gradientAgain = parseExpr(gradient.str(names), names);
    ASSERT_TRUE(bool(gradientAgain)) << llvm::toString(gradientAgain.takeError());
    EXPECT_EQ(*gradientAgain, gradient) << gradient.str(names);
    EXPECT_LE(gradient.nodeCount(), 4 * e.nodeCount() + 8) << gradient.str(names);
  }
}

// Central differences see no kink (that is the golden table's part), so a point
// where both one-sided slopes disagree is passed over.
TEST_P(EveryFunction, DerivativeMatchesCentralDifferences) {
  const ElementwiseFunction &function = GetParam();
  if (function.group == FunctionGroup::Conversion)
    GTEST_SKIP() << "a conversion rounds: its gradient is that of the real function";
  Expr e = instantiated(function);
  unsigned count = function.operandCount();
  std::mt19937 random(7);
  // Logarithms of inputs and probabilities want (0, 1); the rest takes all signs.
  for (auto [low, high] : {std::pair(0.05, 0.95), std::pair(-3.7, 3.7)}) {
    // A loss that states its gradient does so for what it clamps, outside its domain.
    if (low < 0 && function.group == FunctionGroup::Loss &&
        function.expression.contains("stated("))
      continue;
    std::uniform_real_distribution<double> uniform(low, high);
    unsigned compared = 0;
    for (int repeat = 0; repeat < 200; ++repeat) {
      SmallVector<double> x(count);
      for (double &value : x)
        value = uniform(random);
      for (unsigned i = 0; i < count; ++i) {
        auto at = [&](double shift) {
          SmallVector<double> moved = x;
          moved[i] += shift;
          return e.evaluate(moved);
        };
        const double h = 1e-5;
        double forward = (at(h) - at(0)) / h, backward = (at(0) - at(-h)) / h;
        double central = (at(h) - at(-h)) / (2 * h);
        if (!std::isfinite(central) ||
            std::fabs(forward - backward) > 1e-3 * (1 + std::fabs(central)))
          continue;
        double derived = derivative(e, i).evaluate(x);
        ++compared;
        EXPECT_NEAR(derived, central, 1e-6 * (1 + std::fabs(central)))
            << "by operand " << i << " at " << x[i];
      }
    }
    EXPECT_GT(compared, low > 0 ? 100u * count : 0u);
  }
}

TEST(Functions, AreFoundByName) {
  ASSERT_NE(lookupElementwise("gelu"), nullptr);
  EXPECT_EQ(lookupElementwise("gelu")->name, "gelu");
  EXPECT_EQ(lookupElementwise("frob"), nullptr);
}

TEST(Functions, ParametersAreChecked) {
  auto error = [](StringRef name, const std::map<std::string, double> &parameters) {
    llvm::Expected<Expr> e = instantiate(*lookupElementwise(name), parameters);
    return e ? std::string("accepted") : llvm::toString(e.takeError());
  };
  EXPECT_EQ(error("threshold", {{"value", 0}}),
            "threshold: parameter 'threshold' is not given; it takes threshold, value");
  EXPECT_EQ(error("elu", {{"beta", 0}}), "elu: there is no parameter 'beta'; it takes alpha=1");
  EXPECT_EQ(error("relu", {{"beta", 0}}), "relu: there is no parameter 'beta'; it takes no parameters");
  EXPECT_EQ(error("elu", {{"alpha", 2}}), "accepted");
}

} // namespace
