// Emits the tasks of a Row kernel: the loops over rows, the passes of a row, its
// results. Row.cpp has the tasks, RowCombine.cpp the reductions' arithmetic,
// RowReduced.cpp and RowKept.cpp the two ways to lay lanes.
#pragma once

#include "codegen/cpu/RowPlan.h"
#include "codegen/cpu/VectorReader.h"

namespace nnc::cpu {

class RowEmitter {
public:
  RowEmitter(KernelContext &context, const RowPlan &plan) : c(context), plan(plan) {}

  mlir::Value emitTaskCount(unsigned phase);
  void emitTask(mlir::Value task, unsigned phase);

private:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;
  using Reduces = llvm::ArrayRef<nn::ReduceOp>;
  using Groups = llvm::ArrayRef<const RowPlan::Group *>;
  /// Reductions of the row and their values, as far as they are known.
  using Bindings = llvm::SmallVector<std::pair<mlir::Value, mlir::Value>>;

  // --- Tasks --------------------------------------------------------------------
  void layOutTasks();
  void emitRows(Value first, Value last, Value from, Value to, bool combine);
  /// The outermost reduced group: a split reduction is cut along it.
  const RowPlan::Group &splitGroup() const;
  std::pair<Value, Value> rangeOf(const RowPlan::Group &group);
  /// Reduced groups that lanes do not lie along.
  llvm::SmallVector<const RowPlan::Group *> outerReduced() const;
  llvm::SmallVector<LaneIndex> lanesAt(Value position);
  /// The same of the reductions' shape; without lanes where they lie along a reduced axis.
  llvm::SmallVector<LaneIndex> reducedAt(Value position);
  static Value inputOf(nn::ReduceOp reduce) { return reduce.getInput(); }
  static Value resultOf(nn::ReduceOp reduce) { return reduce.getResult(); }
  Value result(unsigned r) { return c.yield().getValues()[r]; }

  // --- Combining ------------------------------------------------------------------
  Value identity(nn::ReduceOp reduce);
  Values identities(Reduces reduces); ///< as vectors
  Value broadcast(Value scalar);
  Value combine(nn::ReduceOp reduce, Value a, Value b);
  Value combineLanes(nn::ReduceOp reduce, Value vector);
  /// Sets of accumulators, one after the other, into one set.
  Values combineSets(Reduces reduces, Values sets);
  /// A sum is cut into blocks of this many steps: its error grows with the steps
  /// within a block and the number of blocks, not with their product.
  static constexpr int64_t blockSteps = 128;
  /// Accumulators (for each of some vectors, one a reduction) over [from, to): `body`
  /// gives those of a block, which are combined with `carried`.
  Values inBlocks(Value from, Value to, int64_t blockSize, Values carried, Reduces reduces,
                  llvm::function_ref<Values(Value low, Value high)> body);
  /// Reduction nests over groups: each level sums what the level within has summed.
  Values cascade(Groups groups, Reduces reduces, size_t copies, llvm::function_ref<Values(mlir::ValueRange)> body);
  /// `for` nests over groups; each sets its index.
  void overGroups(Groups groups, llvm::function_ref<void()> body);
  static void bind(VectorReader &reader, const Bindings &known);

  // --- Lanes along the reduced axis -------------------------------------------------
  void emitAlongReduced();
  void emitInRegisters();
  void storeReducedScalars(const Bindings &known);
  Value cacheOf(size_t slot);
  Value cachePosition(Value lane);
  void useCached(VectorReader &reader, Value lane);
  void storeCached(VectorReader &reader, Value lane);

  // --- Lanes along the kept axis ----------------------------------------------------
  /// Calls `block` for four vectors at a time, then single ones, then a masked one.
  void overColumns(Value from, Value to, llvm::function_ref<void(llvm::ArrayRef<Value>, Value active)> block);
  void emitColumnBlock(llvm::ArrayRef<Value> positions, Value active);
  void storeReducedVectors(const Bindings &known, Value position, Value active);

  // --- Partial results ----------------------------------------------------------------
  Value partialsOf(size_t i);
  Value partialPosition(Value number, Value keptPosition);
  void storePartials(const Bindings &known);
  void storePartials(const Bindings &known, Value position, Value active);
  void combinePartials(Value from, Value to);

  KernelContext &c;
  const RowPlan &plan;
  size_t pass = 0;
  llvm::SmallVector<LaneIndex> index; ///< of the kept and the outer reduced groups
  Value rows, columns, rowsPerTask, columnsPerTask, columnBlocks, tasks, partials;
  Value partial, splitFrom, splitTo; ///< null unless the reduction is split
};

} // namespace nnc::cpu
