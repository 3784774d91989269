// Reverse-mode differentiation of nn functions at graph level. The driver owns
// activity, accumulation and the order; each op states its own rule
// (DifferentiableOpInterface). Composites are decomposed first.
#pragma once

#include "dialects/nn/Builder.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nnc {

/// Rewrites composite ops into other nn ops until none is left.
void decomposeComposites(mlir::func::FuncOp function);

/// The adjoints of `wrt` (arguments or values of the body) for the given adjoints
/// of `outputs`, built at the builder's insertion point at the end of the body. A
/// value that no output depends on gets zeros. Fails with a diagnostic at an
/// active op that has no gradient.
llvm::FailureOr<llvm::SmallVector<mlir::Value>>
differentiate(nn::Builder &builder, mlir::Block &body, llvm::ArrayRef<mlir::Value> outputs,
              llvm::ArrayRef<mlir::Value> seeds, llvm::ArrayRef<mlir::Value> wrt);

} // namespace nnc
