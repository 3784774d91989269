#include "codegen/Platform.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include <vector>

namespace nnc {

using namespace llvm::ELF;

static const std::vector<Platform> &platforms() {
  static const std::vector<Platform> all = [] {
    std::vector<Platform> all;
#define NNC_TARGET(architecture, triple, backend, cpu, machine, emulation, ...)                                        \
  LLVMInitialize##backend##TargetInfo();                                                                               \
  LLVMInitialize##backend##Target();                                                                                   \
  LLVMInitialize##backend##TargetMC();                                                                                 \
  LLVMInitialize##backend##AsmPrinter();                                                                               \
  LLVMInitialize##backend##AsmParser();                                                                                \
  all.push_back({triple, llvm::Triple(llvm::Triple::normalize(triple)), cpu, machine, emulation, embeddedRuntime(#architecture)});
#include "runtime/targets.def"
#undef NNC_TARGET
    return all;
  }();
  return all;
}

static const llvm::Triple &hostTriple() {
  static const llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
  return triple;
}

bool Platform::isThisMachine() const { return triple.getArch() == hostTriple().getArch(); }

llvm::Expected<const Platform *> Platform::find(llvm::StringRef name) {
  const llvm::Triple wanted = name.empty() ? hostTriple() : llvm::Triple(llvm::Triple::normalize(name));
  for (const Platform &platform : platforms())
    if (wanted.getArch() == platform.triple.getArch() &&
        (name.empty() || (wanted.isOSLinux() && wanted.getEnvironment() == llvm::Triple::GNU)))
      return &platform;
  auto names = llvm::map_range(platforms(), [](const Platform &platform) { return llvm::StringRef(platform.name); });
  return llvm::createStringError("unknown target '" + (name.empty() ? wanted.str() : name) + "': give " +
                                 llvm::join(names, " or "));
}

const Platform *Platform::ofMachine(uint16_t elfMachine) {
  for (const Platform &platform : platforms())
    if (platform.elfMachine == elfMachine)
      return &platform;
  return nullptr;
}

} // namespace nnc
