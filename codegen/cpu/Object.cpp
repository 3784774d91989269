#include "codegen/cpu/Object.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopRotation.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

using namespace llvm;

namespace nnc::cpu {

namespace {

// Before registers are assigned, MachineLICM moves the constants of an epilogue, which can be
// made again anywhere, in front of all loops around it. Where a register tile in one of them
// takes all of AVX2's sixteen registers, the allocator then spills the tile's accumulators in
// its innermost loop. What is worth moving was moved by LICM on the IR, which leaves constants
// alone. There is no other way to this switch than the table of command line options.
void keepConstantsAtTheirUses() {
  static const bool done = [] {
    auto &options = cl::getRegisteredOptions();
    if (auto found = options.find("disable-machine-licm"); found != options.end())
      static_cast<cl::opt<bool> *>(found->second)->setValue(true);
    return true;
  }();
  (void)done;
}

Expected<std::unique_ptr<TargetMachine>> targetMachine(const Target &target,
                                                       int optimizationLevel) {
  keepConstantsAtTheirUses();
  std::string error;
  const Triple &triple = target.platform->triple;
  const llvm::Target *backend = TargetRegistry::lookupTarget(triple, error);
  if (!backend)
    return createStringError("no code generator for " + Twine(target.platform->name) + ": " + error);
  TargetOptions options;
  options.FunctionSections = true;
  options.DataSections = true;
  // Only what was written as one operation is fused: vector.fma arrives as
  // llvm.fmuladd, which Strict would split into a product and a sum.
  options.AllowFPOpFusion = FPOpFusion::Standard;
  CodeGenOptLevel level = optimizationLevel == 0 ? CodeGenOptLevel::None : CodeGenOptLevel::Default;
  std::unique_ptr<TargetMachine> machine(backend->createTargetMachine(
      triple, target.cpu, target.features, options, Reloc::PIC_, CodeModel::Small, level));
  if (!machine)
    return createStringError("no code generator for " + target.cpu + " on " + target.platform->name);
  return std::move(machine);
}

// Attributes every function of the artefact carries.
void setFunctionAttributes(Module &module, const Target &target) {
  for (Function &function : module) {
    if (function.hasDefaultVisibility() && !function.hasLocalLinkage() &&
        !function.isDeclaration())
      function.setVisibility(GlobalValue::HiddenVisibility);
    function.setDSOLocal(!function.isDeclaration());
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.cpu);
    if (!target.features.empty())
      function.addFnAttr("target-features", target.features);
    // Several CPU models tune for 256 bits and would split every zmm in two.
    function.addFnAttr("prefer-vector-width", std::to_string(target.vectorBytes * 8));
    function.addFnAttr("min-legal-vector-width", std::to_string(target.vectorBytes * 8));
    function.addFnAttr("frame-pointer", "none");
    function.addFnAttr(Attribute::NoUnwind);
  }
  for (GlobalVariable &global : module.globals())
    if (!global.isDeclaration()) {
      if (!global.hasLocalLinkage())
        global.setVisibility(GlobalValue::HiddenVisibility);
      global.setDSOLocal(true);
    }
}

// Kernels come as explicit vectors in the loop order that was chosen for them:
// what is left for LLVM is clean-up of addresses, constants and control flow.
// The vectorisers and unrollers of O2 would cost most of its time for nothing, and
// GVN finds nothing that CSE in MLIR and here does not.
void optimize(Module &module, TargetMachine &machine) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager callGraph;
  ModuleAnalysisManager modules;
  PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);

  LoopPassManager loopPasses;
  loopPasses.addPass(LoopRotatePass(/*EnableHeaderDuplication=*/true));
  loopPasses.addPass(LICMPass(LICMOptions()));

  FunctionPassManager passes;
  passes.addPass(EarlyCSEPass());
  passes.addPass(SimplifyCFGPass());
  passes.addPass(InstCombinePass());
  passes.addPass(createFunctionToLoopPassAdaptor(std::move(loopPasses), /*UseMemorySSA=*/true));
  passes.addPass(EarlyCSEPass());
  passes.addPass(SimplifyCFGPass());

  ModulePassManager pipeline;
  pipeline.addPass(createModuleToFunctionPassAdaptor(std::move(passes)));
  pipeline.addPass(GlobalDCEPass());
  pipeline.run(module, modules);
}

// The module as LLVM IR, ready for code generation.
Expected<std::unique_ptr<Module>> translate(mlir::ModuleOp module, const Target &target,
                                            LLVMContext &context, TargetMachine &machine,
                                            int optimizationLevel, mlir::TimingScope &time) {
  mlir::TimingScope translation = time.nest("translate to LLVM IR");
  std::unique_ptr<Module> llvmModule = mlir::translateModuleToLLVMIR(module, context, "nnc");
  if (!llvmModule)
    return createStringError("the module could not be translated to LLVM IR");
  llvmModule->setTargetTriple(target.platform->triple);
  llvmModule->setDataLayout(machine.createDataLayout());
  llvmModule->setPICLevel(PICLevel::SmallPIC);
  setFunctionAttributes(*llvmModule, target);
  translation.stop();
  mlir::TimingScope optimization = time.nest("optimise LLVM IR");
  if (optimizationLevel > 0)
    optimize(*llvmModule, machine);
  return std::move(llvmModule);
}

} // namespace

Expected<SmallVector<char, 0>> emitObject(mlir::ModuleOp module, const Target &target,
                                          int optimizationLevel, mlir::TimingScope &time) {
  auto machine = targetMachine(target, optimizationLevel);
  if (!machine)
    return machine.takeError();
  LLVMContext context;
  auto llvmModule = translate(module, target, context, **machine, optimizationLevel, time);
  if (!llvmModule)
    return llvmModule.takeError();

  mlir::TimingScope generation = time.nest("generate machine code");
  SmallVector<char, 0> object;
  raw_svector_ostream stream(object);
  legacy::PassManager emission;
  if ((*machine)->addPassesToEmitFile(emission, stream, nullptr, CodeGenFileType::ObjectFile))
    return createStringError("no object file writer for " + Twine(target.platform->name));
  emission.run(**llvmModule);
  return std::move(object);
}

Expected<std::string> emitLLVMText(mlir::ModuleOp module, const Target &target,
                                   int optimizationLevel) {
  auto machine = targetMachine(target, optimizationLevel);
  if (!machine)
    return machine.takeError();
  LLVMContext context;
  mlir::TimingScope untimed;
  auto llvmModule = translate(module, target, context, **machine, optimizationLevel, untimed);
  if (!llvmModule)
    return llvmModule.takeError();
  std::string text;
  raw_string_ostream stream(text);
  (*llvmModule)->print(stream, nullptr);
  return text;
}

} // namespace nnc::cpu
