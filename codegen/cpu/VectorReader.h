// Reads vectors of elements of a kernel's region, pull style: the counterpart of
// KernelContext::element for `lanes` elements at once. Maps, views and random
// numbers become vector code; whatever else is read lane by lane, so that every
// region can be read.
#pragma once

#include "codegen/cpu/KernelContext.h"
#include <map>
#include <vector>

namespace nnc::cpu {

/// Index along one axis for every lane: base + offset + stride * lane, or, where
/// lanes do not follow that form, `lanes` (a vector of index).
struct LaneIndex {
  mlir::Value base; ///< index; null: 0
  int64_t offset = 0;
  int64_t stride = 0;
  mlir::Value lanes;

  static LaneIndex uniform(mlir::Value base) { return {base, 0, 0, {}}; }
  static LaneIndex consecutive(mlir::Value first) { return {first, 0, 1, {}}; }
  bool isUniform() const { return stride == 0 && !lanes; }
};

/// The number of lanes that suits a region: what fills a vector of its narrowest
/// type of 32 bits or more.
int64_t lanesOf(nn::KernelOp kernel, const Target &target);

/// Whether some window along a spatial axis may reach out of the input.
template <typename PoolOp> bool leavesInput(PoolOp pool, size_t axis);

/// One evaluation: values are remembered, so that what several results share is
/// computed once. Make another reader for another place in the code.
class VectorReader {
public:
  /// `active`, a vector of i1, names the lanes to read (null: all); others hold anything.
  VectorReader(KernelContext &context, int64_t lanes, mlir::Value active = {})
      : c(context), lanes(lanes), active(active) {}

  /// Elements of `tensor`: a vector, or a scalar where all lanes read the same.
  mlir::Value read(mlir::Value tensor, llvm::ArrayRef<LaneIndex> index);
  /// The same as a vector in any case.
  mlir::Value readVector(mlir::Value tensor, llvm::ArrayRef<LaneIndex> index) { return splat(read(tensor, index)); }
  /// From now on `tensor` has that value at every index read.
  void bind(mlir::Value tensor, mlir::Value value) { bound[tensor] = value; }

  mlir::Value splat(mlir::Value value);
  /// Elements of a buffer at row-major positions; i1 is widened from bytes.
  mlir::Value load(mlir::Value memref, mlir::Type element, const LaneIndex &position, bool hoist = false);
  /// Stores at consecutive positions.
  void store(mlir::Value value, mlir::Value memref, mlir::Value position);
  /// Row-major positions of elements.
  LaneIndex linearize(llvm::ArrayRef<mlir::AffineExpr> dims, llvm::ArrayRef<LaneIndex> index);
  /// That of the first lane.
  mlir::Value position(llvm::ArrayRef<mlir::AffineExpr> dims, llvm::ArrayRef<LaneIndex> index) {
    return scalarIndex(linearize(dims, index));
  }

  KernelContext &c;
  const int64_t lanes;
  /// Promises of the loops around: all windows along the lanes lie inside their input;
  /// consecutive lanes start at a multiple of their number.
  bool insideWindows = false, startsAtMultiples = false;

private:
  mlir::VectorType vectorOf(mlir::Type element) { return mlir::VectorType::get({lanes}, element); }
  mlir::Value compute(mlir::Value tensor, llvm::ArrayRef<LaneIndex> index);
  mlir::Value readMap(nn::MapOp map, unsigned result, llvm::ArrayRef<LaneIndex> index);
  mlir::Value readReshape(nn::ReshapeOp reshape, llvm::ArrayRef<LaneIndex> index);
  mlir::Value readPad(nn::PadOp pad, llvm::ArrayRef<LaneIndex> index);
  mlir::Value readConcat(nn::ConcatOp concat, llvm::ArrayRef<LaneIndex> index);
  mlir::Value readUniform(nn::UniformOp uniform, llvm::ArrayRef<LaneIndex> index);
  mlir::Value readWindowOp(mlir::Operation *op, unsigned result, llvm::ArrayRef<LaneIndex> index);
  mlir::Value readEachLane(mlir::Value tensor, llvm::ArrayRef<LaneIndex> index);

  // Pooling (WindowReader.cpp).
  using Tap = llvm::function_ref<llvm::SmallVector<mlir::Value>(llvm::ArrayRef<LaneIndex> source, mlir::Value number,
                                                                mlir::ValueRange accumulators)>;
  using ReadWindows = llvm::function_ref<mlir::Value(VectorReader &, llvm::ArrayRef<LaneIndex> window)>;
  using Spread = llvm::function_ref<mlir::Value(ReadWindows)>;
  static bool isRowIndex(llvm::ArrayRef<LaneIndex> index);
  template <typename PoolOp>
  llvm::SmallVector<mlir::Value> overTaps(PoolOp pool, llvm::ArrayRef<LaneIndex> index, mlir::ValueRange initial,
                                          Tap tap);
  mlir::Value readMaxPool(nn::MaxPoolOp pool, unsigned result, llvm::ArrayRef<LaneIndex> index);
  mlir::Value readSumPool(nn::SumPoolOp pool, llvm::ArrayRef<LaneIndex> index);
  template <typename GradOp> bool spreadsOverLanes(GradOp pool, llvm::ArrayRef<LaneIndex> index);
  template <typename GradOp>
  mlir::Value readPoolGrad(GradOp pool, llvm::ArrayRef<LaneIndex> index,
                           llvm::function_ref<mlir::Value(Spread, mlir::Value tap)> term);

  std::vector<const void *> keyOf(mlir::Value tensor, llvm::ArrayRef<LaneIndex> index);
  LaneIndex scaled(const LaneIndex &index, int64_t scale, int64_t offset);
  mlir::Value scalarIndex(const LaneIndex &index); ///< of lane 0
  mlir::Value laneIndices(const LaneIndex &index); ///< vector of index
  mlir::Value laneNumbers(mlir::Type element);     ///< 0, 1, ... as a vector
  mlir::Value loadEverySecond(mlir::Value memref, mlir::VectorType type, mlir::Value first,
                              llvm::function_ref<mlir::Value()> elsewhere);
  mlir::Value narrow(mlir::Value bytes, mlir::Type element);
  mlir::Value withMask(mlir::Value mask, llvm::function_ref<mlir::Value()> read);
  mlir::Value inRange(const LaneIndex &index, mlir::Value low, mlir::Value high);

  mlir::Value active;
  std::map<std::vector<const void *>, mlir::Value> known;
  llvm::DenseMap<mlir::Value, mlir::Value> bound;
};

/// Emits loops over the lanes of [from, to): whole vectors, `unroll` of them in an
/// iteration, then one masked rest. `read` gives the values of a vector, `write`
/// puts them down; all of an iteration is read before any of it is written.
using LaneRead = llvm::function_ref<llvm::SmallVector<mlir::Value>(VectorReader &, mlir::Value position)>;
using LaneWrite = llvm::function_ref<void(VectorReader &, mlir::Value position, llvm::ArrayRef<mlir::Value>)>;
void emitLaneLoop(KernelContext &c, int64_t lanes, int64_t unroll, mlir::Value from, mlir::Value to, LaneRead read,
                  LaneWrite write);

/// The same with accumulators: `combine` takes those of one of the `unroll`
/// independent sets and returns the new ones; `active` is null for whole vectors.
/// Returns the sets one after the other.
using LaneCombine = llvm::function_ref<llvm::SmallVector<mlir::Value>(
    VectorReader &, mlir::Value position, mlir::Value active, mlir::ValueRange accumulators)>;
llvm::SmallVector<mlir::Value> emitLaneReduction(KernelContext &c, int64_t lanes, int64_t unroll, mlir::Value from,
                                                 mlir::Value to, mlir::ValueRange initial, LaneCombine combine);

std::optional<int64_t> constantOf(mlir::Value index);

} // namespace nnc::cpu
