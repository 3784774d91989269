// Transcendental functions on vectors as inline arith, math.fma and vector code:
// no call, no table, no branch. MLIR's own lowering of the math dialect calls libm
// once per lane; these cost 10 to 60 instructions for a whole vector.
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

namespace nnc::cpu {

/// Largest errors, in units of the last place, over all finite operands:
///
///          exp expm1 log log1p tanh erf logistic sin cos pow sqrt rsqrt gated-tanh
///     f32  1.0  1.6  1.0  1.7  1.8  1.6   2.3    1.6 1.6 0.6 0.5  1.5     4.6
///     f64  1.0  2.0  1.0  1.5  2.0  1.5   2.3    1.0 1.0 1.2 0.5  1.5     4.0
///
/// Subnormal operands and results, signed zeros, infinities and NaN are as in C99
/// (pow's twenty cases too). Exceptions: sin and cos of f64 are NaN where |x| > 2^45;
/// logistic may be 0 where it were subnormal, as PyTorch's. GatedTanh is logistic(x) tanh(y),
/// with one division. Results are the same bits for
/// scalars, any length and any CPU.
enum class MathFunction { Exp, Expm1, Log, Log1p, Tanh, Erf, Logistic, Sin, Cos, Pow, Sqrt, Rsqrt, GatedTanh };

/// Emits `function` of `operands` (one; base and exponent for Pow; gate and argument for GatedTanh) at the
/// builder's insertion point. Operands are f32 or f64, scalars or 1-D vectors of
/// any length, all of one type, which is also the result's.
mlir::Value emitMath(mlir::OpBuilder &builder, mlir::Location location, MathFunction function,
                     mlir::ValueRange operands);

} // namespace nnc::cpu
