// Kernel by kernel against the naive reference, inside one compiled function: every
// kernel's ops are computed once more, each by its own naive kernel, on the operands
// that the kernel itself read, and the largest differences are further results.
#pragma once

#include "compiler/Report.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nnc {

/// `function` has its kernels (stage KERNELS). For each result of a kernel it returns
/// three numbers more, f64: the largest difference from the reference, the largest
/// value of the reference, and how far the reference moves when every float operand is
/// perturbed at random by some units in the last place: what rounding alone may do.
/// The list says which results of which kernels they belong to, in order.
std::vector<KernelCheck> addKernelChecks(mlir::func::FuncOp function);

} // namespace nnc
