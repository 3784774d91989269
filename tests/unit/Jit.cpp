#include "tests/unit/Jit.h"

#include "codegen/cpu/LowerToLLVM.h"
#include "codegen/cpu/Object.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"

using namespace llvm;

namespace nnc::test {

JitModule::JitModule(std::unique_ptr<orc::LLJIT> engine) : engine(std::move(engine)) {}
JitModule::~JitModule() = default;

void *JitModule::lookup(StringRef name) {
  auto address = engine->lookup(name);
  if (!address) {
    logAllUnhandledErrors(address.takeError(), errs(), "lookup: ");
    return nullptr;
  }
  return address->toPtr<void *>();
}

Expected<cpu::Target> targetToRun(StringRef cpu) {
  auto machine = cpu::Target::forCPU("native"), target = cpu::Target::forCPU(cpu);
  if (!machine || !target)
    return joinErrors(machine.takeError(), target.takeError());
  if (target->vectorBytes > machine->vectorBytes)
    target->cpu = machine->cpu, target->features = machine->features;
  return std::move(*target);
}

Expected<std::unique_ptr<JitModule>> jit(mlir::ModuleOp module, const cpu::Target &target,
                                         int optimizationLevel) {
  if (failed(cpu::lowerToLLVM(module)))
    return createStringError("the module could not be lowered to the LLVM dialect");
  mlir::TimingScope untimed;
  auto object = cpu::emitObject(module, target, optimizationLevel, untimed);
  if (!object)
    return object.takeError();
  InitializeNativeTarget();
  InitializeNativeTargetAsmPrinter();
  auto engine = orc::LLJITBuilder().create();
  if (!engine)
    return engine.takeError();
  auto buffer = MemoryBuffer::getMemBufferCopy(StringRef(object->data(), object->size()), "kernel");
  if (auto error = (*engine)->addObjectFile(std::move(buffer)))
    return std::move(error);
  return std::make_unique<JitModule>(std::move(*engine));
}

Expected<std::unique_ptr<JitModule>> jit(mlir::ModuleOp module) {
  auto target = cpu::Target::forCPU("native");
  if (!target)
    return target.takeError();
  return jit(module, *target);
}

} // namespace nnc::test
