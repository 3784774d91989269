// What this machine can do at most, measured now: multiply-adds in registers, and
// reading from each level of memory. Times of kernels are held against it.
#pragma once

#include "compiler/Report.h"
#include <string>
#include <vector>

namespace nnc::cli {

class Roofline {
public:
  /// With vectors of `vectorBytes`, `threads` at once. Takes about a second.
  static Roofline measure(int vectorBytes, int64_t threads);

  struct Level {
    std::string name; ///< L2, L3, DRAM
    int64_t capacity; ///< bytes that it holds
    double bandwidth; ///< bytes a second
  };
  double peak; ///< floating-point operations a second
  std::vector<Level> levels;
  double clockSeconds; ///< what reading the clock costs

  struct Bound {
    std::string name; ///< FMA, a level, or dispatch
    double seconds;   ///< no kernel with this work is faster
  };
  /// `stateBytes`: of the whole model, since a call comes back to a parameter only after
  /// every other kernel has had its turn.
  Bound boundOf(const KernelReport &kernel, int64_t stateBytes) const;

private:
  const Level &levelOf(int64_t bytes) const;
};

} // namespace nnc::cli
