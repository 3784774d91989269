// The work of ops and kernels as functions of the symbols: what times and schedules
// are judged by.
#pragma once

#include "dialects/nn/Nn.h"

namespace nnc {

/// Floating-point operations: a multiply-add counts as two, a function such as exp as
/// one; products and convolutions count every tap, also those that meet padding.
mlir::AffineExpr operationsOf(mlir::Operation *op);
mlir::AffineExpr operationsOf(nn::KernelOp kernel);

/// Bytes of a tensor.
mlir::AffineExpr bytesOf(mlir::Type tensor);
/// Bytes that a kernel must read of its operand number `operand`, once.
mlir::AffineExpr bytesRead(nn::KernelOp kernel, unsigned operand);
/// Bytes of a kernel's results.
mlir::AffineExpr bytesWritten(nn::KernelOp kernel);

} // namespace nnc
