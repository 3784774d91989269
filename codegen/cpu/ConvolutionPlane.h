// The padded plane of a convolution: a task copies what its tile reads of one
// channel into it, zeros around; a filter tap is then the read at a constant distance. Where
// vectors are read (lanes along pixels) the plane is split by residue modulo the stride, and a
// result pixel is a flat number p from which its taps are read. Where single elements are read
// (along channels) it keeps the source's order, which is quicker to copy, unless taps need
// only some of the residues.
#pragma once

#include "codegen/cpu/Convolution.h"
#include "codegen/cpu/MicroKernel.h"

#include <array>

namespace nnc::cpu {

/// One spatial axis. The source is what is copied (x, or dy of an input
/// gradient). Its index of residue r and place v in the plane is
/// (tileStart * spread + v) * step + r - shift.
struct PlaneAxis {
  int64_t kernel, stride, padding, dilation;
  int64_t step;         // from one place of a residue to the next in the source
  int64_t spread;       // places from one result pixel to the next
  int64_t residues;     // planes of residue 0 .. residues-1 modulo step
  int64_t resultPhases; // input gradient: residues of the result modulo the stride
  int64_t halo, shift;
  int64_t tile;         // result pixels (of one phase) of a task
  int64_t places;       // size of the plane along this axis
  Extent source, result;
  bool oneTile; // one tile covers the axis
  bool inputGradient;

  /// Place and residue that tap `tap` reads for result place 0; none where
  /// the tap does not belong to the result's phase.
  bool tapPlace(int64_t tap, int64_t resultPhase, int64_t &residue, int64_t &place) const;
};

/// A filter tap: where it reads in the plane and its number in the filter.
struct PlaneTap {
  int64_t place, filter;
};

/// Taps in rows that follow at constant distances: a loop of `count` rounds over `taps`.
struct TapLoop {
  int64_t count, placeStep, filterStep;
  llvm::SmallVector<PlaneTap> taps;
};

struct Plane {
  std::array<PlaneAxis, 3> axis;
  int64_t lanes;

  /// Of a task of the schedule, whose tile, lanes and their direction must be set.
  Plane(const ConvolutionProblem &problem, const ConvolutionSchedule &schedule);

  int64_t taps() const { return axis[0].kernel * axis[1].kernel * axis[2].kernel; }
  int64_t elements() const;     // of one channel of one image
  int64_t pixels() const;       // flat result pixels of a tile as planar rows, gaps between them included
  int64_t vectors() const;      // that they take
  int64_t furthestTap() const;  // largest place of a tap
  int64_t resultPhases() const; // product over the axes
  /// Elements of `planes` of them, with what vectors read and write behind the last.
  int64_t slabElements(int64_t planes) const;
  /// From the plane's start to what result (d, h, w) of the tile reads for a tap at place 0.
  int64_t placeOf(int64_t d, int64_t h, int64_t w) const {
    return (d * axis[0].spread * axis[1].places + h * axis[1].spread) * axis[2].places + w * axis[2].spread;
  }
  bool oneTile() const { return axis[0].oneTile && axis[1].oneTile && axis[2].oneTile; }

  llvm::SmallVector<PlaneTap> tapsOf(int64_t resultPhase) const;
  /// The same as few loops, whose rounds are all taps if they are no more than
  /// `unroll`, one tap if `unroll` is 1, otherwise one row of the filter.
  llvm::SmallVector<TapLoop> tapLoops(int64_t resultPhase, int64_t unroll) const;
  /// Digits of a result phase per axis.
  std::array<int64_t, 3> phaseDigits(int64_t resultPhase) const;
};

/// Sizes of a plane's axes as values, and its emission.
struct PlaneEmitter {
  LoopEmitter &emit;
  const Plane &plane;
  mlir::VectorType type;
  Values source, result; // spatial sizes
  Values grid;           // result places per axis (of one phase)

  PlaneEmitter(LoopEmitter &emit, const Plane &plane, mlir::Type element);

  /// Tiles along each axis.
  Values tileGrid();
  void clear(mlir::Value slab, int64_t elements);
  /// Copies one channel's part into the plane that starts at `base` of
  /// `slab`. What lies outside the source must be zero already.
  void fill(const ConvolutionProblem::Read &read, mlir::Value image, mlir::Value channel,
            mlir::ValueRange tileStart, mlir::Value slab, mlir::Value base);
  /// Calls `body` for each row of result places in the tile: the flat pixel
  /// of its first, its places along the outer two axes, and their count.
  void resultRows(mlir::ValueRange tileStart,
                  llvm::function_ref<void(mlir::Value pixel, mlir::Value placeD,
                                          mlir::Value placeH, mlir::Value count)>
                      body);

private:
  void fillRow(const ConvolutionProblem::Read &read, mlir::Value image, mlir::Value channel,
               mlir::Value rowPosition, mlir::Value residue, mlir::Value tileStart,
               mlir::Value slab, mlir::Value rowBase);
};

} // namespace nnc::cpu
