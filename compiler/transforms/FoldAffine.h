// Scales and shifts by fixed numbers, such as batch norm in inference, as one.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nnc {

/// In `forward`, maps that follow each other and are affine in what varies, with
/// factors and terms that depend on state alone, become one map x * a + b; @prepare
/// then computes a and b. With `intoWeights` a factor after a convolution is
/// multiplied into its weight: for frozen models, where this is no second copy.
void foldAffine(mlir::func::FuncOp forward, bool intoWeights);

} // namespace nnc
