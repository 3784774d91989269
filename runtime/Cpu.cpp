// Does this processor have the instructions the model was compiled for? Asked in
// create, by baseline code, so that a foreign processor gives a message instead
// of an illegal instruction.
#include "runtime/Cpu.h"

#if defined(__x86_64__)

#include <cpuid.h>

namespace nnc_runtime {

/// The register state the operating system saves (XCR0); 0 without XSAVE.
static uint64_t savedRegisterState() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  const unsigned osxsave = 1u << 27;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & osxsave))
    return 0;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

const char *missingCpuFeature(const nnc_model &model) {
  const uint64_t saved = savedRegisterState();
  for (int64_t i = 0; i < model.feature_count; ++i) {
    const nnc_cpu_feature &feature = model.features[i];
    unsigned registers[4] = {0, 0, 0, 0};
    if (!__get_cpuid_count(feature.leaf, feature.subleaf, &registers[0], &registers[1],
                           &registers[2], &registers[3]) ||
        !(registers[feature.reg] >> feature.bit & 1) || (saved & feature.xcr0) != feature.xcr0)
      return feature.name;
  }
  return nullptr;
}

} // namespace nnc_runtime

#elif defined(__aarch64__)

#include <sys/auxv.h>

namespace nnc_runtime {

const char *missingCpuFeature(const nnc_model &model) {
  for (int64_t i = 0; i < model.feature_count; ++i) {
    const nnc_cpu_feature &feature = model.features[i];
    if (!(getauxval(feature.leaf) >> feature.bit & 1))
      return feature.name;
  }
  return nullptr;
}

} // namespace nnc_runtime

#endif
