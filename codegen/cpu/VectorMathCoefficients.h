// Made by vector_math_coefficients.py, which states each fit; not to be edited.
// Lowest power first. The error is the largest weighted error of the rounded fit.
#pragma once

namespace nnc::cpu::coefficients {

// q: exp(r) = 1 + r + r^2 q(r), |r| <= ln(2)/2, relative; error 3.19e-9.
inline constexpr float exponential32[] = {
    0x1.fffffc0000000p-2f,
    0x1.55548c0000000p-3f,
    0x1.5558580000000p-5f,
    0x1.123dd60000000p-7f,
    0x1.6ac6420000000p-10f,
};
// q: expm1(r) = r + r^2 q(r), |r| <= ln(2)/2, relative; error 1.41e-8.
inline constexpr float exponentialMinusOne32[] = {
    0x1.fffffe0000000p-2f,
    0x1.5554aa0000000p-3f,
    0x1.55579e0000000p-5f,
    0x1.122c7a0000000p-7f,
    0x1.6ab2c60000000p-10f,
};
// q: expm1(r) = r + r^2 q(r), 0 <= r <= ln(2), relative; error 3.29e-10.
inline constexpr float exponentialMinusOneUpward32[] = {
    0x1.fffffe0000000p-2f,
    0x1.5555c60000000p-3f,
    0x1.5544fa0000000p-5f,
    0x1.1226380000000p-7f,
    0x1.59c6cc0000000p-10f,
    0x1.1a13d80000000p-12f,
};
// q: exp(r) = 1 + r + r^2 q(r), |r| <= ln(2)/2, relative; error 1.07e-17.
inline constexpr double exponential64[] = {
    0x1.000000000000ap-1,
    0x1.55555555554fap-3,
    0x1.555555555087cp-5,
    0x1.1111111127bf2p-7,
    0x1.6c16c1842a247p-10,
    0x1.a01a012a53d88p-13,
    0x1.a0199a0c2c43fp-16,
    0x1.71df255a516f4p-19,
    0x1.28ad7305566b5p-22,
    0x1.ad7f629921b12p-26,
};
// q: expm1(r) = r + r^2 q(r), |r| <= ln(2)/2, relative; error 9.1e-19.
inline constexpr double exponentialMinusOne64[] = {
    0x1.0000000000000p-1,
    0x1.5555555555559p-3,
    0x1.555555555553fp-5,
    0x1.111111110f6dap-7,
    0x1.6c16c16c1f076p-10,
    0x1.a01a01afd3e02p-13,
    0x1.a01a017bc6eb8p-16,
    0x1.71ddf87ebeb59p-19,
    0x1.27e5362b54764p-22,
    0x1.af5e74fc6f2a4p-26,
    0x1.1ee88933069d4p-29,
};
// q: expm1(r) = r + r^2 q(r), 0 <= r <= ln(2), relative; error 5.68e-21.
inline constexpr double exponentialMinusOneUpward64[] = {
    0x1.0000000000000p-1,
    0x1.5555555555557p-3,
    0x1.55555555553f0p-5,
    0x1.11111111186cfp-7,
    0x1.6c16c1697cec1p-10,
    0x1.a01a022f6b4e0p-13,
    0x1.a019ed97f182dp-16,
    0x1.71e01a996ee5bp-19,
    0x1.27c69b116b0e5p-22,
    0x1.b0f2932a5b7c3p-26,
    0x1.0d7d7ed7573e8p-29,
    0x1.e73d2a9cd363dp-33,
};
// q: 2^f = 1 + f q(f), |f| <= 1/2, relative; error 9.84e-8.
inline constexpr float exponentialBase2_32[] = {
    0x1.62e42a0000000p-1f,
    0x1.ebf99c0000000p-3f,
    0x1.c6b5760000000p-5f,
    0x1.3cf7340000000p-7f,
    0x1.5cd7b00000000p-10f,
};
// q: 2^f = 1 + f q(f), |f| <= 1/2, relative; error 1.54e-14.
inline constexpr double exponentialBase2_64[] = {
    0x1.62e42fefa37c6p-1,
    0x1.ebfbdff81b9cep-3,
    0x1.c6b08d70ca8d9p-5,
    0x1.3b2ab7248e36ep-7,
    0x1.5d87fd90c0d6fp-10,
    0x1.430896f7b4d1ap-13,
    0x1.ffce3450317dfp-17,
    0x1.63e7c321a88a6p-20,
    0x1.b3dcd9f75b8afp-24,
};
// q: log(1 + f) = f - f^2/2 + f^3 q(f), |f| <= 1/3, relative; error 5.45e-9.
inline constexpr float logarithm32[] = {
    0x1.5555060000000p-2f,
    -0x1.fffef00000000p-3f,
    0x1.99d0320000000p-3f,
    -0x1.559dd80000000p-3f,
    0x1.1ed6720000000p-3f,
    -0x1.f30f9e0000000p-4f,
    0x1.1e6a3c0000000p-3f,
    -0x1.0809700000000p-3f,
};
// q: log((1+s)/(1-s)) = 2 s + s z q(z), z = s^2 <= 0.0295, relative; error 1.24e-18.
inline constexpr double logarithm64[] = {
    0x1.5555555555592p-1,
    0x1.999999997ff05p-2,
    0x1.24924941e3275p-2,
    0x1.c71c521266955p-3,
    0x1.74663d650854cp-3,
    0x1.39a1db1040944p-3,
    0x1.2f045387dd4d9p-3,
};
// q: log((1+s)/(1-s)) = 2 s + s z q(z), z = s^2 <= 0.0295, relative; error 2.96e-14.
inline constexpr double logarithmForPow32[] = {
    0x1.555555561e497p-1,
    0x1.999996a93b473p-2,
    0x1.249411f41fadep-2,
    0x1.c62b12c85c55dp-3,
    0x1.9115a8b5de158p-3,
};
// q: log((1+s)/(1-s)) = 2 s + s z (2/3 + z q(z)), z = s^2 <= 0.0295, relative; error 7.62e-23.
inline constexpr double logarithmForPow64[] = {
    0x1.9999999999996p-2,
    0x1.2492492492f51p-2,
    0x1.c71c71c5968bfp-3,
    0x1.745d18295a499p-3,
    0x1.3b1364c7c5f9fp-3,
    0x1.11206f7961f6dp-3,
    0x1.de3d6255694d9p-4,
    0x1.eac645024a647p-4,
};
// 2 / 3; error 2.05e-33.
inline constexpr double twoThirdsParts[] = {
    0x1.5555555555555p-1,
    0x1.5555555555555p-55,
};
// q: erf(x) = x + x q(x^2), |x| <= 0.9277, relative; error 1.72e-8.
inline constexpr float errorFunctionSmall32[] = {
    0x1.06eba60000000p-3f,
    -0x1.8126e40000000p-2f,
    0x1.ce19e20000000p-4f,
    -0x1.b6814c0000000p-6f,
    0x1.46f8ca0000000p-8f,
    -0x1.38f1340000000p-11f,
};
// q: erf(x) = x + x q(x^2), |x| <= 1, relative; error 1.36e-17.
inline constexpr double errorFunctionSmall64[] = {
    0x1.06eba8214db68p-3,
    -0x1.812746b03799dp-2,
    0x1.ce2f21a03f8b9p-4,
    -0x1.b82ce311a97d8p-6,
    0x1.565bcceeda3f4p-8,
    -0x1.c02daeb704dd8p-11,
    0x1.f9a296b48bc81p-14,
    -0x1.f4c82f03a43afp-17,
    0x1.b96b578235604p-20,
    -0x1.5b8c6d75f1548p-23,
    0x1.d3ddb32fbb7e7p-27,
    -0x1.a23e33c0ffc41p-31,
};
// q: erf(t) = 1 - 2^q(t), 0.92 <= t <= 3.95, relative; error 1.17e-10.
inline constexpr float errorFunctionLarge32[] = {
    0x1.08417e0000000p-12f,
    -0x1.a129e60000000p+0f,
    -0x1.d3d3f60000000p-1f,
    -0x1.3fedaa0000000p-3f,
    0x1.28dfdc0000000p-5f,
    -0x1.8a5d160000000p-8f,
    0x1.489ce60000000p-11f,
    -0x1.fe8c6a0000000p-16f,
};
// q: erf(t) = 1 - exp(-t^2) q((t-2)/(t+2)), 0.99 <= t <= 6, relative; error 4.01e-19.
inline constexpr double errorFunctionLarge64[] = {
    0x1.058671b52c776p-2,
    -0x1.b57034efd3f72p-2,
    0x1.eeea7dc8a78b4p-3,
    -0x1.437f0b68c0c2dp-4,
    0x1.e94715979eebcp-9,
    0x1.ca95ed534854cp-8,
    -0x1.bc25a47bf014cp-11,
    -0x1.016b5ce830b1ap-10,
    0x1.6d5ef94e92d31p-15,
    0x1.6da96c9931a4ap-13,
    0x1.cdcbb446aeab0p-16,
    -0x1.cead12c6460cap-16,
    -0x1.d46a122bada92p-17,
    0x1.6e0fecd62afbep-20,
    0x1.ed57f5b8473cep-19,
    0x1.4eea064bf220ep-20,
};
// q: sin(r) = r + r z q(z), z = r^2, |r| <= pi/4, relative; error 1.63e-10.
inline constexpr float sine32[] = {
    -0x1.5555560000000p-3f,
    0x1.1111740000000p-7f,
    -0x1.a059540000000p-13f,
    0x1.7c2c520000000p-19f,
};
// q: cos(r) = 1 - z/2 + z^2 q(z), z = r^2, |r| <= pi/4, relative; error 7.25e-12.
inline constexpr float cosine32[] = {
    0x1.5555560000000p-5f,
    -0x1.6c175e0000000p-10f,
    0x1.a071be0000000p-16f,
    -0x1.3618520000000p-22f,
};
// q: sin(r) = r + r z q(z), z = r^2, |r| <= pi/4, relative; error 3.75e-18.
inline constexpr double sine64[] = {
    -0x1.5555555555548p-3,
    0x1.111111110f730p-7,
    -0x1.a01a019be920ep-13,
    0x1.71de35552a22dp-19,
    -0x1.ae5e4b8256e90p-26,
    0x1.5d8b54f1319f7p-33,
};
// q: cos(r) = 1 - z/2 + z^2 q(z), z = r^2, |r| <= pi/4, relative; error 5.72e-20.
inline constexpr double cosine64[] = {
    0x1.555555555554bp-5,
    -0x1.6c16c16c1500dp-10,
    0x1.a01a019c8dd19p-16,
    -0x1.27e4f7f04fb6dp-22,
    0x1.1ee9dacb270d0p-29,
    -0x1.8fa5ec4809899p-37,
};
// ln 2: the first part times any exponent is exact; error 5.5e-14.
inline constexpr float ln2Parts32[] = {
    0x1.62e4000000000p-1f,
    0x1.7f7d1c0000000p-20f,
};
// ln 2: the first part times any exponent is exact; error 1.95e-31.
inline constexpr double ln2Parts64[] = {
    0x1.62e42fefa4000p-1,
    -0x1.8432a1b0e2634p-43,
};
// pi / 2; error 5.56e-50.
inline constexpr double halfPiParts[] = {
    0x1.921fb54442d18p+0,
    0x1.1a62633145c07p-54,
    -0x1.f1976b7ed8fbcp-110,
};
// 2^0 * 2 / pi, modulo 4; error 2.24e-35.
inline constexpr double quadrants0[] = {
    0x1.45f306e000000p-1,
    -0x1.b1bbead000000p-32,
    -0x1.80f62a0b82b2dp-62,
};
// 2^27 * 2 / pi, modulo 4; error 3.52e-36.
inline constexpr double quadrants27[] = {
    -0x1.1b1bbeb000000p-1,
    0x1.4fe13ac000000p-32,
    -0x1.70565911f924fp-64,
};
// 2^54 * 2 / pi, modulo 4; error 1.27e-35.
inline constexpr double quadrants54[] = {
    0x1.4a7f09d000000p+0,
    0x1.7d1f535000000p-30,
    -0x1.11f924eb53362p-61,
};
// 2^81 * 2 / pi, modulo 4; error -2.53e-36.
inline constexpr double quadrants81[] = {
    -0x1.505c159000000p+0,
    -0x1.911f925000000p-30,
    0x1.4acc9e21c8210p-62,
};

} // namespace nnc::cpu::coefficients
