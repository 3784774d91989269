// The last step inside MLIR: loops, vectors and memrefs become the LLVM dialect.
// Functions over memrefs take unpacked descriptors (pointer, pointer, offset,
// sizes, strides); functions over `!llvm.ptr` pass as they are.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Support/LLVM.h"

namespace nnc::cpu {

/// Every dialect that `lowerToLLVM` accepts or makes, and the interfaces that
/// the translation to LLVM IR needs.
void registerLoweringDialects(mlir::DialectRegistry &registry);

/// Lowers func, scf, cf, vector (of one dimension), memref, arith, index, ub and math
/// (what needs no libm) to the LLVM dialect, in place. Sums over floating-point vectors
/// (`vector.reduction <add>`) become trees, always the same one for one length.
mlir::LogicalResult lowerToLLVM(mlir::ModuleOp module);

/// Names the same as `--nnc-lower-to-llvm`, for nnc-opt.
void registerLoweringPipeline();

} // namespace nnc::cpu
