// Stage LOOPS: each planned function becomes an entry function over nnc_call
// (runtime/abi.h), each kernel a function over an argument block.
#pragma once

#include "codegen/cpu/Target.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace nnc::cpu {

/// Where a state argument (its kind and name) lies in the state block, in bytes.
using StateOffset = llvm::function_ref<int64_t(llvm::StringRef kind, llvm::StringRef name)>;

/// Replaces the planned functions of `module` by the entries nnc_entry_NAME,
/// nnc_arena_NAME, nnc_shapes_NAME and their kernels. Kernels that are the same
/// but for their buffers are emitted once. With `checkBounds` naive kernels look before they
/// touch an element: what lies outside of its tensor is not touched, and the entry returns the
/// number of the kernel, counted from 1.
mlir::LogicalResult emitLoops(mlir::ModuleOp module, const Target &target, StateOffset stateOffset, bool checkBounds);

} // namespace nnc::cpu
