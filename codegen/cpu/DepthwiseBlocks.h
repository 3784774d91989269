// What the depthwise kernels of all directions share: an axis in units, blocks of
// units along it, and rows of data read in vectors. Inside that engine only.
#pragma once

#include "codegen/cpu/Depthwise.h"
#include "codegen/cpu/MicroKernel.h"

#include "llvm/ADT/DenseMap.h"

#include <array>

namespace nnc::cpu {

/// One spatial axis. Results come in units: one result each, or, of an input
/// gradient, `stride` of them (phases). Unit u and filter tap k give result
/// u * unit + phase(k) from the data's index u * step + at(k).
struct DepthwiseAxis {
  int64_t kernel, stride, padding, dilation;
  bool inputGradient;
  Extent data, result;

  int64_t unit() const { return inputGradient ? stride : 1; }
  int64_t step() const { return inputGradient ? 1 : stride; }
  int64_t phase(int64_t tap) const;
  int64_t at(int64_t tap) const;
  int64_t lowest() const;  // of at(k)
  int64_t highest() const;
};

using DepthwiseAxes = std::array<DepthwiseAxis, 3>;

/// The axes of a problem, padded in front with ones to rank 3.
DepthwiseAxes depthwiseAxes(const ConvolutionProblem &problem);

/// Units along an axis. `inside`: all the data that they read exists, and all
/// their results do.
struct UnitBlock {
  mlir::Value start;
  int64_t units;
  bool inside;
};

/// How an axis is cut into blocks of `size` units.
struct UnitBlocks {
  int64_t size;
  /// Units are lanes of a vector. Those in front then always start at constants, and
  /// the last of a known size has no more lanes than it needs.
  bool lanes;
  /// Blocks at either end whose data or results may not exist are written out, with
  /// what is known there folded, if they are no more than this; otherwise they are a loop.
  int64_t writtenOut;
};

UnitBlocks rowBlocks(const DepthwiseSchedule &schedule, const DepthwiseAxis &axis);
UnitBlocks columnBlocks(const DepthwiseSchedule &schedule);

/// Covers an axis with blocks; carries values through.
using UnitBody = llvm::function_ref<Values(const UnitBlock &, mlir::ValueRange)>;
Values forEachBlock(LoopEmitter &emit, const DepthwiseAxis &axis, const UnitBlocks &blocks,
                    mlir::ValueRange carried, UnitBody body);

/// A size of the problem as a value.
mlir::Value valueOf(LoopEmitter &emit, const Extent &extent);

/// `left` and `right`, where null is what holds for certain.
mlir::Value both(LoopEmitter &emit, mlir::Value left, mlir::Value right);

/// Whether 0 <= index < size; null if that is `known`.
mlir::Value within(LoopEmitter &emit, mlir::Value index, mlir::Value size, bool known);

/// A row of a channel's data, read for the lanes of a block of columns.
class DepthwiseRow {
public:
  /// `position` of the row's first element; `exists` null: it does.
  DepthwiseRow(LoopEmitter &emit, const ConvolutionProblem::Read &read, const DepthwiseAxis &axis,
               mlir::VectorType type, const UnitBlock &columns, mlir::Value image,
               mlir::Value channel, mlir::Value position, mlir::Value exists)
      : emit(emit), read(read), axis(axis), type(type), columns(columns), image(image),
        channel(channel), position(position), exists(exists) {}

  /// What filter tap `tap` reads for each lane; zero outside the data.
  mlir::Value tap(int64_t tap);

private:
  mlir::Value consecutive(int64_t at);

  LoopEmitter &emit;
  const ConvolutionProblem::Read &read;
  const DepthwiseAxis &axis;
  mlir::VectorType type;
  const UnitBlock &columns;
  mlir::Value image, channel, position, exists;
  llvm::DenseMap<int64_t, mlir::Value> known; // by place of the first lane
};

void emitDepthwiseData(LoopEmitter &emit, const ConvolutionProblem &problem,
                       const DepthwiseSchedule &schedule, mlir::Value image, mlir::Value channel);
void emitDepthwiseFilter(LoopEmitter &emit, const ConvolutionProblem &problem,
                         const DepthwiseSchedule &schedule, mlir::Value channel);

} // namespace nnc::cpu
