// The CPU that code is generated for: what LLVM must know (platform, CPU name,
// features) and what schedules are decided by (vector length, registers, cache sizes).
// Nothing in the compiler may assume one machine: everything asks this.
#pragma once

#include "codegen/Platform.h"
#include "mlir/IR/Types.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <vector>

namespace nnc::cpu {

struct Target {
  const Platform *platform = nullptr;
  std::string cpu;      ///< an LLVM CPU name, never `native`
  std::string features; ///< LLVM's spelling: `+avx2,-avx512f,...`; empty: what the CPU name implies
  int vectorBytes = 16; ///< width of the vectors that kernels use: 64, 32 or 16
  int registers = 16; ///< of such vectors
  int64_t l1 = 32 << 10; ///< bytes of data cache, first level, per core
  int64_t l2 = 512 << 10; ///< bytes of second-level cache, per core

  /// The target of an LLVM CPU name (x86-64-v3, x86-64-v4, znver4, ...) or of
  /// the machine this runs on (`native`); with a triple, of a CPU of that platform. An
  /// empty name: `native`, or on another platform than this machine's the baseline.
  static llvm::Expected<Target> forCPU(llvm::StringRef name, llvm::StringRef triple = "");

  /// Elements of `type` (f32, f64, an integer) in one vector; at least 1.
  int lanes(mlir::Type type) const;

  /// The features among those that kernels rely on (avx2, fma, avx512f, dotprod,
  /// sve, ...), for the check the library makes before it runs anything.
  std::vector<std::string> requiredFeatures() const;
};

/// Bytes of the data cache of a level (1 to 3) of the machine this runs on, as Linux
/// lists them; 0: not known.
int64_t hostCacheBytes(int level);

} // namespace nnc::cpu
