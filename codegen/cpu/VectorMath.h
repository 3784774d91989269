// Transcendental functions on vectors as inline arith, math.fma and vector code:
// no call, no table, no branch. MLIR's own lowering of the math dialect calls libm
// once per lane; these cost 10 to 60 instructions for a whole vector.
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

namespace nnc::cpu {

enum class MathFunction { Exp, Expm1, Log, Log1p, Tanh, Erf, Logistic, Sin, Cos, Pow, Sqrt, Rsqrt };

/// Emits `function` of `operands` (one, or base and exponent for Pow) at the
/// builder's insertion point. Operands are f32 or f64, scalars or 1-D vectors of
/// any length, all of one type, which is also the result's.
mlir::Value emitMath(mlir::OpBuilder &builder, mlir::Location location, MathFunction function,
                     mlir::ValueRange operands);

} // namespace nnc::cpu
