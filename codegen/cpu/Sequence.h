// The tasks of the Sequence family: a block of batch rows goes through all steps of
// a recurrent layer with its state in the worker's scratch. Forward in Sequence.cpp,
// the gradient in SequenceGradient.cpp.
#pragma once

#include "codegen/cpu/KernelContext.h"
#include "codegen/cpu/MicroKernel.h"

namespace nnc::cpu {

/// Rows of the batch that one task takes at most: each reads all weights once a step.
constexpr int64_t sequenceRows = 16;

/// Register tiles of the products: so many rows, and so many of `vectors` for a tile of
/// `rows`; accumulators, the vectors of a step and a splat fit into the registers.
constexpr int64_t sequenceTileRows = 6;
int64_t sequenceTileVectors(const Target &target, int64_t rows, int64_t vectors);

/// Elements between rows of `count` in scratch: some lines more, so that the rows of a tile do
/// not all lie in one set of the cache.
int64_t sequencePitch(int64_t count);

/// Shapes and buffers that both directions share. gates [T, N, G * H].
class SequenceTask : public LoopEmitter {
public:
  SequenceTask(KernelContext &context, mlir::Operation *op, mlir::Value gates, nn::RecurrenceKind kind, bool reverse,
               int64_t hidden, mlir::Value task);

protected:
  KernelContext &c;
  mlir::Operation *op;
  nn::RecurrenceKind kind;
  bool reverse;
  int64_t hidden, gateCount;
  mlir::Type element;
  mlir::VectorType vector; ///< one register
  mlir::Value steps, batch, firstRow, rows; ///< of this task

  /// The buffer of a result of `op`; null if nobody uses it.
  mlir::Value resultBuffer(mlir::Value result);
  /// `count` elements of scratch after those taken before.
  mlir::Value takeScratch(int64_t count);
  /// Row-major position (step, firstRow + row, column) of [T, N, width].
  mlir::Value at(mlir::Value step, mlir::Value row, int64_t width, mlir::Value column);
  /// The step that is computed `s`-th.
  mlir::Value stepOf(mlir::Value s) { return reverse ? sub(sub(steps, index(1)), s) : s; }
  /// rows x hidden elements, in vectors: body(row, column, activeLanes).
  void overState(llvm::function_ref<void(mlir::Value, mlir::Value, mlir::Value)> body);

  mlir::Value logistic(mlir::Value x);
  mlir::Value tanh(mlir::Value x);
  mlir::Value gatedTanh(mlir::Value gate, mlir::Value x); ///< logistic(gate) * tanh(x)
  mlir::Value plus(mlir::Value x, mlir::Value y);
  mlir::Value minus(mlir::Value x, mlir::Value y);
  mlir::Value times(mlir::Value x, mlir::Value y);
  mlir::Value timesPlus(mlir::Value x, mlir::Value y, mlir::Value z); ///< x * y + z
  mlir::Value splat(mlir::VectorType type, double value);
  mlir::Value oneLess(mlir::Value x) { return minus(splat(mlir::cast<mlir::VectorType>(x.getType()), 1.0), x); } ///< 1 - x

private:
  int64_t scratchTaken = 0; // bytes
};

int64_t sequenceScratchBytes(nn::RecurrenceOp op);
int64_t sequenceScratchBytes(nn::RecurrenceGradOp op);
void emitSequenceTask(KernelContext &context, nn::RecurrenceOp op, mlir::Value task);
void emitSequenceTask(KernelContext &context, nn::RecurrenceGradOp op, mlir::Value task);

} // namespace nnc::cpu
