// Fits a function's arena into a budget: values are computed again where they are read
// later, instead of being kept (Chen et al., Training Deep Nets with Sublinear Memory
// Cost, 2016). The same kernel on the same operands: results do not change in a bit.
#pragma once

#include "compiler/Report.h"
#include "dialects/nn/Kernel/KernelMemory.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nnc {

/// Runs before planFunction, on kernels. Fails, with an error that says what is the least
/// that was reached, if the arena stays larger than `budget` bytes at plannedSizes(function,
/// batch), or if a size has no upper bound. `memory` is asked for each nn.kernel.
mlir::FailureOr<MemoryFit>
fitMemory(mlir::func::FuncOp function, int64_t budget, int64_t batch,
          llvm::function_ref<nn::KernelMemory(mlir::Operation *kernel)> memory);

} // namespace nnc
