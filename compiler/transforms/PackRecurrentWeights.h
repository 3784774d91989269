// Gives every recurrence its weight in the order that its kernel reads. After the
// gradient is made, so that the packed copy is never differentiated; of parameters it
// then moves to @prepare.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nnc {

void packRecurrentWeights(mlir::func::FuncOp function);

} // namespace nnc
