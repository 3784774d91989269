#include "codegen/library/CpuFeatures.h"

namespace nnc {

namespace {
enum Register : uint32_t { EAX, EBX, ECX, EDX };
enum Leaf : uint32_t { Basic = 1, Extended = 7, Amd = 0x80000001 };
// Bits of XCR0: SSE and AVX registers; those and the AVX-512 ones; AMX tiles.
enum : uint64_t { Ymm = 0x6, Zmm = 0xe6, Tiles = 0x60000 };
} // namespace

// Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E.
static const nnc_cpu_feature x86Features[] = {
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

// Linux, arch/arm64/include/uapi/asm/hwcap.h; the entry of the auxiliary vector and the bit.
enum AuxiliaryVector : uint32_t { HwCap = 16, HwCap2 = 26 };
static const nnc_cpu_feature aarch64Features[] = {
    {"fp-armv8", HwCap, 0, 0, 0, 0},
    {"neon", HwCap, 0, 0, 1, 0},
    {"aes", HwCap, 0, 0, 3, 0},
    {"sha2", HwCap, 0, 0, 6, 0},
    {"crc", HwCap, 0, 0, 7, 0},
    {"lse", HwCap, 0, 0, 8, 0},
    {"fullfp16", HwCap, 0, 0, 10, 0},
    {"rdm", HwCap, 0, 0, 12, 0},
    {"jsconv", HwCap, 0, 0, 13, 0},
    {"complxnum", HwCap, 0, 0, 14, 0},
    {"rcpc", HwCap, 0, 0, 15, 0},
    {"dotprod", HwCap, 0, 0, 20, 0},
    {"sve", HwCap, 0, 0, 22, 0},
    {"fp16fml", HwCap, 0, 0, 23, 0},
    {"rcpc-immo", HwCap, 0, 0, 26, 0},
    {"flagm", HwCap, 0, 0, 27, 0},
    {"sve2", HwCap2, 0, 0, 1, 0},
    {"altnzcv", HwCap2, 0, 0, 7, 0},
    {"fptoint", HwCap2, 0, 0, 8, 0},
    {"f32mm", HwCap2, 0, 0, 10, 0},
    {"f64mm", HwCap2, 0, 0, 11, 0},
    {"i8mm", HwCap2, 0, 0, 13, 0},
    {"bf16", HwCap2, 0, 0, 14, 0},
};

llvm::Expected<std::vector<nnc_cpu_feature>>
cpuFeatureBits(const std::vector<std::string> &featureNames, const Platform &platform) {
  const bool isX86 = platform.triple.isX86();
  const auto knownFeatures = isX86 ? llvm::ArrayRef(x86Features) : llvm::ArrayRef(aarch64Features);
  std::vector<nnc_cpu_feature> bits;
  for (llvm::StringRef name : featureNames) {
    name.consume_front("+");
    bool known = false;
    for (const nnc_cpu_feature &feature : knownFeatures)
      if (name == feature.name) {
        bits.push_back(feature);
        known = true;
      }
    if (!known && (name.starts_with("avx") || name.starts_with("amx") || name.starts_with("sve")))
      return llvm::createStringError("the CPU feature '" + name +
                                     "' cannot be checked when a library is loaded: compile for a CPU without it (" +
                                     (isX86 ? "--cpu=x86-64-v3 or --cpu=x86-64-v4" : "--cpu=generic") + ")");
  }
  return bits;
}

} // namespace nnc
