// A system that models are compiled for: what differs from one to the other outside of the
// kernels' code. runtime/targets.def lists them.
#pragma once

#include "runtime/Embedded.h"
#include "llvm/Support/Error.h"
#include "llvm/TargetParser/Triple.h"
#include <cstdint>

namespace nnc {

struct Platform {
  const char *name; ///< its triple as clang takes it: aarch64-linux-gnu
  llvm::Triple triple;
  const char *baselineCpu; ///< LLVM's name of the features that every such machine has
  uint16_t elfMachine;
  const char *emulation; ///< what lld calls it
  EmbeddedRuntime runtime;

  /// The platform of a triple, however its parts that say nothing are spelled, with LLVM's code generator ready;
  /// an empty one: of this machine.
  static llvm::Expected<const Platform *> find(llvm::StringRef triple);
  /// The platform of an ELF file; null: none.
  static const Platform *ofMachine(uint16_t elfMachine);

  bool isThisMachine() const;
};

} // namespace nnc
