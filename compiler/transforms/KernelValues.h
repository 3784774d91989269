// Values between the kernels of a function: what they cost in the arena, and who reads them.
#pragma once

#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nnc {

/// The value whose memory `value` shares: reshapes are views.
mlir::Value rootOf(mlir::Value value);

/// Kernels (and the return) that read `value` or a view of it.
llvm::SmallVector<mlir::Operation *> readersOf(mlir::Value value);

/// Places in the arena begin at multiples of this many bytes.
constexpr int64_t arenaAlignment = 64;

/// Bytes of a value in the arena.
mlir::AffineExpr arenaBytesOf(mlir::Value value);

/// Sizes of the symbols for which memory is planned: `batch` for the first, if it is not 0;
/// otherwise upper bounds, or 64 where there is none to speak of.
llvm::SmallVector<mlir::AffineExpr> plannedSizes(mlir::func::FuncOp function, int64_t batch);

} // namespace nnc
