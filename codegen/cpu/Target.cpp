#include "codegen/cpu/Target.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/TargetParser/AArch64TargetParser.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/X86TargetParser.h"

using namespace llvm;

namespace nnc::cpu {

namespace {

// Every instruction set that LLVM's instruction selection takes for ordinary code, in its
// spelling: what only intrinsics reach (aes, sha, amx, ...) is not among them.
constexpr const char *x86Features[] = {
    "sse3", "ssse3", "sse4.1", "sse4.2", "sse4a", "popcnt", "lzcnt", "bmi", "bmi2", "tbm", "movbe", "f16c", "fma", "fma4",
    "xop", "gfni", "avx", "avx2", "avxvnni", "avxvnniint8", "avxvnniint16", "avxifma", "avxneconvert", "avx512f", "avx512bw",
    "avx512dq", "avx512vl", "avx512cd", "avx512ifma", "avx512vbmi", "avx512vbmi2", "avx512vnni", "avx512bitalg",
    "avx512vpopcntdq", "avx512bf16", "avx512fp16"};
constexpr const char *aarch64Features[] = {"fp-armv8", "neon", "lse", "rdm", "fullfp16", "fp16fml", "dotprod", "complxnum",
                                           "jsconv", "rcpc", "rcpc-immo", "flagm", "altnzcv", "fptoint", "bf16", "i8mm",
                                           "sve", "sve2", "f32mm", "f64mm"};

ArrayRef<const char *> kernelFeatures(const Target &target) {
  return target.platform->triple.isX86() ? ArrayRef(x86Features) : ArrayRef(aarch64Features);
}

std::unique_ptr<MCSubtargetInfo> subtarget(const Target &target) {
  std::string error;
  const Triple &triple = target.platform->triple;
  const llvm::Target *backend = TargetRegistry::lookupTarget(triple, error);
  if (!backend)
    return nullptr;
  return std::unique_ptr<MCSubtargetInfo>(
      backend->createMCSubtargetInfo(triple, target.cpu, target.features));
}

Error checkCpu(const Target &target) {
  const Platform &platform = *target.platform;
  SmallVector<StringRef> known = {platform.baselineCpu};
  StringRef examples;
  if (platform.triple.isX86()) {
    X86::fillValidCPUArchList(known, /*Only64Bit=*/true);
    examples = "x86-64-v3, x86-64-v4, znver4 or sapphirerapids";
  } else {
    AArch64::fillValidCPUArchList(known);
    examples = "generic, cortex-a72, neoverse-n1 or apple-m1";
  }
  if (is_contained(known, target.cpu))
    return Error::success();
  std::string where = platform.isThisMachine() ? "': give `native` or" : "' of " + std::string(platform.name) + ": give";
  return createStringError("unknown CPU '" + target.cpu + where + " an LLVM name such as " + examples);
}

// Cache sizes of CPUs whose LLVM name fixes them; the defaults of Target suit
// the generic levels (the smallest caches sold with that instruction set).
void setCaches(Target &target, bool native) {
  target.l1 = StringSwitch<int64_t>(target.cpu)
                  .Cases({"icelake-server", "sapphirerapids", "emeraldrapids", "graniterapids",
                          "znver5"},
                         48 << 10)
                  .Default(target.l1);
  target.l2 = StringSwitch<int64_t>(target.cpu)
                  .Cases({"skylake-avx512", "cascadelake", "cooperlake", "znver4", "znver5"}, 1 << 20)
                  .Case("icelake-server", 1280 << 10)
                  .Cases({"sapphirerapids", "emeraldrapids", "graniterapids"}, 2 << 20)
                  .Default(target.l2);
  if (!native)
    return;
  if (int64_t bytes = hostCacheBytes(1))
    target.l1 = bytes;
  if (int64_t bytes = hostCacheBytes(2))
    target.l2 = bytes;
}

} // namespace

int64_t hostCacheBytes(int level) {
  // Linux lists index0: L1 data, index1: L1 instructions, index2: L2, index3: L3; a file holds `32K`.
  int index = level == 1 ? 0 : level;
  auto file = MemoryBuffer::getFileAsStream("/sys/devices/system/cpu/cpu0/cache/index" +
                                            std::to_string(index) + "/size");
  if (!file)
    return 0;
  StringRef text = (*file)->getBuffer().trim();
  int64_t unit = text.consume_back("K") ? 1 << 10 : text.consume_back("M") ? 1 << 20 : 1;
  int64_t count = 0;
  return text.getAsInteger(10, count) ? 0 : count * unit;
}

Expected<Target> Target::forCPU(StringRef name, StringRef triple) {
  Expected<const Platform *> platform = Platform::find(triple);
  if (!platform)
    return platform.takeError();
  Target target;
  target.platform = *platform;
  bool here = target.platform->isThisMachine();
  bool native = name == "native" || (name.empty() && here);
  if (native && !here)
    return createStringError("--cpu native is this machine's processor, not one of " + Twine(target.platform->name) +
                             ": leave it out, or give a processor of the target");
  target.cpu = native ? sys::getHostCPUName().str() : name.empty() ? target.platform->baselineCpu : name.str();
  if (native) {
    // A virtual machine may hide features of the CPU that it names.
    StringMap<bool> host = sys::getHostCPUFeatures();
    std::vector<std::string> features;
    for (const auto &feature : host)
      features.push_back((feature.second ? "+" : "-") + feature.first().str());
    llvm::sort(features); // a StringMap has no order of its own
    target.features = join(features, ",");
  }

  if (Error error = checkCpu(target))
    return error;
  std::unique_ptr<MCSubtargetInfo> info = subtarget(target);
  if (!info)
    return createStringError("no code generator for " + Twine(target.platform->name));
  if (target.platform->triple.isAArch64()) {
    target.registers = 32;
  } else if (info->checkFeatures("+avx512f")) {
    target.vectorBytes = 64;
    target.registers = 32;
  } else if (info->checkFeatures("+avx2")) {
    target.vectorBytes = 32;
  }
  setCaches(target, native);
  return target;
}

int Target::lanes(mlir::Type type) const {
  int bytes = type.isIndex() ? 8 : std::max(1u, (type.getIntOrFloatBitWidth() + 7) / 8);
  return std::max(1, vectorBytes / bytes);
}

std::vector<std::string> Target::requiredFeatures() const {
  std::vector<std::string> required;
  std::unique_ptr<MCSubtargetInfo> info = subtarget(*this);
  if (info)
    for (const char *feature : kernelFeatures(*this))
      if (info->checkFeatures(std::string("+") + feature))
        required.push_back(feature);
  return required;
}

} // namespace nnc::cpu
