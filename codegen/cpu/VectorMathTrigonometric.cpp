// sin and cos: x is reduced to r in [-pi/4, pi/4] and a quadrant, whose lowest bit
// chooses between the polynomials of sin and cos and whose next bit is the sign.
#include "codegen/cpu/VectorMathCoefficients.h"
#include "codegen/cpu/VectorMathEmitter.h"

using namespace mlir;

namespace nnc::cpu {

using namespace coefficients;
using Predicate = VectorMathEmitter::Predicate;

namespace {

constexpr double twoOverPi = 0x1.45f306dc9c883p-1;

struct Angle {
  Value r, rLow;  ///< x - quadrant pi/2, the second part null in f32
  Value quadrant; ///< modulo 4 in the low bits
};

// f32, any size. x = y 2^s with s = 0, 27, 54 or 81, so that |y| < 2^50 and, where
// s > 0, y is an integer; then the quadrants in 2^s count modulo 4 only, and are
// three constants of 29, 29 and 53 bits. y has 24 bits: its products with the
// first two are exact in f64, and so are their fractions.
Angle reduce32(VectorMathEmitter &narrow, Value x) {
  VectorMathEmitter e = narrow.wide();
  Value wide = e.extend(x);
  Value magnitude = e.absolute(wide);
  Value beyond[] = {e.compare(Predicate::OGE, magnitude, e.constant(0x1p50)),
                    e.compare(Predicate::OGE, magnitude, e.constant(0x1p77)),
                    e.compare(Predicate::OGE, magnitude, e.constant(0x1p104))};
  auto choose = [&](double at0, double at27, double at54, double at81) {
    Value chosen = e.select(beyond[0], e.constant(at27), e.constant(at0));
    chosen = e.select(beyond[1], e.constant(at54), chosen);
    return e.select(beyond[2], e.constant(at81), chosen);
  };
  Value y = e.mul(wide, choose(1.0, 0x1p-27, 0x1p-54, 0x1p-81));
  Value fraction, quadrant;
  for (int part = 0; part < 3; ++part) {
    Value product = e.mul(y, choose(quadrants0[part], quadrants27[part], quadrants54[part],
                                    quadrants81[part]));
    auto n = e.roundScaled(product, 1.0, 0);
    Value rest = e.sub(product, n.value);
    fraction = part == 0 ? rest : e.add(fraction, rest);
    quadrant = part == 0 ? n.bits : e.addBits(quadrant, n.bits);
  }
  auto n = e.roundScaled(fraction, 1.0, 0);
  fraction = e.sub(fraction, n.value);
  quadrant = e.addBits(quadrant, n.bits);
  return {narrow.truncate(e.mul(fraction, e.constant(halfPiParts[0]))), Value(),
          narrow.truncateBits(quadrant)};
}

// f64, |x| <= 2^45: x - n pi/2 with pi/2 in three parts of 53 bits. The first
// difference is exact; what the second rounds away goes to rLow.
Angle reduce64(VectorMathEmitter &e, Value x) {
  Value inRange = e.compare(Predicate::OLE, e.absolute(x), e.constant(0x1p45));
  x = e.select(inRange, x, e.constant(__builtin_nan("")));
  auto n = e.roundScaled(x, twoOverPi, 0);
  Value first = e.fma(n.value, e.constant(-halfPiParts[0]), x);
  Value second = e.mul(n.value, e.constant(halfPiParts[1]));
  Value secondLow = e.fma(n.value, e.constant(halfPiParts[1]), e.negate(second));
  Value r = e.sub(first, second);
  Value back = e.sub(first, r);
  Value rLow = e.sub(e.sub(back, second), secondLow);
  rLow = e.fma(n.value, e.constant(-halfPiParts[2]), rLow);
  return {r, rLow, n.bits};
}

// sin((quadrant + shift) pi/2 + r)
Value sineOf(VectorMathEmitter &e, Angle angle, int shift) {
  Value r = angle.r;
  Value z = e.mul(r, r);
  Value one = e.constant(1.0), minusHalf = e.constant(-0.5);
  Value sine = e.mul(e.mul(r, z), e.polynomial(sine32, sine64, z));
  // 1 - z/2 rounds; what it loses is added back with the smaller terms.
  Value lead = e.fma(minusHalf, z, one);
  Value lost = e.fma(minusHalf, z, e.sub(one, lead));
  Value cosine = e.fma(e.mul(z, z), e.polynomial(cosine32, cosine64, z), lost);
  if (angle.rLow) { // sin' = cos, cos' = -sin, to first order
    sine = e.fma(angle.rLow, lead, sine);
    cosine = e.fma(e.negate(angle.rLow), r, cosine);
  }
  sine = e.add(r, sine);
  cosine = e.add(lead, cosine);

  Value quadrant = e.addBits(angle.quadrant, e.integer(shift));
  Value isSine = e.bitsEqual(e.andBits(quadrant, e.integer(1)), e.integer(0));
  Value magnitude = e.select(isSine, sine, cosine);
  Value sign = e.shiftLeft(e.andBits(quadrant, e.integer(2)), e.is64() ? 62 : 30);
  return e.real(e.xorBits(e.bits(magnitude), sign));
}

} // namespace

Value emitSin(VectorMathEmitter &e, Value x) {
  Angle angle = e.is64() ? reduce64(e, x) : reduce32(e, x);
  Value result = sineOf(e, angle, 0);
  return e.select(e.compare(Predicate::OEQ, x, e.constant(0.0)), x, result); // keeps -0
}

Value emitCos(VectorMathEmitter &e, Value x) {
  Angle angle = e.is64() ? reduce64(e, x) : reduce32(e, x);
  return sineOf(e, angle, 1);
}

} // namespace nnc::cpu
