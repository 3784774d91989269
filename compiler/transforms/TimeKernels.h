// Clocks around kernels, for `nnc bench --kernels`; no other library has them.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nnc {

/// Gives a planned function one more output, `kernel_times` i64 [kernels + 1, 2]: the
/// clock (struct timespec) at the start and after each kernel. Stage LOOPS reads it.
void addKernelTimes(mlir::func::FuncOp planned);

} // namespace nnc
