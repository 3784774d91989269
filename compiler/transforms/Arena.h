// Where values lie in the arena: those that live at the same time lie apart.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>

namespace nnc {

/// What is in the arena from the kernel at position `first` to that at `last`, both included.
struct ArenaTenant {
  int64_t bytes = 0;
  int64_t first = 0, last = 0;
  int64_t offset = 0; ///< set by packArena

  bool meets(const ArenaTenant &other) const { return first <= other.last && other.first <= last; }
};

/// The bytes of the largest set that lives at a time: no arena is smaller.
int64_t largestLiveSet(llvm::ArrayRef<ArenaTenant> tenants);

/// Sets the offsets and returns the bytes of the arena. Each tenant takes the tightest gap
/// between those it meets (best fit), in several orders of which the best result is kept
/// (Pisarchyk and Lee, Efficient Memory Management for Deep Neural Net Inference, 2020).
int64_t packArena(llvm::MutableArrayRef<ArenaTenant> tenants);

/// For each of the packed tenants those right below it: with an offset no less than the ends of
/// these, whatever the sizes are, no two that meet overlap. That is what makes a packing
/// for one size of the batch right for all.
llvm::SmallVector<llvm::SmallVector<unsigned>> tenantsBelow(llvm::ArrayRef<ArenaTenant> tenants);

} // namespace nnc
