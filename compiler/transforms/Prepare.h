// What depends on parameters, buffers and constants alone is computed once, not in
// every call: @prepare holds it, the runtime runs it before the first forward and
// again after parameters change (set, load, training).
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace nnc {

/// Whether @prepare computes for this function.
bool isPrepared(mlir::func::FuncOp function);
/// The values that depend on parameters, buffers and constants alone.
llvm::DenseSet<mlir::Value> valuesOfState(mlir::func::FuncOp function);

/// Moves such ops of `forward` into a new function @prepare, whose results become
/// state of kind "prepared" that `forward` reads. Without any there is no @prepare.
void outlinePrepare(mlir::ModuleOp module, mlir::func::FuncOp forward);

/// The reverse, for a check of all kernels in one function: @forward computes what
/// @prepare did, which is erased.
void inlinePrepare(mlir::ModuleOp module, mlir::func::FuncOp forward);

} // namespace nnc
