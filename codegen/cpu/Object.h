// From a module of the LLVM dialect to the bytes of a relocatable object file.
// Position independent, one section a function, every symbol hidden unless its
// function says otherwise; the same module gives the same bytes.
#pragma once

#include "codegen/cpu/Target.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/Timing.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace nnc::cpu {

/// Translates `module` (LLVM dialect only), runs LLVM's pipeline of
/// `optimizationLevel` (0: none; 1 and up: the scalar clean-up that kernels need,
/// which are already vectors) and returns the ELF object. How long each step takes goes to `time`.
llvm::Expected<llvm::SmallVector<char, 0>> emitObject(mlir::ModuleOp module, const Target &target,
                                                      int optimizationLevel, mlir::TimingScope &time);

/// The same up to LLVM IR, as text, for `--emit=llvm`.
llvm::Expected<std::string> emitLLVMText(mlir::ModuleOp module, const Target &target,
                                         int optimizationLevel);

} // namespace nnc::cpu
