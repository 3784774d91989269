// What the tasks of the three directions share: sizes per group, and the
// layout of their scratch. Inside the convolution engine only.
#pragma once

#include "codegen/cpu/Convolution.h"
#include "codegen/cpu/ConvolutionPlane.h"

namespace nnc::cpu {

/// Channels of a group. Result channels are those that a task produces
/// (filters of a weight gradient), reduced ones those it sums over (the other
/// channels of a filter).
struct GroupChannels {
  int64_t result, reduced;
  explicit GroupChannels(const ConvolutionProblem &problem);
};

/// Scratch of a forward or input-gradient task, in elements.
struct DataScratch {
  int64_t slab, filter, block, row;
  int64_t elements() const { return slab + filter + block + row; }

  DataScratch(const ConvolutionProblem &problem, const ConvolutionSchedule &schedule,
              const Plane &plane);
};

/// The same with lanes along channels: filter as [channel panel][c, tap][panel
/// width], sums as [pixel][channels], and the planar rows of a vector of channels.
struct DataLanesScratch {
  int64_t slab, filter, sums, planar, row;
  int64_t panelSteps;   // (c, tap) of a panel, rounded up
  int64_t channelPitch; // from a pixel's sums to the next one's
  int64_t elements() const { return slab + filter + sums + planar + row; }

  DataLanesScratch(const ConvolutionProblem &problem, const ConvolutionSchedule &schedule,
                   const Plane &plane);
};

/// Scratch of a weight-gradient task, in elements.
struct FilterScratch {
  int64_t slab, gradients, sums, sumsPitch;
  int64_t elements() const { return slab + gradients + 2 * sums; }

  FilterScratch(const ConvolutionProblem &problem, const ConvolutionSchedule &schedule,
                const Plane &plane);
};

/// Scratch of a weight-gradient task with lanes along channels, in elements:
/// planes of x, dy as [channel panel][pixel][panel width], sums as [c, tap][k].
struct FilterLanesScratch {
  int64_t slab, gradients, sums;
  int64_t channelPitch; // result channels of a block, in whole vectors
  int64_t elements() const { return slab + gradients + sums; }

  FilterLanesScratch(const ConvolutionProblem &problem, const ConvolutionSchedule &schedule,
                     const Plane &plane);
};

/// Vectors of a packed filter that are asked for ahead. It is read once a task, from
/// memory in a large network: hardware alone fetches it at two thirds of this speed.
constexpr int64_t prefetchDistance = 64;

/// Elements of the plain filter.
int64_t filterElements(const ConvolutionProblem &problem);

/// Elements of the filter that a task of a weight gradient's second phase adds up.
constexpr int64_t combinedElements = 4096;

/// Tasks along each axis of a direction's grid: for data (image blocks,
/// groups, result channel blocks, tiles...), for filters (splits, groups,
/// filter blocks, channel blocks).
Values dataTaskGrid(LoopEmitter &emit, const ConvolutionProblem &problem,
                    const ConvolutionSchedule &schedule);
Values filterTaskGrid(LoopEmitter &emit, const ConvolutionProblem &problem,
                      const ConvolutionSchedule &schedule);

void emitDataTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                  const ConvolutionSchedule &schedule, mlir::Value task,
                  mlir::Value workerScratch);
void emitDataLanesTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                       const ConvolutionSchedule &schedule, mlir::Value task,
                       mlir::Value workerScratch);
void emitFilterTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                    const ConvolutionSchedule &schedule, mlir::Value task,
                    mlir::Value workerScratch, mlir::Value sharedScratch);
void emitFilterLanesTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                         const ConvolutionSchedule &schedule, mlir::Value task,
                         mlir::Value workerScratch, mlir::Value sharedScratch);
void emitFilterCombineTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                           const ConvolutionSchedule &schedule, mlir::Value task,
                           mlir::Value sharedScratch);

} // namespace nnc::cpu
