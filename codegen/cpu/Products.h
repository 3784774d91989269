// What the compiler asks of products and convolutions before kernels are formed.
#pragma once

#include "codegen/cpu/Convolution.h"
#include "mlir/IR/Operation.h"

namespace nnc::cpu {

/// What makes the convolution or input gradient `op` cheapest.
FilterPacking chooseFilterPacking(mlir::Operation *op, const Target &target, bool admitWinograd,
                                  bool isKept);

} // namespace nnc::cpu
