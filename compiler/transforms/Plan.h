// Stage PLAN: tensors become memrefs. Every value gets its place - an input, an
// output, the state, or a place in the arena - as a function of the symbols.
//
// The planned function takes inputs, outputs, state, the arena (memref<?xi8>)
// and the symbols (index); kernels take inputs then destinations, and have
// no results. New state is written over the old in place: its kernel is moved
// behind every reader of the old value.
#pragma once

#include "dialects/nn/Kernel/KernelMemory.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Support/LLVM.h"

namespace nnc {

/// What planFunction does first: every returned value becomes some kernel's own result, and
/// kernels that write new state over the old stand behind its readers.
void settleReturns(mlir::func::FuncOp function);

/// Replaces `function` by its planned form and adds @NAME.arena_bytes(symbols...,
/// workers) -> index. `memory` is asked for each nn.kernel. The arena is packed for
/// plannedSizes(function, batch), and good for all.
mlir::LogicalResult planFunction(mlir::func::FuncOp function, int64_t batch,
                                 llvm::function_ref<nn::KernelMemory(mlir::Operation *kernel)> memory);

} // namespace nnc
