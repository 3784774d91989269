// Packing of the arena: nothing that lives at the same time overlaps, for the sizes that were
// packed and, by what lies below what, for all others; and little space is lost.
#include "compiler/transforms/Arena.h"

#include "llvm/ADT/STLExtras.h"
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

using namespace nnc;

namespace {

int64_t pick(std::mt19937 &random, int64_t low, int64_t high) { return low + int64_t(random() % uint64_t(high - low + 1)); }

void expectApart(llvm::ArrayRef<ArenaTenant> tenants, int64_t total) {
  for (size_t i = 0; i < tenants.size(); ++i) {
    const ArenaTenant &a = tenants[i];
    EXPECT_GE(a.offset, 0);
    EXPECT_LE(a.offset + a.bytes, total);
    for (const ArenaTenant &b : tenants.take_front(i))
      if (a.meets(b))
        EXPECT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset);
  }
}

/// A forward pass whose values all live on until the backward pass comes to them, and
/// short-lived ones between.
std::vector<ArenaTenant> trainingStep(std::mt19937 &random, int64_t layers) {
  std::vector<ArenaTenant> tenants;
  for (int64_t i = 0; i < layers; ++i) {
    tenants.push_back({64 * pick(random, 1, 100), i, 2 * layers - i});
    tenants.push_back({64 * pick(random, 1, 100), i, i + pick(random, 0, 2)});
    tenants.push_back({64 * pick(random, 1, 100), 2 * layers - i, 2 * layers - i + pick(random, 0, 1)});
  }
  return tenants;
}

TEST(Arena, NothingOverlaps) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<ArenaTenant> tenants(pick(random, 0, 40));
    for (ArenaTenant &tenant : tenants) {
      tenant.bytes = 64 * pick(random, 0, 20);
      tenant.first = pick(random, 0, 30);
      tenant.last = tenant.first + pick(random, 0, 10);
    }
    int64_t total = packArena(tenants);
    EXPECT_GE(total, largestLiveSet(tenants));
    expectApart(tenants, total);
  }
}

TEST(Arena, LosesLittle) {
  std::mt19937 random(2);
  for (int round = 0; round < 20; ++round) {
    std::vector<ArenaTenant> tenants = trainingStep(random, 60);
    EXPECT_LE(packArena(tenants), 1.06 * largestLiveSet(tenants));
  }
}

TEST(Arena, WhatLiesBelowFitsAllSizes) {
  std::mt19937 random(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<ArenaTenant> tenants = trainingStep(random, pick(random, 1, 20));
    packArena(tenants);
    auto below = tenantsBelow(tenants);
    std::vector<unsigned> upwards(tenants.size());
    std::iota(upwards.begin(), upwards.end(), 0);
    llvm::sort(upwards, [&](unsigned a, unsigned b) {
      return std::pair(tenants[a].offset, a) < std::pair(tenants[b].offset, b);
    });
    // Another batch: some sizes grow with it, others do not.
    for (ArenaTenant &tenant : tenants)
      tenant.bytes = pick(random, 0, 1) ? tenant.bytes : tenant.bytes * pick(random, 2, 5) / 7;
    int64_t total = 0;
    for (unsigned tenant : upwards) {
      tenants[tenant].offset = 0;
      for (unsigned other : below[tenant])
        tenants[tenant].offset = std::max(tenants[tenant].offset, tenants[other].offset + tenants[other].bytes);
      total = std::max(total, tenants[tenant].offset + tenants[tenant].bytes);
    }
    expectApart(tenants, total);
  }
}

} // namespace
