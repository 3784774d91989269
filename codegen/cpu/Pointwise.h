// Loops over the elements of results of one shape, for the families whose results
// do not depend on each other: joined axes, blocks of rows and columns as tasks,
// lanes along the last axis.
#pragma once

#include "codegen/cpu/VectorReader.h"
#include "dialects/nn/Dims.h"

namespace nnc::cpu {

/// Whether all results of a kernel have one shape.
bool hasOneResultShape(nn::KernelOp kernel);

/// Adjacent axes of the shape `space` that every value of the region treats alike and no
/// op tells apart, joined: outer to inner, without axes of size 1.
llvm::SmallVector<llvm::SmallVector<int64_t>> joinAxes(nn::KernelOp kernel, const nn::Dims &space);

/// What one element costs, in vector instructions, roughly.
int64_t elementCost(nn::KernelOp kernel);

/// The loops below, in a line for people.
std::string describePointwiseLoops(nn::KernelOp kernel, const Target &target);

class PointwiseLoops {
public:
  explicit PointwiseLoops(KernelContext &context);

  mlir::Value emitTaskCount();
  void emitTask(mlir::Value task);

  /// Columns [low, high) whose windows lie inside their input: read without checks.
  struct Interior {
    mlir::Value low, high;
  };
  std::optional<Interior> interior;

private:
  mlir::AffineExpr groupSize(size_t group) const;
  void layOutTasks();
  /// Columns [from, to) of one row; `outer` has an index for every group but the last.
  void emitRow(llvm::ArrayRef<mlir::Value> outer, mlir::Value from, mlir::Value to);
  void emitColumns(llvm::ArrayRef<mlir::Value> outer, mlir::Value from, mlir::Value to, bool insideWindows);

  KernelContext &c;
  nn::Dims dims; ///< of the results
  /// Adjacent axes walked as one, outer to inner. Unit axes are in none.
  llvm::SmallVector<llvm::SmallVector<int64_t>> groups;
  int64_t cost; ///< vector instructions an element
  int64_t lanes, columnsPerTask;
  mlir::Value rows, columns, rowsPerTask, rowBlocks, columnBlocks;
};

} // namespace nnc::cpu
