// Object code from several threads: the functions of a module are dealt into a
// fixed number of parts, so that the bytes do not depend on the machine's cores.
#pragma once

#include "codegen/cpu/Object.h"
#include <vector>

namespace nnc::cpu {

/// As emitObject, one object for each part; link all of them. Functions that
/// another part calls lose their internal linkage and stay hidden.
llvm::Expected<std::vector<llvm::SmallVector<char, 0>>>
emitObjects(mlir::ModuleOp module, const Target &target, int optimizationLevel);

} // namespace nnc::cpu
