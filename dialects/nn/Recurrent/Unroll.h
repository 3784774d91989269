// What a recurrence means: its steps one after the other in other nn ops. -O0
// computes them so where their number is known; the Sequence family has a kernel for
// all of them.
#pragma once

#include "dialects/nn/Builder.h"

namespace nnc::nn {

/// One value for each result of `op`, which has `steps` steps.
llvm::SmallVector<mlir::Value> unrollRecurrence(Builder &b, RecurrenceOp op, int64_t steps);

/// The weight [G * H, H] as the kernel of a recurrence reads it: [H / L, G, H, L], so that
/// a gate of L units is one stream; L is 16 for f32, 8 for f64.
mlir::Value packRecurrentWeight(Builder &b, mlir::Value weight);
int64_t recurrentPanelWidth(mlir::Type element);

} // namespace nnc::nn
