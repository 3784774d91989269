// Pointwise values that their readers had better compute for themselves.
#pragma once

#include "mlir/IR/Block.h"
#include "llvm/ADT/DenseSet.h"

namespace nnc {

/// Maps that cost a few instructions over one tensor that is in memory anyway: storing
/// them would take a pass, and keep them for the gradient that reads them. What batch
/// normalisation makes of its input is such. Over two such tensors it is worth as
/// much where reductions are the only readers.
llvm::DenseSet<mlir::Operation *> findRecomputed(mlir::Block &body);

} // namespace nnc
