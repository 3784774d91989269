// What each stage may leave behind: the dialects and ops that docs/architecture.md
// allows after it, as do the comments in Pipeline.cpp. Every compilation checks it.
#pragma once

#include "compiler/Compiler.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"

namespace nnc {

/// Reports the first operation that has no place in `module` after `stage` (Graph
/// to LLVM), with the reason.
mlir::LogicalResult verifyStage(mlir::ModuleOp module, Stage stage);

} // namespace nnc
