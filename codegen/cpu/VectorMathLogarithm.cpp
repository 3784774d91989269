// log, log1p and pow: x = 2^k (1 + f), a polynomial in f (f32) or in
// s = f / (2 + f) (f64, as in fdlibm's e_log.c), and k ln 2 added in two parts.
#include "codegen/cpu/VectorMathCoefficients.h"
#include "codegen/cpu/VectorMathEmitter.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace nnc::cpu {

using namespace coefficients;
using Predicate = VectorMathEmitter::Predicate;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();

// The bits of the lower end of 1 + f: 2/3 in f32 (|f| <= 1/3), sqrt(1/2) in f64.
int64_t lowerEnd(const VectorMathEmitter &e) {
  return e.is64() ? 0x3FE6A09E667F3BCD : 0x3F2AAAAB;
}

// k as a number, from `bits` of x: the exponent x has over the range that starts
// at lowerEnd. Through 2^mantissaBits, because AVX2 converts no 64-bit integers.
Value exponentOf(VectorMathEmitter &e, Value bits) {
  int64_t one = int64_t(1) << e.mantissaBits();
  int64_t offset = e.bias() + 1; // keeps the field positive
  Value shifted = e.addBits(bits, e.integer(offset * one - lowerEnd(e)));
  Value field = e.shiftRight(shifted, e.mantissaBits());
  double magic = e.is64() ? 0x1p52 : 0x1p23;
  int64_t magicBits = e.is64() ? 0x4330000000000000 : 0x4B000000;
  return e.sub(e.real(e.orBits(field, e.integer(magicBits))), e.constant(magic + double(offset)));
}

// The same k as bits in the exponent field.
Value exponentField(VectorMathEmitter &e, Value bits) {
  Value field = e.integer(-(int64_t(1) << e.mantissaBits()));
  return e.andBits(e.subBits(bits, e.integer(lowerEnd(e))), field);
}

// k ln 2 + log(1 + f)
Value logOfParts(VectorMathEmitter &e, Value k, Value f) {
  double high = e.is64() ? ln2Parts64[0] : ln2Parts32[0];
  double low = e.is64() ? ln2Parts64[1] : ln2Parts32[1];
  Value square = e.mul(f, f);
  if (!e.is64()) {
    Value rest = e.mul(e.mul(f, square), e.polynomial(logarithm32, f));
    rest = e.fma(k, e.constant(low), rest);
    rest = e.fma(e.constant(-0.5), square, rest);
    return e.fma(k, e.constant(high), e.add(f, rest));
  }
  Value half = e.mul(e.constant(0.5), square);
  Value s = e.div(f, e.add(f, e.constant(2.0)));
  Value z = e.mul(s, s);
  Value series = e.mul(z, e.polynomial(logarithm64, z));
  Value rest = e.fma(s, e.add(half, series), e.mul(k, e.constant(low)));
  return e.sub(e.mul(k, e.constant(high)), e.sub(e.sub(half, rest), f));
}

// A subnormal x times a power of two, and the exponent to add for it.
struct Lifted {
  Value x, exponent;
};
Lifted liftSubnormal(VectorMathEmitter &e, Value x) {
  double smallestNormal = e.is64() ? 0x1p-1022 : 0x1p-126;
  double power = e.is64() ? 54 : 25;
  Value subnormal = e.compare(Predicate::OLT, x, e.constant(smallestNormal));
  Value lifted = e.mul(x, e.constant(std::exp2(power)));
  return {e.select(subnormal, lifted, x),
          e.select(subnormal, e.constant(-power), e.constant(0.0))};
}

// log's values at the ends: `atZero` (where the result is -inf), below it NaN,
// and infinity or NaN of x themselves.
Value withLimits(VectorMathEmitter &e, Value x, double atZero, Value result) {
  result = e.select(e.compare(Predicate::OLT, x, e.constant(infinity)), result, x);
  result = e.select(e.compare(Predicate::OEQ, x, e.constant(atZero)), e.constant(-infinity), result);
  return e.select(e.compare(Predicate::OGE, x, e.constant(atZero)), result, e.constant(notANumber));
}

} // namespace

Value emitLog(VectorMathEmitter &e, Value x) {
  Lifted lifted = liftSubnormal(e, x);
  Value bits = e.bits(lifted.x);
  Value k = e.add(exponentOf(e, bits), lifted.exponent);
  Value mantissa = e.real(e.subBits(bits, exponentField(e, bits)));
  return withLimits(e, x, 0.0, logOfParts(e, k, e.sub(mantissa, e.constant(1.0))));
}

// k is taken from 1 + x as rounded, but f from x itself: 1 + f = 2^-k (1 + x), so
// f = 2^-k x + (2^-k - 1), with one rounding, and none for k = 0 (after N. Juffa).
Value emitLog1p(VectorMathEmitter &e, Value x) {
  Value sum = e.bits(e.add(x, e.constant(1.0)));
  Value k = exponentOf(e, sum);
  Value field = exponentField(e, sum);
  Value scaled = e.real(e.subBits(e.bits(x), field)); // 2^-k x
  // 2^-k may be subnormal, 4 * 2^-k is not.
  int64_t four = (e.bias() + 2) << e.mantissaBits();
  Value fourfold = e.real(e.subBits(e.integer(four), field));
  Value f = e.add(scaled, e.fma(fourfold, e.constant(0.25), e.constant(-1.0)));
  Value result = withLimits(e, x, -1.0, logOfParts(e, k, f));
  return e.select(e.compare(Predicate::OEQ, x, e.constant(0.0)), x, result); // keeps -0
}

namespace {

// Everything about pow but the magnitude: C99 annex F.9.4.4.
Value withPowSpecials(VectorMathEmitter &e, Value x, Value y, Value magnitude) {
  Value zero = e.constant(0.0), one = e.constant(1.0), nan = e.constant(notANumber);
  Value absolute = e.absolute(x);
  Value half = e.mul(y, e.constant(0.5));
  Value isInteger = e.compare(Predicate::OEQ, e.floor(y), y);
  Value isOdd = e.both(isInteger, e.compare(Predicate::UNE, e.floor(half), half));

  Value result = e.select(e.compare(Predicate::OEQ, absolute, one), one, magnitude);
  Value isNegative = e.bitsNegative(e.bits(x)); // -0 too
  result = e.select(e.both(isNegative, isOdd), e.negate(result), result);
  Value finiteNegative = e.both(e.compare(Predicate::OLT, x, zero),
                                e.compare(Predicate::OLT, absolute, e.constant(infinity)));
  Value notInteger = e.compare(Predicate::ONE, e.floor(y), y);
  result = e.select(e.both(finiteNegative, notInteger), nan, result);
  result = e.select(e.compare(Predicate::UNO, x, y), nan, result);
  Value isOne = e.either(e.compare(Predicate::OEQ, y, zero), e.compare(Predicate::OEQ, x, one));
  return e.select(isOne, one, result);
}

// log of the ends, as seen by y log|x|: -inf at 0, inf at inf.
Value logAtEnds(VectorMathEmitter &e, Value absolute, Value logarithm) {
  logarithm = e.select(e.compare(Predicate::OEQ, absolute, e.constant(0.0)),
                       e.constant(-infinity), logarithm);
  return e.select(e.compare(Predicate::OEQ, absolute, e.constant(infinity)), e.constant(infinity),
                  logarithm);
}

// f32: 2^(y log2 |x|) in f64, whose 53 bits spare the pair arithmetic that f32
// would need; the conversion back rounds, overflows and makes subnormals.
Value powMagnitude32(VectorMathEmitter &narrow, Value x, Value y) {
  VectorMathEmitter e = narrow.wide();
  Value absolute = e.absolute(e.extend(x));
  Value bits = e.bits(absolute);
  Value k = exponentOf(e, bits);
  Value m = e.real(e.subBits(bits, exponentField(e, bits)));
  Value s = e.div(e.sub(m, e.constant(1.0)), e.add(m, e.constant(1.0)));
  Value z = e.mul(s, s);
  Value log = e.mul(s, e.fma(z, e.polynomial(logarithmForPow32, z), e.constant(2.0)));
  constexpr double log2e = 0x1.71547652b82fep+0;
  Value log2 = logAtEnds(e, absolute, e.fma(log, e.constant(log2e), k));

  Value product = e.mul(e.extend(y), log2);
  product = e.atLeast(e.atMost(product, 200.0), -200.0);
  auto n = e.roundScaled(product, 1.0, e.bias());
  Value f = e.sub(product, n.value);
  Value p = e.fma(e.polynomial(exponentialBase2_64, f), f, e.constant(1.0));
  return narrow.truncate(e.mul(p, e.powerOfTwo(n.bits)));
}

// a + b exactly, as high + low (Knuth's TwoSum).
struct Pair {
  Value high, low;
};
Pair twoSum(VectorMathEmitter &e, Value a, Value b) {
  Value sum = e.add(a, b);
  Value bPart = e.sub(sum, a);
  Value aPart = e.sub(sum, bPart);
  return {sum, e.add(e.sub(a, aPart), e.sub(b, bPart))};
}

// f64: log|x| as a pair of doubles (about 65 bits), times y, exp of the pair.
Value powMagnitude64(VectorMathEmitter &e, Value x, Value y) {
  Value absolute = e.absolute(x);
  Lifted lifted = liftSubnormal(e, absolute);
  Value bits = e.bits(lifted.x);
  Value k = e.add(exponentOf(e, bits), lifted.exponent);
  Value m = e.real(e.subBits(bits, exponentField(e, bits)));

  // s = (m - 1) / (m + 1)
  Value numerator = e.sub(m, e.constant(1.0));
  Value denominator = e.add(m, e.constant(1.0));
  Value denominatorLow = e.sub(m, e.sub(denominator, e.constant(1.0)));
  Value s = e.div(numerator, denominator);
  Value remainder = e.fma(e.negate(s), denominator, numerator);
  Value sLow = e.div(e.fma(e.negate(s), denominatorLow, remainder), denominator);
  // s^2 and s^3
  Value z = e.mul(s, s);
  Value zLow = e.fma(e.add(s, s), sLow, e.fma(s, s, e.negate(z)));
  Value cube = e.mul(s, z);
  Value cubeLow = e.fma(s, z, e.negate(cube));
  cubeLow = e.fma(s, zLow, e.fma(sLow, z, cubeLow));
  // 2/3 s^3
  Value twoThirds = e.constant(twoThirdsParts[0]);
  Value third = e.mul(twoThirds, cube);
  Value thirdLow = e.fma(twoThirds, cube, e.negate(third));
  thirdLow = e.fma(twoThirds, cubeLow, e.fma(e.constant(twoThirdsParts[1]), cube, thirdLow));
  // k ln 2 + 2 s + 2/3 s^3 + s^5 q(s^2)
  Value tail = e.mul(e.mul(cube, z), e.polynomial(logarithmForPow64, z));
  tail = e.add(tail, e.fma(e.constant(2.0), sLow, thirdLow));
  tail = e.fma(k, e.constant(ln2Parts64[1]), tail);
  Pair first = twoSum(e, e.mul(k, e.constant(ln2Parts64[0])), e.add(s, s));
  Pair second = twoSum(e, first.high, third);
  tail = e.add(tail, e.add(first.low, second.low));
  Value log = e.add(second.high, tail);
  Value logLow = e.sub(tail, e.sub(log, second.high));
  log = logAtEnds(e, absolute, log);

  Value product = e.mul(y, log);
  Value productLow = e.fma(y, logLow, e.fma(y, log, e.negate(product)));
  Value inRange = e.compare(Predicate::OLT, e.absolute(product), e.constant(746.0));
  productLow = e.select(inRange, productLow, e.constant(0.0));
  product = e.atLeast(e.atMost(product, 710.0), -746.0);

  constexpr double log2e = 0x1.71547652b82fep+0;
  auto n = e.roundScaled(product, log2e, 2 * e.bias());
  Value r = e.fma(n.value, e.constant(-ln2Parts64[0]), product);
  r = e.add(r, e.fma(n.value, e.constant(-ln2Parts64[1]), productLow));
  Value one = e.constant(1.0);
  Value p = e.fma(e.fma(e.polynomial(exponential64, r), r, one), r, one);
  Value h = e.shiftRight(n.bits, 1);
  Value g = e.subBits(n.bits, h);
  return e.mul(e.mul(p, e.powerOfTwo(h)), e.powerOfTwo(g));
}

} // namespace

Value emitPow(VectorMathEmitter &e, Value base, Value exponent) {
  Value magnitude = e.is64() ? powMagnitude64(e, base, exponent) : powMagnitude32(e, base, exponent);
  return withPowSpecials(e, base, exponent, magnitude);
}

} // namespace nnc::cpu
