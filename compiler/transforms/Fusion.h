// The fusion rules of stage KERNELS at optimization 2.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nnc {

/// Groups the ops of a function into kernels, each with its schedule family.
void fuseKernels(mlir::func::FuncOp function);

} // namespace nnc
