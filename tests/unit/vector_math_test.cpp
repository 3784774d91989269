// Every function of VectorMath, compiled, over all exponents and the values where
// something changes, against long double libm (64 bits of mantissa). The bounds
// are those that VectorMath.h states.
#include "tests/unit/vector_math_kernel.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace nnc;
using cpu::MathFunction;

namespace {

using Real = long double;

struct Case {
  const char *name;
  MathFunction function;
  Real (*reference)(Real x, Real y);
  double ulps32, ulps64; ///< the largest error allowed
  double low, high;      ///< where most of the points lie, beside all exponents
  double limit64 = std::numeric_limits<double>::infinity(); ///< |x| beyond it: NaN
  bool flushes = false; ///< a subnormal result may be 0
};

const Case cases[] = {
    {"exp", MathFunction::Exp, [](Real x, Real) { return expl(x); }, 1.0, 1.0, -110, 95},
    {"expm1", MathFunction::Expm1, [](Real x, Real) { return expm1l(x); }, 1.6, 2.0, -20, 10},
    {"log", MathFunction::Log, [](Real x, Real) { return logl(x); }, 1.0, 1.0, 0, 4},
    {"log1p", MathFunction::Log1p, [](Real x, Real) { return log1pl(x); }, 1.7, 1.5, -1, 4},
    {"tanh", MathFunction::Tanh, [](Real x, Real) { return tanhl(x); }, 1.8, 2.0, -10, 10},
    {"erf", MathFunction::Erf, [](Real x, Real) { return erfl(x); }, 1.6, 1.5, -5, 5},
    {"logistic", MathFunction::Logistic,
     [](Real x, Real) { return x >= 0 ? 1 / (1 + expl(-x)) : expl(x) / (1 + expl(x)); }, 2.3, 2.3,
     -110, 40, std::numeric_limits<double>::infinity(), true},
    {"sin", MathFunction::Sin, [](Real x, Real) { return sinl(x); }, 1.6, 1.0, -100, 100, 0x1p45},
    {"cos", MathFunction::Cos, [](Real x, Real) { return cosl(x); }, 1.6, 1.0, -100, 100, 0x1p45},
    {"pow", MathFunction::Pow, [](Real x, Real y) { return powl(x, y); }, 0.6, 1.2, 0, 40},
    {"gatedTanh", MathFunction::GatedTanh,
     [](Real x, Real y) { return tanhl(y) * (x >= 0 ? 1 / (1 + expl(-x)) : expl(x) / (1 + expl(x))); }, 4.6, 4.0,
     -110, 40, std::numeric_limits<double>::infinity(), true},
    {"sqrt", MathFunction::Sqrt, [](Real x, Real) { return sqrtl(x); }, 0.5, 0.5, 0, 10},
    {"rsqrt", MathFunction::Rsqrt, [](Real x, Real) { return 1 / sqrtl(x); }, 1.5, 1.5, 0, 10},
};

template <typename Number> using Bits = std::conditional_t<sizeof(Number) == 4, uint32_t, uint64_t>;

template <typename Number> Number fromBits(Bits<Number> bits) {
  Number value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <typename Number> bool sameBits(Number a, Number b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

// |got - exact| in units of the last place of Number at exact; infinite where
// exactly one of them is NaN or infinite, or a zero has the wrong sign.
template <typename Number> double ulpError(Number got, Real exact) {
  using Limits = std::numeric_limits<Number>;
  if (std::isnan(exact) || std::isnan(got))
    return std::isnan(exact) && std::isnan(got) ? 0 : INFINITY;
  Number expected = Number(exact);
  if (got == expected && (got == 0 || std::isinf(got)))
    return std::signbit(got) == std::signbit(expected) ? 0 : INFINITY;
  if (std::isinf(exact))
    return INFINITY;
  if (std::isinf(got)) // one past the largest number
    return std::fabs(exact) > Real(Limits::max()) * (1 - Limits::epsilon()) ? 1 : INFINITY;
  int exponent = exact == 0 ? Limits::min_exponent : std::ilogb(exact) + 1;
  Real unit = std::ldexp(Real(1), std::max(exponent, Limits::min_exponent) - Limits::digits);
  return double(std::fabs(Real(got) - exact) / unit);
}

// Bit patterns over all exponents, points in [low, high], and special values.
template <typename Number> std::vector<Number> points(const Case &c) {
  using Limits = std::numeric_limits<Number>;
  std::vector<Number> values = {
      0, -Number(0), 1, -1, 2, -2, Number(0.5), Number(-0.5), 3, -3, 1000, -1000,
      Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(), -Limits::quiet_NaN(),
      Limits::min(), -Limits::min(), Limits::max(), -Limits::max(), Limits::denorm_min(),
      -Limits::denorm_min(), Limits::epsilon(), Number(1) - Limits::epsilon() / 2,
      Number(1) + Limits::epsilon(), fromBits<Number>(Bits<Number>(-1))};
  std::mt19937_64 random(20);
  while (values.size() < 100000)
    values.push_back(fromBits<Number>(Bits<Number>(random())));
  std::uniform_real_distribution<double> inside(c.low, c.high);
  while (values.size() < 200000)
    values.push_back(Number(inside(random)));
  values.resize(values.size() / 240 * 240); // whole vectors of 16, 8, 5, 4 lanes
  return values;
}

// The second operand, of pow above all: small integers and halves, moderate and any numbers.
template <typename Number> std::vector<Number> secondOperands(const std::vector<Number> &bases) {
  std::mt19937_64 random(21);
  std::uniform_real_distribution<double> moderate(-30, 30), nearOne(-1, 1);
  std::vector<Number> values;
  const Number special[] = {0, -Number(0), 1, -1, 2, -3, Number(0.5), Number(-2.5),
                            std::numeric_limits<Number>::infinity(),
                            -std::numeric_limits<Number>::infinity(),
                            std::numeric_limits<Number>::quiet_NaN()};
  for (size_t i = 0; i < bases.size(); ++i)
    switch (i < 26 ? 4 : random() % 5) {
    case 0: values.push_back(Number(moderate(random))); break;
    case 1: values.push_back(Number(int(random() % 21) - 10)); break;
    case 2: { // results over all of the range
      Number range = std::log2(std::fabs(bases[i]));
      values.push_back(Number(nearOne(random)) * std::numeric_limits<Number>::max_exponent / range);
      break;
    }
    case 3: values.push_back(fromBits<Number>(Bits<Number>(random()))); break;
    default: values.push_back(special[random() % std::size(special)]);
    }
  return values;
}

template <typename Number>
std::vector<Number> run(const Case &c, int lanes, const char *cpu, const std::vector<Number> &x,
                        const std::vector<Number> &y) {
  auto target = cpu::Target::forCPU(cpu);
  if (!target) {
    ADD_FAILURE() << llvm::toString(target.takeError());
    return {};
  }
  auto module = test::compileVectorMath(c.function, sizeof(Number) == 4 ? "f32" : "f64", lanes, *target);
  auto *kernel = module ? module->lookup<test::VectorMathKernel<Number>>("f") : nullptr;
  if (!kernel) {
    ADD_FAILURE() << c.name << " did not compile";
    return {};
  }
  std::vector<Number> z(x.size());
  kernel(x.data(), y.data(), z.data(), int64_t(x.size()));
  return z;
}

template <typename Number> void sweep(const Case &c, double bound, double limit) {
  std::vector<Number> x = points<Number>(c), y = x;
  if (test::hasTwoOperands(c.function))
    y = secondOperands(x);
  std::vector<Number> z = run<Number>(c, 64 / sizeof(Number), "native", x, y);
  if (testing::Test::HasFailure())
    return;
  double worst = -1;
  size_t at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    double error = std::fabs(x[i]) > limit ? (std::isnan(z[i]) ? 0 : INFINITY)
                                           : ulpError(z[i], c.reference(x[i], y[i]));
    if (c.flushes && z[i] == 0 && std::fabs(c.reference(x[i], y[i])) < std::numeric_limits<Number>::min())
      error = 0;
    if (error > worst) {
      worst = error;
      at = i;
    }
  }
  testing::Test::RecordProperty("max_ulp", std::to_string(worst));
  EXPECT_LE(worst, bound) << c.name << " of " << sizeof(Number) * 8 << " bits: largest error " << worst
                          << " ulp at x = " << x[at] << ", y = " << y[at] << ": " << z[at]
                          << " instead of " << Number(c.reference(x[at], y[at]));
}

template <typename Number> void sameForEveryShape(const Case &c) {
  std::vector<Number> x = points<Number>(c), y = x;
  if (test::hasTwoOperands(c.function))
    y = secondOperands(x);
  x.resize(24000), y.resize(24000);
  std::vector<Number> expected = run<Number>(c, 16, "native", x, y);
  for (auto [lanes, cpu] : {std::pair{0, "native"}, {5, "native"}, {8, "x86-64-v3"}, {4, "x86-64-v3"}}) {
    std::vector<Number> z = run<Number>(c, lanes, cpu, x, y);
    if (testing::Test::HasFailure())
      return;
    for (size_t i = 0; i < x.size(); ++i)
      ASSERT_TRUE(sameBits(z[i], expected[i]) || (std::isnan(z[i]) && std::isnan(expected[i])))
          << c.name << "(" << x[i] << ", " << y[i] << ") with " << lanes << " lanes on " << cpu << ": " << z[i]
          << ", and " << expected[i] << " with 16 lanes";
  }
}

class VectorMath : public testing::TestWithParam<Case> {};

TEST_P(VectorMath, F32IsWithinItsBound) {
  sweep<float>(GetParam(), GetParam().ulps32, INFINITY);
}
TEST_P(VectorMath, F64IsWithinItsBound) {
  sweep<double>(GetParam(), GetParam().ulps64, GetParam().limit64);
}
TEST_P(VectorMath, F32IsTheSameForEveryShapeAndCpu) { sameForEveryShape<float>(GetParam()); }
TEST_P(VectorMath, F64IsTheSameForEveryShapeAndCpu) { sameForEveryShape<double>(GetParam()); }

INSTANTIATE_TEST_SUITE_P(All, VectorMath, testing::ValuesIn(cases),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
