#include "codegen/library/CpuFeatures.h"

namespace nnc {

namespace {
enum Register : uint32_t { EAX, EBX, ECX, EDX };
enum Leaf : uint32_t { Basic = 1, Extended = 7, Amd = 0x80000001 };
// Bits of XCR0: SSE and AVX registers; those and the AVX-512 ones; AMX tiles.
enum : uint64_t { Ymm = 0x6, Zmm = 0xe6, Tiles = 0x60000 };
} // namespace

// Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E.
static const nnc_cpu_feature knownFeatures[] = {
    {"cx8", Basic, 0, EDX, 8, 0},
    {"cmov", Basic, 0, EDX, 15, 0},
    {"mmx", Basic, 0, EDX, 23, 0},
    {"fxsr", Basic, 0, EDX, 24, 0},
    {"sse", Basic, 0, EDX, 25, 0},
    {"sse2", Basic, 0, EDX, 26, 0},
    {"sse3", Basic, 0, ECX, 0, 0},
    {"pclmul", Basic, 0, ECX, 1, 0},
    {"ssse3", Basic, 0, ECX, 9, 0},
    {"fma", Basic, 0, ECX, 12, Ymm},
    {"cx16", Basic, 0, ECX, 13, 0},
    {"sse4.1", Basic, 0, ECX, 19, 0},
    {"sse4.2", Basic, 0, ECX, 20, 0},
    {"crc32", Basic, 0, ECX, 20, 0},
    {"movbe", Basic, 0, ECX, 22, 0},
    {"popcnt", Basic, 0, ECX, 23, 0},
    {"aes", Basic, 0, ECX, 25, 0},
    {"avx", Basic, 0, ECX, 28, Ymm},
    {"f16c", Basic, 0, ECX, 29, Ymm},
    {"bmi", Extended, 0, EBX, 3, 0},
    {"avx2", Extended, 0, EBX, 5, Ymm},
    {"bmi2", Extended, 0, EBX, 8, 0},
    {"avx512f", Extended, 0, EBX, 16, Zmm},
    {"avx512dq", Extended, 0, EBX, 17, Zmm},
    {"adx", Extended, 0, EBX, 19, 0},
    {"avx512ifma", Extended, 0, EBX, 21, Zmm},
    {"avx512cd", Extended, 0, EBX, 28, Zmm},
    {"sha", Extended, 0, EBX, 29, 0},
    {"avx512bw", Extended, 0, EBX, 30, Zmm},
    {"avx512vl", Extended, 0, EBX, 31, Zmm},
    {"avx512vbmi", Extended, 0, ECX, 1, Zmm},
    {"avx512vbmi2", Extended, 0, ECX, 6, Zmm},
    {"gfni", Extended, 0, ECX, 8, 0},
    {"vaes", Extended, 0, ECX, 9, Ymm},
    {"vpclmulqdq", Extended, 0, ECX, 10, Ymm},
    {"avx512vnni", Extended, 0, ECX, 11, Zmm},
    {"avx512bitalg", Extended, 0, ECX, 12, Zmm},
    {"avx512vpopcntdq", Extended, 0, ECX, 14, Zmm},
    {"avx512vp2intersect", Extended, 0, EDX, 8, Zmm},
    {"amx-bf16", Extended, 0, EDX, 22, Tiles},
    {"avx512fp16", Extended, 0, EDX, 23, Zmm},
    {"amx-tile", Extended, 0, EDX, 24, Tiles},
    {"amx-int8", Extended, 0, EDX, 25, Tiles},
    {"avxvnni", Extended, 1, EAX, 4, Ymm},
    {"avx512bf16", Extended, 1, EAX, 5, Zmm},
    {"avxifma", Extended, 1, EAX, 23, Ymm},
    {"avxvnniint8", Extended, 1, EDX, 4, Ymm},
    {"avxneconvert", Extended, 1, EDX, 5, Ymm},
    {"avxvnniint16", Extended, 1, EDX, 10, Ymm},
    {"lzcnt", Amd, 0, ECX, 5, 0},
    {"sse4a", Amd, 0, ECX, 6, 0},
    {"prfchw", Amd, 0, ECX, 8, 0},
    {"xop", Amd, 0, ECX, 11, Ymm},
    {"fma4", Amd, 0, ECX, 16, Ymm},
    {"tbm", Amd, 0, ECX, 21, 0},
};

llvm::Expected<std::vector<nnc_cpu_feature>>
cpuidBits(const std::vector<std::string> &featureNames) {
  std::vector<nnc_cpu_feature> bits;
  for (llvm::StringRef name : featureNames) {
    name.consume_front("+");
    bool known = false;
    for (const nnc_cpu_feature &feature : knownFeatures)
      if (name == feature.name) {
        bits.push_back(feature);
        known = true;
      }
    if (!known && (name.starts_with("avx") || name.starts_with("amx")))
      return llvm::createStringError("the CPU feature '" + name +
                                     "' cannot be checked when a library is loaded: compile for "
                                     "a CPU without it (--cpu=x86-64-v3 or --cpu=x86-64-v4)");
  }
  return bits;
}

} // namespace nnc
