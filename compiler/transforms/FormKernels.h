// Stage KERNELS: every op goes into an nn.kernel with its schedule family.
#pragma once

#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nnc {

/// At optimization 0 every op outside of a kernel becomes its own naive one; otherwise producers and
/// consumers are fused as far as Fusion.cpp's rules go. Reshapes stay outside
/// kernels: they are views.
void formKernels(mlir::func::FuncOp function, int optimization);

/// Moves `group` (in order, convex) into one kernel before `position`.
nn::KernelOp createKernel(mlir::OpBuilder &builder, llvm::ArrayRef<mlir::Operation *> group, nn::Family family);

/// The op for readers: its name, or the function that an nn.map applies.
std::string operationName(mlir::Operation *op);

/// The layer path in a location (`features.0.conv`), or the op's name.
std::string layerName(mlir::Operation *op);

} // namespace nnc
