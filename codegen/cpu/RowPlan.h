// What the Row family knows about a region before it emits anything: the axes as
// groups, the reductions by passes, what is kept between passes, and whether the
// reduction is split into partial results.
#pragma once

#include "codegen/cpu/KernelContext.h"
#include "dialects/nn/Dims.h"
#include "dialects/nn/Kernel/KernelMemory.h"

namespace nnc::cpu {

struct RowPlan {
  /// Null where the region is not of the form stated in Row.cpp; `why` says where.
  static std::optional<RowPlan> make(nn::KernelOp kernel, const Target &target, std::string *why = nullptr);

  struct Group {
    llvm::SmallVector<int64_t> axes; ///< adjacent, walked as one
    bool reduced;
    mlir::AffineExpr size;
  };

  nn::Dims dims, reducedDims;
  llvm::SmallVector<Group> groups; ///< outer to inner, without unit axes
  bool lanesReduced;               ///< the innermost group is reduced: lanes lie along it
  int64_t lanes, cost;
  /// Reductions of one pass: their inputs need results of earlier passes only.
  llvm::SmallVector<llvm::SmallVector<nn::ReduceOp>> passes;
  llvm::SmallVector<unsigned> fullResults, reducedResults;
  mlir::AffineExpr reducedSize, keptSize;

  /// A row of so few vectors that they stay in registers over all passes (0: no).
  int64_t registerVectors = 0;
  /// Dear values that several passes read, and the pass that computes them: kept in
  /// the worker's scratch, one slot of the reduced size each.
  llvm::SmallVector<std::pair<mlir::Value, size_t>> cached;
  /// The reduction is split into at most `mostPartials` partial results.
  bool split = false;
  static constexpr int64_t mostPartials = 64;

  int64_t elementsPerTask() const { return cost < 20 ? 65536 : cost < 60 ? 32768 : 8192; }
  nn::KernelMemory memory() const;
  std::string describe() const;
  /// Byte offset of a cached value's slot.
  int64_t cacheOffset(size_t slot) const;

private:
  void findCached(nn::KernelOp kernel);
  void decideSplit();
};

} // namespace nnc::cpu
