// What each stage may leave behind: the dialects and ops that docs/architecture.md
// allows after it. Tests check it after every stage, and so does whoever changes
// a stage; the text here and the comments in Pipeline.cpp say the same.
#pragma once

#include "compiler/Compiler.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"

namespace nnc {

/// Reports the first operation that has no place in `module` after `stage` (Graph
/// to LLVM), with the reason.
mlir::LogicalResult verifyStage(mlir::ModuleOp module, Stage stage);

} // namespace nnc
