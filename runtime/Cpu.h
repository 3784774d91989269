// What the runtime asks of a processor beyond C++: whether it has the instructions that a model
// was compiled for, and how to wait for some microseconds without a system call.
#pragma once

#include "runtime/abi.h"

namespace nnc_runtime {

/// The first feature the model was compiled for that this processor (or its
/// operating system) lacks; null when all are there.
const char *missingCpuFeature(const nnc_model &model);

#if defined(__x86_64__)

#define NNC_COMMON_CPUS "--cpu=x86-64-v2 or --cpu=x86-64-v3"

/// A clock that is read within nanoseconds.
static inline uint64_t ticks() { return __builtin_ia32_rdtsc(); }
/// About 3 us: longer than the pause between two kernels of a model, shorter than
/// what a neighbour on the same core would notice.
static inline uint64_t spinTicks() { return 10000; }
/// Leaves the core to its other thread for a moment.
static inline void relax() { __builtin_ia32_pause(); }

#elif defined(__aarch64__)

#define NNC_COMMON_CPUS "--cpu=generic"

static inline uint64_t ticks() {
  uint64_t count;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
  return count;
}
static inline uint64_t spinTicks() {
  uint64_t perSecond; // 24 MHz on one machine, 1 GHz on another
  __asm__("mrs %0, cntfrq_el0" : "=r"(perSecond));
  return perSecond * 3 / 1'000'000;
}
static inline void relax() { __asm__ volatile("isb"); } // yield does nothing on most cores

#endif

} // namespace nnc_runtime
