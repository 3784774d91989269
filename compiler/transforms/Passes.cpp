#include "compiler/transforms/Passes.h"
#include "codegen/cpu/EmitLoops.h"
#include "codegen/cpu/LowerToLLVM.h"
#include "codegen/cpu/ScheduleFamily.h"
#include "compiler/StateLayout.h"
#include "compiler/autodiff/Autodiff.h"
#include "compiler/autodiff/Training.h"
#include "compiler/transforms/FoldAffine.h"
#include "compiler/transforms/FormKernels.h"
#include "compiler/transforms/PackFilters.h"
#include "compiler/transforms/Plan.h"
#include "compiler/transforms/Prepare.h"
#include "compiler/transforms/Rematerialize.h"
#include "compiler/transforms/StageContract.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

namespace nnc {

namespace {

/// What all of them share: every dialect is loaded, since a stage makes ops of the next.
template <typename Derived, typename Op = ModuleOp>
struct StagePass : PassWrapper<Derived, OperationPass<Op>> {
  StagePass() = default;
  StagePass(const StagePass &other) : PassWrapper<Derived, OperationPass<Op>>(other) {}
  void getDependentDialects(DialectRegistry &registry) const override {
    cpu::registerLoweringDialects(registry);
    registry.insert<nn::NNDialect>();
  }
};

struct Decompose : StagePass<Decompose, func::FuncOp> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Decompose)
  StringRef getArgument() const final { return "nnc-decompose"; }
  StringRef getDescription() const final { return "Rewrite composite nn ops into core ops"; }
  void runOnOperation() override { decomposeComposites(getOperation()); }
};

struct Differentiate : StagePass<Differentiate, func::FuncOp> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Differentiate)
  StringRef getArgument() const final { return "nnc-differentiate"; }
  StringRef getDescription() const final {
    return "Make each function return the gradients of its float arguments, for adjoints of its "
           "results given as further arguments";
  }

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    decomposeComposites(function);
    Block &body = function.front();
    SmallVector<Value> wrt, outputs, seeds;
    for (BlockArgument argument : body.getArguments())
      if (isa<FloatType>(nn::elementTypeOf(argument)))
        wrt.push_back(argument);
    Operation *terminator = body.getTerminator();
    for (Value output : terminator->getOperands()) {
      outputs.push_back(output);
      seeds.push_back(body.addArgument(output.getType(), function.getLoc()));
    }
    SmallVector<StringAttr> symbols;
    if (auto names = function->getAttrOfType<ArrayAttr>("nn.symbols"))
      for (Attribute name : names)
        symbols.push_back(cast<StringAttr>(name));
    OpBuilder b(terminator);
    nn::Builder builder(b, function.getLoc(), symbols);
    FailureOr<SmallVector<Value>> gradients = differentiate(builder, body, outputs, seeds, wrt);
    if (failed(gradients))
      return signalPassFailure();
    terminator->setOperands(*gradients);
    function.setType(b.getFunctionType(body.getArgumentTypes(), ValueRange(*gradients).getTypes()));
  }
};

struct AddTraining : StagePass<AddTraining> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(AddTraining)
  AddTraining() = default;
  AddTraining(const AddTraining &other) : StagePass(other) {}
  StringRef getArgument() const final { return "nnc-add-training"; }
  StringRef getDescription() const final {
    return "Add train_step, forward_backward and optimizer_step for @forward";
  }
  Option<std::string> loss{*this, "loss", llvm::cl::desc("NAME[:key=value]"), llvm::cl::init("mse")};
  Option<std::string> optimizer{*this, "optimizer", llvm::cl::desc("NAME[:key=value]"), llvm::cl::init("sgd")};

  void runOnOperation() override {
    auto forward = getOperation().lookupSymbol<func::FuncOp>("forward");
    llvm::Expected<NamedOptions> lossSpec = NamedOptions::parse(loss), spec = NamedOptions::parse(optimizer);
    if (!forward || !lossSpec || !spec || failed(addTraining(getOperation(), forward, *lossSpec, *spec)))
      signalPassFailure();
  }
};

struct FoldAffine : StagePass<FoldAffine, func::FuncOp> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FoldAffine)
  FoldAffine() = default;
  FoldAffine(const FoldAffine &other) : StagePass(other) {}
  StringRef getArgument() const final { return "nnc-fold-affine"; }
  StringRef getDescription() const final { return "Join scales and shifts that depend on state alone"; }
  Option<bool> intoWeights{*this, "into-weights", llvm::cl::desc("factors into convolutions' weights"), llvm::cl::init(false)};
  void runOnOperation() override { foldAffine(getOperation(), intoWeights); }
};

struct OutlinePrepare : StagePass<OutlinePrepare> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(OutlinePrepare)
  StringRef getArgument() const final { return "nnc-outline-prepare"; }
  StringRef getDescription() const final { return "Move what depends on parameters alone from @forward into @prepare"; }
  void runOnOperation() override {
    if (auto forward = getOperation().lookupSymbol<func::FuncOp>("forward"))
      outlinePrepare(getOperation(), forward);
  }
};

struct FormKernels : StagePass<FormKernels, func::FuncOp> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FormKernels)
  FormKernels() = default;
  FormKernels(const FormKernels &other) : StagePass(other) {}
  StringRef getArgument() const final { return "nnc-form-kernels"; }
  StringRef getDescription() const final { return "Put every op into an nn.kernel with its family"; }
  Option<int> optimization{*this, "optimization", llvm::cl::desc("0: each op by itself; 2: fused"), llvm::cl::init(2)};
  void runOnOperation() override { formKernels(getOperation(), optimization); }
};

/// A stage that plans or emits for one CPU; its default is the same on every machine.
template <typename Derived> struct TargetPass : StagePass<Derived> {
  TargetPass() = default;
  TargetPass(const TargetPass &other) : StagePass<Derived>(other) {}
  Pass::Option<std::string> triple{*this, "target", llvm::cl::desc("Triple of the machine"), llvm::cl::init("x86_64-linux-gnu")};
  Pass::Option<std::string> cpu{*this, "cpu", llvm::cl::desc("LLVM CPU name or native"), llvm::cl::init("x86-64-v3")};

  void runOnOperation() override {
    llvm::Expected<cpu::Target> target = cpu::Target::forCPU(cpu, triple);
    if (!target) {
      this->getOperation().emitError() << llvm::toString(target.takeError());
      return this->signalPassFailure();
    }
    if (failed(static_cast<Derived *>(this)->run(this->getOperation(), *target)))
      this->signalPassFailure();
  }
};

struct PackFilters : TargetPass<PackFilters> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PackFilters)
  StringRef getArgument() const final { return "nnc-pack-filters"; }
  StringRef getDescription() const final { return "Pack filters, and choose Winograd's filtering, where it pays"; }
  LogicalResult run(ModuleOp module, const cpu::Target &target) {
    for (auto function : module.getOps<func::FuncOp>())
      packFilters(function, target, /*admitWinograd=*/true);
    return success();
  }
};

struct FitMemory : TargetPass<FitMemory> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FitMemory)
  FitMemory() = default;
  FitMemory(const FitMemory &other) : TargetPass(other) {}
  StringRef getArgument() const final { return "nnc-fit-memory"; }
  StringRef getDescription() const final { return "Run kernels again so that the arena fits into a budget"; }
  Option<int64_t> budget{*this, "budget", llvm::cl::desc("bytes"), llvm::cl::init(0)};
  Option<int64_t> batch{*this, "batch", llvm::cl::desc("that it holds for; 0: all"), llvm::cl::init(0)};
  LogicalResult run(ModuleOp module, const cpu::Target &target) {
    for (auto function : module.getOps<func::FuncOp>())
      if (failed(fitMemory(function, budget, batch, [&](Operation *kernel) { return cpu::memoryOf(kernel, target); })))
        return failure();
    return success();
  }
};

struct Plan : TargetPass<Plan> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Plan)
  StringRef getArgument() const final { return "nnc-plan"; }
  StringRef getDescription() const final { return "Give every value its memory"; }
  LogicalResult run(ModuleOp module, const cpu::Target &target) {
    SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
    for (func::FuncOp function : functions)
      if (failed(planFunction(function, /*batch=*/0, [&](Operation *kernel) { return cpu::memoryOf(kernel, target); })))
        return failure();
    return success();
  }
};

struct EmitLoops : TargetPass<EmitLoops> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EmitLoops)
  StringRef getArgument() const final { return "nnc-emit-loops"; }
  StringRef getDescription() const final { return "Emit entries and kernels as functions over loops"; }
  LogicalResult run(ModuleOp module, const cpu::Target &target) {
    StateLayout layout = layoutState(module, [](StringRef, StringRef) -> StringRef { return {}; });
    return cpu::emitLoops(module, target, [&](StringRef kind, StringRef name) { return layout.placeOf(kind, name); }, /*checkBounds=*/false);
  }
};

struct VerifyStage : StagePass<VerifyStage> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(VerifyStage)
  VerifyStage() = default;
  VerifyStage(const VerifyStage &other) : StagePass(other) {}
  StringRef getArgument() const final { return "nnc-verify-stage"; }
  StringRef getDescription() const final { return "Check that the module keeps the contract of a stage"; }
  Option<Stage> stage{*this, "stage", llvm::cl::desc("the stage that ran last"), llvm::cl::init(Stage::Graph),
                      llvm::cl::values(clEnumValN(Stage::Graph, "graph", ""), clEnumValN(Stage::Train, "train", ""),
                                       clEnumValN(Stage::Core, "core", ""), clEnumValN(Stage::Kernels, "kernels", ""),
                                       clEnumValN(Stage::Plan, "plan", ""), clEnumValN(Stage::Loops, "loops", ""),
                                       clEnumValN(Stage::LLVM, "llvm", ""))};
  void runOnOperation() override {
    if (failed(verifyStage(getOperation(), stage)))
      signalPassFailure();
  }
};

} // namespace

void registerPasses() {
  PassRegistration<Decompose>();
  PassRegistration<Differentiate>();
  PassRegistration<AddTraining>();
  PassRegistration<FoldAffine>();
  PassRegistration<OutlinePrepare>();
  PassRegistration<FormKernels>();
  PassRegistration<PackFilters>();
  PassRegistration<FitMemory>();
  PassRegistration<Plan>();
  PassRegistration<EmitLoops>();
  PassRegistration<VerifyStage>();
}

} // namespace nnc
