// What the compiler asks of products and convolutions before kernels are formed.
#pragma once

#include "mlir/IR/Operation.h"

namespace nnc::cpu {

struct Target;

/// Results of a Winograd tile along an axis that make the convolution or input
/// gradient `op` cheapest (2 or 4), or 0 for a direct sum. `filterIsKept`: the packed
/// filter is made once for many calls.
int64_t chooseWinograd(mlir::Operation *op, const Target &target, bool filterIsKept);

} // namespace nnc::cpu
