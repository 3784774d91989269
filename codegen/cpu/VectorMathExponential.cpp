// exp and what is made of it: x = n ln 2 + r with |r| <= ln(2)/2, a polynomial in
// r, and 2^n put together in the exponent field (Cody & Waite, Software Manual
// for the Elementary Functions, 1980, chapter 6).
#include "codegen/cpu/VectorMathCoefficients.h"
#include "codegen/cpu/VectorMathEmitter.h"

using namespace mlir;

namespace nnc::cpu {

using namespace coefficients;

namespace {

constexpr double log2e = 0x1.71547652b82fep+0;

struct Reduced {
  Value r;    ///< the rest, |r| <= ln(2)/2
  Value bits; ///< n + offset in the low bits
};

// x - n ln 2
Value rest(VectorMathEmitter &e, Value x, Value n) {
  double high = e.is64() ? ln2Parts64[0] : ln2Parts32[0];
  double low = e.is64() ? ln2Parts64[1] : ln2Parts32[1];
  return e.fma(n, e.constant(-low), e.fma(n, e.constant(-high), x));
}

Reduced reduce(VectorMathEmitter &e, Value x, int64_t offset) {
  auto n = e.roundScaled(x, log2e, offset);
  return {rest(e, x, n.value), n.bits};
}

// exp(r) = 1 + r (1 + r q(r))
Value expOfRest(VectorMathEmitter &e, Value r) {
  Value one = e.constant(1.0);
  Value q = e.polynomial(exponential32, exponential64, r);
  return e.fma(e.fma(q, r, one), r, one);
}

// expm1(r) = r + r^2 q(r)
Value expm1OfRest(VectorMathEmitter &e, Value r) {
  Value q = e.polynomial(exponentialMinusOne32, exponentialMinusOne64, r);
  return e.fma(e.mul(r, r), q, r);
}

// exp of x within the range where neither 2^(n/2) can overflow. The result is
// p 2^h 2^g with h + g = n, so that it may be infinite or subnormal, rounded once.
Value expOfClamped(VectorMathEmitter &e, Value x) {
  Reduced reduced = reduce(e, x, 2 * e.bias());
  Value h = e.shiftRight(reduced.bits, 1);
  Value g = e.subBits(reduced.bits, h);
  Value p = expOfRest(e, reduced.r);
  return e.mul(e.mul(p, e.powerOfTwo(h)), e.powerOfTwo(g));
}

} // namespace

Value emitExp(VectorMathEmitter &e, Value x) {
  x = e.atMost(x, e.is64() ? 710.0 : 89.0);
  return expOfClamped(e, e.atLeast(x, e.is64() ? -746.0 : -104.0));
}

// expm1(x) = 2 (2^(n-1) expm1(r) + (2^(n-1) - 1/2)): n - 1, because 2^n overflows
// where the result does not yet.
Value emitExpm1(VectorMathEmitter &e, Value x) {
  Value clamped = e.atMost(x, e.is64() ? 710.0 : 89.0);
  clamped = e.atLeast(clamped, e.is64() ? -40.0 : -18.0);
  Reduced reduced = reduce(e, clamped, e.bias() - 1);
  Value scale = e.powerOfTwo(reduced.bits);
  Value half = e.fma(scale, expm1OfRest(e, reduced.r), e.sub(scale, e.constant(0.5)));
  return e.copySign(e.add(half, half), x); // keeps -0
}

// tanh |x| = h / (1 + h), h = expm1(2 |x|) / 2 = 2^(n-1) expm1(r) + (2^(n-1) - 1/2).
// Here n is rounded down, so that r >= 0 and both terms of h are positive. Where h
// is small, h - h (h / (1 + h)) makes the rounding of 1 + h harmless.
Value emitTanh(VectorMathEmitter &e, Value x) {
  Value twice = e.absolute(e.add(x, x));
  twice = e.atMost(twice, e.is64() ? 39.0 : 19.0);
  constexpr double halfLn2 = 0x1.62e42fefa39efp-2;
  auto n = e.roundScaled(e.sub(twice, e.constant(halfLn2)), log2e, e.bias() - 1);
  Value r = rest(e, twice, n.value);
  Value q = e.polynomial(exponentialMinusOneUpward32, exponentialMinusOneUpward64, r);
  Value half = e.constant(0.5);
  Value scale = e.powerOfTwo(n.bits);
  Value h = e.fma(scale, e.fma(e.mul(r, r), q, r), e.sub(scale, half));
  Value quotient = e.div(h, e.add(h, e.constant(1.0)));
  Value isSmall = e.compare(VectorMathEmitter::Predicate::OLT, h, half);
  Value small = e.fma(e.negate(h), quotient, h);
  return e.copySign(e.select(isSmall, small, quotient), x);
}

namespace {

// exp(-x). The argument of exp is kept where one power of two is enough: below, it
// no longer counts beside 1; above, the result is subnormal in exact arithmetic, and 0 here.
Value expOfNegated(VectorMathEmitter &e, Value x) {
  Value argument = e.atMost(e.atLeast(e.negate(x), e.is64() ? -700.0 : -87.0), e.is64() ? 710.0 : 89.0);
  Reduced reduced = reduce(e, argument, e.bias());
  return e.mul(expOfRest(e, reduced.r), e.powerOfTwo(reduced.bits));
}

} // namespace

// 1 / (1 + exp(-x))
Value emitLogistic(VectorMathEmitter &e, Value x) {
  Value one = e.constant(1.0);
  return e.div(one, e.add(one, expOfNegated(e, x)));
}

// tanh |x| = m / (2 - m), m = 1 - exp(-2 |x|), and both divisions are one. 2 - m is at most 2,
// so that the product of the divisors overflows no earlier than that of logistic.
Value emitGatedTanh(VectorMathEmitter &e, Value gate, Value x) {
  Value twice = e.atMost(e.absolute(e.add(x, x)), e.is64() ? 39.0 : 19.0);
  Reduced reduced = reduce(e, e.negate(twice), e.bias());
  Value scale = e.powerOfTwo(reduced.bits), one = e.constant(1.0);
  Value m = e.fma(e.negate(scale), expm1OfRest(e, reduced.r), e.sub(one, scale));
  Value divisor = e.mul(e.sub(e.constant(2.0), m), e.add(one, expOfNegated(e, gate)));
  return e.copySign(e.div(m, divisor), x);
}

// Near 0: x + x q(x^2). Elsewhere 1 - erfc(|x|), where erfc is 2^q(|x|) in f32 and
// exp(-x^2) q((|x|-2)/(|x|+2)) in f64; erfc is small there, so its error hardly counts.
Value emitErf(VectorMathEmitter &e, Value x) {
  Value magnitude = e.absolute(x);
  Value square = e.mul(x, x);
  Value small = e.fma(x, e.polynomial(errorFunctionSmall32, errorFunctionSmall64, square), x);
  Value one = e.constant(1.0);
  Value large;
  if (e.is64()) {
    Value t = e.atMost(magnitude, 6.0);
    Value z = e.div(e.sub(t, e.constant(2.0)), e.add(t, e.constant(2.0)));
    Reduced reduced = reduce(e, e.mul(t, e.negate(t)), e.bias());
    Value erfcx = e.polynomial(errorFunctionLarge64, z);
    Value scaled = e.mul(expOfRest(e, reduced.r), e.powerOfTwo(reduced.bits));
    large = e.fma(e.negate(scaled), erfcx, one);
  } else {
    Value exponent = e.polynomial(errorFunctionLarge32, e.atMost(magnitude, 3.93));
    auto n = e.roundScaled(exponent, 1.0, e.bias());
    Value f = e.sub(exponent, n.value);
    Value p = e.fma(e.polynomial(exponentialBase2_32, f), f, one);
    large = e.fma(e.negate(p), e.powerOfTwo(n.bits), one);
  }
  Value isLarge = e.compare(VectorMathEmitter::Predicate::OGT, magnitude,
                            e.constant(e.is64() ? 1.0 : 0.9277));
  // copySign on both: x + x q(0) loses the sign of a zero that underflowed.
  return e.copySign(e.select(isLarge, large, small), x);
}

} // namespace nnc::cpu
