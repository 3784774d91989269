// Emits Exprs as arith and math ops on scalars or vectors, every shared node
// once. All fusion goes through here: Map kernels, epilogues and prologues alike.
// Transcendental functions come from VectorMath.h, so no libm call is made.
#ifndef NNC_CODEGEN_CPU_EXPREMITTER_H
#define NNC_CODEGEN_CPU_EXPREMITTER_H

#include "dialects/nn/Expr/Expr.h"

#include "mlir/IR/Builders.h"

namespace nnc::cpu {

// Values of `exprs`, converted to `resultElementTypes` (one a result). `inputs`
// (null where no expression uses one) are scalars or vectors, all vectors of one shape; scalars among vectors are
// splat. Element types: f32, f64, i64, i32, i8 (unsigned, torch's uint8), i1.
// Results are vectors if any input is one, otherwise scalars.
llvm::SmallVector<mlir::Value> emitExprs(mlir::OpBuilder &builder, mlir::Location loc,
                                         llvm::ArrayRef<Expr> exprs,
                                         llvm::ArrayRef<mlir::Value> inputs,
                                         llvm::ArrayRef<mlir::Type> resultElementTypes);

} // namespace nnc::cpu

#endif // NNC_CODEGEN_CPU_EXPREMITTER_H
