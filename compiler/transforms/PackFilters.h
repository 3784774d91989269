// Gives convolutions and products their filter as the kernel reads it, where that pays.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nnc::cpu {
struct Target;
}

namespace nnc {

/// Packs the filters of convolutions and input gradients, 3x3 ones also for Winograd's
/// filtering, where the target's cost model says so. In `forward` what packs a
/// parameter is outlined to @prepare, as it does of products; elsewhere it runs in every call.
void packFilters(mlir::func::FuncOp function, const cpu::Target &target, bool admitWinograd);

} // namespace nnc
