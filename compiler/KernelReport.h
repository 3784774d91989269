// Describes every kernel of a planned module: the one source of truth for --explain,
// `nnc bench --kernels`, `nnc inspect --memory` and the warnings of a compilation.
// KernelReport.cpp describes kernels, MemoryReport.cpp the arena.
#pragma once

#include "codegen/cpu/Target.h"
#include "compiler/Report.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AffineExpr.h"

namespace nnc {

/// `module` is after stage PLAN. Quantities are those of batch size `batch` (0: the
/// smallest) and the smallest size of every further symbol. What is not `optimized` is
/// element by element by intention: no kernel falls back, and nothing is warned of.
void reportKernels(mlir::ModuleOp module, const cpu::Target &target, bool optimized, int64_t batch, ModelReport &report);

/// The function's symbols and the sizes that quantities count for.
struct ReportSizes {
  llvm::SmallVector<mlir::StringAttr> names;
  llvm::SmallVector<mlir::AffineExpr> sizes;

  ReportSizes(mlir::func::FuncOp function, int64_t batch);
  Quantity quantity(mlir::AffineExpr expr) const;
  /// `f32[N, 3, 224, 224]`
  std::string typeText(mlir::Type tensor) const;
};

/// Fills in the memory of a planned function; `module` also holds its @NAME.arena_bytes.
void reportMemory(mlir::func::FuncOp planned, const ReportSizes &sizes, FunctionReport &report);

} // namespace nnc
