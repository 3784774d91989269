// Frozen libraries (`nnc compile --frozen`): inference whose parameters are constants.
#pragma once

#include "compiler/Pipeline.h"
#include "llvm/ADT/StringSet.h"

namespace nnc {

/// Runs @prepare now: compiled for this machine, loaded, called. What it computes becomes
/// initial values of the state, and what only it read is dropped. `c.module` is that of
/// stage CORE with `forward` alone beside it.
llvm::Error freezePrepared(Compilation &c);

/// Of planned functions, the state that no kernel reads, as "kind/name": weights in whose
/// place a packed copy is read.
llvm::StringSet<> unreadState(mlir::ModuleOp module);

} // namespace nnc
