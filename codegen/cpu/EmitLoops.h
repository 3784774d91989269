// Stage LOOPS: each planned function becomes an entry function over nnc_call
// (runtime/abi.h), each kernel a function over an argument block.
#pragma once

#include "codegen/cpu/Target.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace nnc::cpu {

/// Where a state argument lies: in the state block, or among what no entry changes; in bytes.
struct StatePlace {
  int64_t offset = 0;
  bool fixed = false;
};
/// That of an argument's kind and name.
using StatePlaces = llvm::function_ref<StatePlace(llvm::StringRef kind, llvm::StringRef name)>;

/// Replaces the planned functions of `module` by the entries nnc_entry_NAME,
/// nnc_arena_NAME, nnc_shapes_NAME and their kernels. Kernels that are the same
/// but for their buffers are emitted once. With `checkBounds` naive kernels look before they
/// touch an element: what lies outside of its tensor is not touched, and the entry returns the
/// number of the kernel, counted from 1.
mlir::LogicalResult emitLoops(mlir::ModuleOp module, const Target &target, StatePlaces statePlaces, bool checkBounds);

} // namespace nnc::cpu
