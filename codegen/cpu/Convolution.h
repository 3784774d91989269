// Convolutions of rank 1 to 3 on plain [N, C, spatial...] buffers, and their
// two gradients, as products on padded planes: a task copies its part of the
// input once into a zero-padded plane where every filter tap is one offset.
#pragma once

#include "codegen/cpu/Contract.h"

#include "llvm/ADT/SmallVector.h"

namespace nnc::cpu {

/// Shapes in torch's terms: x [batch, inChannels, input...], w [outChannels,
/// inChannels / groups, kernel...], y [batch, outChannels, output...], where
/// y at o reads x at o * stride - padding + tap * dilation. Channels and
/// kernel are always known; batch and spatial sizes may be dynamic.
struct ConvolutionGeometry {
  Extent batch;
  int64_t groups = 1, inChannels = 0, outChannels = 0;
  llvm::SmallVector<Extent, 3> input, output; // spatial sizes, rank of them
  llvm::SmallVector<int64_t, 3> kernel, stride, padding, dilation; // padding: the low side
};

enum class ConvolutionDirection {
  Forward,        // data x, filter w -> y
  InputGradient,  // data dy, filter w -> dx (also the transposed convolution)
  WeightGradient, // data x, filter's place: dy -> dw
};

struct ConvolutionProblem {
  ConvolutionDirection direction = ConvolutionDirection::Forward;
  mlir::Type elementType; // f32 or f64
  ConvolutionGeometry geometry;
  /// The filter was packed ahead: for a direct sum [group][vector of result channels]
  /// [reduced channel][tap][lane], which is read with lanes along channels; or for Winograd
  /// tiles of `winograd` results along an axis (0: a direct sum).
  bool packed = false;
  int64_t winograd = 0;

  /// Reads consecutive elements of x, dy or y-shaped data: of `image`,
  /// `channel`, starting at `position` in the plane (flattened spatial
  /// index). Only the first `activeLanes` may be read (null: all), the others
  /// are returned as zero. A prologue is applied here.
  using Read = std::function<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::VectorType,
                                         mlir::Value image, mlir::Value channel,
                                         mlir::Value position, mlir::Value activeLanes)>;
  /// Consecutive elements of the plain filter, from a flat index.
  using ReadFilter =
      std::function<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::VectorType,
                                mlir::Value index, mlir::Value activeLanes)>;
  /// Forward: y at (image, channel, position). InputGradient: dx, likewise.
  /// WeightGradient: dw, with (0, 0, flat index of w).
  using Store = std::function<void(mlir::OpBuilder &, mlir::Location, mlir::Value image,
                                   mlir::Value channel, mlir::Value position,
                                   mlir::Value vector, mlir::Value activeLanes)>;
  /// Asks for the cache line of an element of the packed filter.
  std::function<void(mlir::OpBuilder &, mlir::Location, mlir::Value index)> prefetchFilter;
  Read data;           // x (Forward, WeightGradient), dy (InputGradient)
  ReadFilter filter;   // w (Forward, InputGradient), or its packed form
  Read outputGradient; // dy (WeightGradient)
  Store store;
};

/// Sizes of a task's part and of its register tile; spatial sizes are padded
/// in front with 1 to rank 3.
struct ConvolutionSchedule {
  /// What a vector holds. Pixels: rows of a tile are channels of the result.
  /// Channels (of the result; of dy for a weight gradient): rows are pixels, or
  /// filter taps; for many channels and small images.
  enum class Lanes { Pixels, Channels };
  Lanes along = Lanes::Pixels;
  /// Results of a Winograd tile along an axis; 0: a direct sum. `tile` and `tileRows`
  /// then count such tiles.
  int64_t winograd = 0;
  int64_t lanes = 0;
  int64_t tileRows = 0;       // register tile: rows...
  int64_t tileVectors = 0;    // ...times vectors (weight gradient along pixels: taps)
  int64_t tileWidth = 1;      // forward and input gradient along channels: a tile's pixels a row
  int64_t tile[3] = {1, 1, 1}; // a task's output pixels
  int64_t blockChannels = 0;  // channels of the result per task
  int64_t blockReduction = 0; // channels reduced over between two padded copies
  int64_t images = 1;         // images per task (or per padded copy)
  int64_t splits = 1;         // WeightGradient: partial sums over images and tiles
  /// Winograd's transformed inputs are made in a phase of their own, once for all blocks of the
  /// result's channels.
  bool sharesInputs = false;
  /// Forward and input gradient along channels: a register tile's part of the packed filter stays in
  /// first-level cache while all pixels of the task pass.
  bool keepsFilter = false;
  double cycles = 0;          // what the cost model expects of an image

  unsigned phases() const { return splits > 1 || sharesInputs ? 2 : 1; }
};

ConvolutionSchedule scheduleConvolution(const ConvolutionProblem &problem, const Target &target);

/// How a filter is best packed.
struct FilterPacking {
  bool packed = false;
  int64_t winograd = 0;
};
/// `isKept`: the packed filter is made once for many calls, otherwise in every call.
FilterPacking chooseFilterPacking(ConvolutionProblem problem, const Target &target,
                                  bool admitWinograd, bool isKept);

/// The schedule in a line for people.
std::string describe(const ConvolutionSchedule &schedule);

ContractFootprint footprint(const ConvolutionProblem &problem,
                            const ConvolutionSchedule &schedule);

mlir::Value emitTaskCount(mlir::OpBuilder &builder, mlir::Location loc,
                          const ConvolutionProblem &problem,
                          const ConvolutionSchedule &schedule, unsigned phase = 0);

void emitConvolutionTask(mlir::OpBuilder &builder, mlir::Location loc,
                         const ConvolutionProblem &problem,
                         const ConvolutionSchedule &schedule, mlir::Value task,
                         mlir::Value workerScratch, mlir::Value sharedScratch = {},
                         unsigned phase = 0);

} // namespace nnc::cpu
