// Pointwise ops on the result of a product or convolution, applied to vectors as
// they leave the registers, and the stores of whatever the kernel yields.
#pragma once

#include "codegen/cpu/KernelContext.h"

namespace nnc::cpu {

/// Consecutive elements of a rank-1 memref of T at `position`: all of `type`, or
/// the first `activeLanes` and zeros.
mlir::Value loadVector(mlir::OpBuilder &b, mlir::Location loc, mlir::VectorType type, mlir::Value memref,
                       mlir::Value position, mlir::Value activeLanes);

class Epilogue {
public:
  /// `laneAxes` trailing axes of the anchor's result are one flat run of lanes.
  Epilogue(KernelContext &context, mlir::Value anchor, int64_t laneAxes);

  /// `vector` holds elements of the anchor's result from (lead..., lane) on.
  void store(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange lead, mlir::Value lane,
             mlir::Value vector, mlir::Value activeLanes);

private:
  struct Point;
  mlir::Value positionOf(Point &point, mlir::Value tensor, bool &single);
  mlir::Value evaluate(Point &point, mlir::Value tensor);

  KernelContext &context;
  mlir::Value anchor;
  int64_t laneAxes;
};

} // namespace nnc::cpu
