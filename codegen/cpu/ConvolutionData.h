// What both ways of forward convolutions and input gradients share: the task's
// part, its planes, and how finished rows leave. Inside the convolution engine only.
#pragma once

#include "codegen/cpu/ConvolutionTask.h"

namespace nnc::cpu {

/// The code of one task. Derived classes reduce; this class fills and finishes.
struct DataTask {
  LoopEmitter &emit;
  const ConvolutionProblem &problem;
  const ConvolutionSchedule &schedule;
  Plane plane;
  PlaneEmitter planes;
  GroupChannels channels;
  mlir::VectorType type;
  bool inputGradient, oneReductionBlock;
  int64_t taps, phases;
  mlir::Value slab, row; // planes of the data; one joined row of an input gradient

  // Of the task at hand.
  mlir::Value image, group, firstImage, lastImage, firstChannel, channelCount;
  Values tileStart;

  DataTask(LoopEmitter &emit, const ConvolutionProblem &problem,
           const ConvolutionSchedule &schedule);

  Values grid();
  /// Sets what is of the task at hand, and clears the planes.
  void begin(mlir::Value task, int64_t slabElements);
  void forEachImage(llvm::function_ref<void()> body);
  /// Channels reduced over from firstReduced on, in this block.
  mlir::Value reducedCount(mlir::Value firstReduced);
  void fillPlanes(mlir::Value firstReduced, mlir::Value count);
  /// Hands the tile's pixels of one result channel (of the group) to `store`:
  /// from `planar`, a plane of flat pixels for each phase, starting at `from`.
  void finishRow(mlir::Value planar, mlir::Value from, mlir::Value channel);

private:
  mlir::Value batch();
  void withResultIndex(int axis, mlir::Value place, int64_t phase,
                       llvm::function_ref<void(mlir::Value)> body);
  void finishInterleaved(mlir::Value planar, mlir::Value start, mlir::Value count,
                         mlir::Value line,
                         llvm::function_ref<void(mlir::Value, mlir::Value, mlir::Value,
                                                 mlir::Value)>
                             storeRow);
};

/// Elements of one result channel's flat pixels, all phases, and slack.
int64_t planarPitch(const Plane &plane);
/// Elements of a joined row.
int64_t joinedRowElements(const Plane &plane);

/// Hands out parts of worker scratch one after the other.
struct ScratchCutter {
  LoopEmitter &emit;
  mlir::Value bytes;
  mlir::Type element;
  int64_t offset = 0;

  mlir::Value take(int64_t count);
};

} // namespace nnc::cpu
