// Frozen libraries (`nnc compile --frozen`): inference whose parameters are constants.
#pragma once

#include "compiler/Pipeline.h"

namespace nnc {

/// Runs @prepare now: compiled for this machine, loaded, called. What it computes becomes
/// initial values of the state, and what only it read is dropped. `c.module` is that of
/// stage CORE with `forward` alone beside it.
llvm::Error freezePrepared(Compilation &c);

} // namespace nnc
