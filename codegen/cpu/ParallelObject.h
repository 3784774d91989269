// Object code from several threads: the functions of a module are dealt into a
// number of parts that depends on the module alone, as do the bytes; each part
// is lowered and compiled by itself.
#pragma once

#include "codegen/cpu/Object.h"
#include <vector>

namespace nnc::cpu {

/// Lowers a module of loops to LLVM and compiles it: one object for each part, into which its
/// functions move; link all of them. Functions that another part calls lose their internal linkage and stay hidden.
/// How long the steps take, in all threads together, goes to `time`.
llvm::Expected<std::vector<llvm::SmallVector<char, 0>>>
emitObjects(mlir::ModuleOp module, const Target &target, int optimizationLevel, mlir::TimingScope &time);

} // namespace nnc::cpu
