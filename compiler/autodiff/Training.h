// Stage TRAIN: from the imported `forward`, the functions of a training artefact.
// Each is one nn function with its state as arguments and `nn.updates` results.
#pragma once

#include "compiler/Compiler.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace nnc {

/// Adds @train_step, @forward_backward and @optimizer_step for a loss over the
/// first output of @forward (or, for the loss "output", that output itself).
mlir::LogicalResult addTraining(mlir::ModuleOp module, mlir::func::FuncOp forward, const NamedOptions &loss,
                                const NamedOptions &optimizer);

/// Adds @grad: inputs, then a cotangent for each float output; returns the
/// outputs, `grad:i` of each float input, `grad:NAME` of each parameter, and
/// `buffer:NAME` of each buffer that the forward changed.
mlir::LogicalResult addGradient(mlir::ModuleOp module, mlir::func::FuncOp forward);

/// The learning rate an optimizer starts with: its option `lr`, or torch's default.
double initialLearningRate(const NamedOptions &optimizer);

} // namespace nnc
