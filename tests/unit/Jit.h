// Runs compiled MLIR inside a test: parses or takes a module, lowers it, emits
// an object for this machine and loads it. The same code as the compiler's own
// back end, so that a test of a kernel tests what users get.
#pragma once

#include "codegen/cpu/Target.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace llvm::orc {
class LLJIT;
}

namespace nnc::test {

class JitModule {
public:
  explicit JitModule(std::unique_ptr<llvm::orc::LLJIT> engine);
  ~JitModule();

  /// The address of a function; null (after printing why) where there is none.
  void *lookup(llvm::StringRef name);

  template <typename Function> Function *lookup(llvm::StringRef name) {
    return reinterpret_cast<Function *>(lookup(name));
  }

private:
  std::unique_ptr<llvm::orc::LLJIT> engine;
};

/// The target named `cpu`; if its vectors are longer than this machine's, what is scheduled for them in the
/// instructions that there are.
llvm::Expected<cpu::Target> targetToRun(llvm::StringRef cpu);

/// Lowers `module` to the LLVM dialect in place, compiles and loads it.
/// Functions over memrefs take unpacked descriptors:
/// pointer, pointer, offset, sizes..., strides... for each memref.
llvm::Expected<std::unique_ptr<JitModule>> jit(mlir::ModuleOp module, const cpu::Target &target,
                                               int optimizationLevel = 2);

/// The same for this machine.
llvm::Expected<std::unique_ptr<JitModule>> jit(mlir::ModuleOp module);

} // namespace nnc::test
