// Winograd's minimal filtering for 3x3 convolutions of stride 1 and for their input
// gradients (dialects/nn/Conv/Winograd.h has the algorithm). Inside the convolution
// engine only.
#pragma once

#include "codegen/cpu/ConvolutionTask.h"
#include "dialects/nn/Conv/Winograd.h"

namespace nnc::cpu {

/// Whether the geometry admits it: two axes of known sizes, 3x3, stride and dilation 1, one group.
bool admitsWinograd(const ConvolutionProblem &problem);

/// The cheapest schedule for tiles of `outputs` x `outputs`, and its cycles for the
/// usual batch, what the memory of the packed filter costs included.
ConvolutionSchedule scheduleWinograd(const ConvolutionProblem &problem, const Target &target,
                                     int64_t outputs, double *cycles = nullptr);

/// Cycles of packing the filter, and of reading so many elements of a filter from
/// wherever they stay between two calls.
double winogradFilterCycles(const ConvolutionProblem &problem, const Target &target,
                            int64_t outputs);
double filterReadCycles(int64_t elements, const ConvolutionProblem &problem,
                        const Target &target);

/// Scratch of a task, in elements: transformed inputs [product][tile][channel], products
/// [product][tile][result channel], padded rows of the input and rows of the result with
/// channels in lanes, rows of the result with channels one after the other. Where tasks share
/// their inputs, these are in shared scratch, a task's tiles after another's.
struct WinogradScratch {
  int64_t inputs, products, padded, results, planar;
  int64_t shared = 0;   // inputs of all tasks
  int64_t inputPitch;   // between tiles of the transformed input: an odd number of vectors
  int64_t paddedWidth;  // pixels of a padded row
  int64_t resultWidth;  // pixels of a row of the result, whole tiles
  int64_t planarWidth;  // pixels of a row as it leaves
  int64_t planarPitch;  // between channels
  int64_t perWorker() const { return (shared ? 0 : inputs) + products + padded + results + planar; }

  /// Reduced channels that a task of the phase that transforms shared inputs takes.
  static constexpr int64_t channelsPerTask = 32;

  WinogradScratch(const ConvolutionProblem &problem, const ConvolutionSchedule &schedule);
};

/// Phase 0 of two transforms the inputs that tasks share.
Values winogradTaskGrid(LoopEmitter &emit, const ConvolutionProblem &problem,
                        const ConvolutionSchedule &schedule, unsigned phase);
void emitWinogradTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                      const ConvolutionSchedule &schedule, mlir::Value task,
                      mlir::Value workerScratch, mlir::Value sharedScratch, unsigned phase);

/// matrix * values, row by row of the matrix; values are vectors of floats.
Values emitLinear(LoopEmitter &emit, llvm::ArrayRef<double> matrix, mlir::ValueRange values);
/// matrix * square * matrix^T for a square of values, row by row.
Values emitSquare(LoopEmitter &emit, llvm::ArrayRef<double> matrix, mlir::ValueRange square,
                  int64_t side);

} // namespace nnc::cpu
