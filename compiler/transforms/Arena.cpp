#include "compiler/transforms/Arena.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <numeric>
#include <tuple>

using namespace llvm;

namespace nnc {

int64_t largestLiveSet(ArrayRef<ArenaTenant> tenants) {
  int64_t largest = 0;
  for (const ArenaTenant &each : tenants) { // a set is largest where one of it begins
    int64_t live = 0;
    for (const ArenaTenant &other : tenants)
      if (other.first <= each.first && each.first <= other.last)
        live += other.bytes;
    largest = std::max(largest, live);
  }
  return largest;
}

/// Places the tenants in this order; returns the bytes of all.
static int64_t place(MutableArrayRef<ArenaTenant> tenants, ArrayRef<unsigned> order) {
  SmallVector<unsigned> placed; // by offset
  int64_t total = 0;
  for (unsigned next : order) {
    ArenaTenant &tenant = tenants[next];
    int64_t end = 0, best = -1, tightest = 0;
    for (unsigned other : placed) {
      if (!tenant.meets(tenants[other]))
        continue;
      int64_t gap = tenants[other].offset - end;
      if (gap >= tenant.bytes && (best < 0 || gap < tightest)) {
        best = end;
        tightest = gap;
      }
      end = std::max(end, tenants[other].offset + tenants[other].bytes);
    }
    tenant.offset = best < 0 ? end : best;
    total = std::max(total, tenant.offset + tenant.bytes);
    placed.insert(llvm::upper_bound(placed, tenant.offset, [&](int64_t offset, unsigned other) { return offset < tenants[other].offset; }), next);
  }
  return total;
}

int64_t packArena(MutableArrayRef<ArenaTenant> tenants) {
  SmallVector<unsigned> order(tenants.size());
  std::iota(order.begin(), order.end(), 0);
  using Key = std::tuple<int64_t, int64_t, int64_t>;
  Key (*const keys[])(const ArenaTenant &) = {
      [](const ArenaTenant &t) { return Key(-t.bytes, t.first - t.last, t.first); },
      [](const ArenaTenant &t) { return Key(t.first - t.last, -t.bytes, t.first); },
      [](const ArenaTenant &t) { return Key(-t.bytes * (t.last - t.first + 1), -t.bytes, t.first); },
      [](const ArenaTenant &t) { return Key(t.first, -t.bytes, -t.last); },
      [](const ArenaTenant &t) { return Key(-t.last, -t.bytes, t.first); },
  };
  const int64_t least = largestLiveSet(tenants);
  int64_t best = -1;
  SmallVector<int64_t> offsets(tenants.size());
  for (auto key : keys) {
    llvm::sort(order, [&](unsigned a, unsigned b) { return std::tuple(key(tenants[a]), a) < std::tuple(key(tenants[b]), b); });
    int64_t total = place(tenants, order);
    if (best >= 0 && total >= best)
      continue;
    best = total;
    for (auto [offset, tenant] : zip(offsets, tenants))
      offset = tenant.offset;
    if (best == least)
      break;
  }
  for (auto [offset, tenant] : zip(offsets, tenants))
    tenant.offset = offset;
  return std::max<int64_t>(best, 0);
}

SmallVector<SmallVector<unsigned>> tenantsBelow(ArrayRef<ArenaTenant> tenants) {
  SmallVector<unsigned> order(tenants.size());
  std::iota(order.begin(), order.end(), 0);
  // One of no bytes shares its offset with the next.
  llvm::sort(order, [&](unsigned a, unsigned b) {
    return std::tuple(tenants[a].offset, tenants[a].bytes, a) < std::tuple(tenants[b].offset, tenants[b].bytes, b);
  });
  SmallVector<SmallVector<unsigned>> below(tenants.size());
  SmallVector<BitVector> beneath(tenants.size(), BitVector(tenants.size())); // directly or not
  for (size_t i = 0; i < order.size(); ++i) {
    unsigned self = order[i];
    for (size_t j = i; j-- > 0;) {
      unsigned other = order[j];
      if (beneath[self][other] || !tenants[self].meets(tenants[other]))
        continue;
      below[self].push_back(other);
      beneath[self].set(other);
      beneath[self] |= beneath[other];
    }
  }
  return below;
}

} // namespace nnc
