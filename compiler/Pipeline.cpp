#include "compiler/Pipeline.h"
#include "compiler/Freeze.h"
#include "codegen/cpu/EmitLoops.h"
#include "codegen/cpu/LowerToLLVM.h"
#include "codegen/cpu/ParallelObject.h"
#include "codegen/cpu/ScheduleFamily.h"
#include "compiler/KernelReport.h"
#include "compiler/autodiff/Autodiff.h"
#include "compiler/autodiff/Optimizers.h"
#include "compiler/autodiff/Training.h"
#include "compiler/frontends/pt2/Modes.h"
#include "compiler/transforms/CheckKernels.h"
#include "compiler/transforms/FoldAffine.h"
#include "compiler/transforms/FormKernels.h"
#include "compiler/transforms/PackFilters.h"
#include "compiler/transforms/PackRecurrentWeights.h"
#include "compiler/transforms/Place.h"
#include "compiler/transforms/Plan.h"
#include "compiler/transforms/Prepare.h"
#include "compiler/transforms/Rematerialize.h"
#include "compiler/transforms/StageContract.h"
#include "compiler/transforms/TimeKernels.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace nnc {

//===-- 1 GRAPH: nn ops with torch semantics                         [nn, func] ---===//

static llvm::Error buildGraph(Compilation &c) {
  TimingScope time = c.time.nest("graph");
  llvm::Expected<pt2::ExportedProgram> program = pt2::readExportedProgram(c.options.model);
  if (!program)
    return program.takeError();
  std::optional<pt2::ExportedProgram> evaluated;
  if (!c.options.evaluationModel.empty()) {
    llvm::Expected<pt2::ExportedProgram> second = pt2::readExportedProgram(c.options.evaluationModel);
    if (!second)
      return second.takeError();
    evaluated = std::move(*second);
    if (llvm::Error error = pt2::checkEvaluates(*evaluated))
      return error;
    if (llvm::Error error = pt2::checkSameModel(*program, *evaluated))
      return error;
  } else if (llvm::Error error = pt2::checkEvaluationDerivable(*program)) {
    return error;
  }
  if (c.options.loss && !c.options.trainAsExported)
    if (llvm::Error error = pt2::checkTrains(*program))
      return error;
  // `forward` infers; training and gradients run the model in the mode it was exported in.
  auto import = [&](const pt2::ExportedProgram &source, StringRef name, bool evaluation) -> llvm::Error {
    pt2::ImportOptions options;
    options.function = name.str();
    options.evaluation = evaluation;
    options.maximumBatch = c.options.maxBatch;
    if (&source != &*program)
      options.constantPrefix = "eval.";
    options.unrollRecurrences = c.options.optimization == 0;
    llvm::Expected<pt2::ImportedModel> model = pt2::importProgram(source, *c.context, options);
    if (!model)
      return model.takeError();
    if (!c.module)
      c.module = std::move(model->module);
    else
      for (auto function : llvm::make_early_inc_range(model->module->getOps<func::FuncOp>()))
        function->moveBefore(c.module->getBody(), c.module->getBody()->end());
    c.sources.push_back(std::move(*model));
    return llvm::Error::success();
  };
  if (llvm::Error error = import(evaluated ? *evaluated : *program, "forward", true))
    return error;
  if (c.options.loss || c.options.gradient)
    return import(*program, "exported", false);
  return llvm::Error::success();
}

//===-- 2 TRAIN: loss, gradients and optimizer appended               [nn, func] ---===//

static LogicalResult appendTraining(Compilation &c) {
  auto exported = c.module->lookupSymbol<func::FuncOp>("exported");
  if (c.options.loss) {
    NamedOptions optimizer = c.options.optimizer.value_or(NamedOptions{"sgd", {}});
    if (failed(addTraining(*c.module, exported, *c.options.loss, optimizer)))
      return failure();
  }
  if (c.options.gradient && failed(addGradient(*c.module, exported)))
    return failure();
  if (exported)
    exported.erase();
  return success();
}

//===-- 3 CORE: composites decomposed, simplified, @prepare outlined   [nn core, func] ---===//

static LogicalResult lowerToCore(Compilation &c) {
  for (auto function : c.module->getOps<func::FuncOp>()) {
    decomposeComposites(function);
    packRecurrentWeights(function);
  }
  PassManager manager(c.context.get());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  if (failed(manager.run(*c.module)))
    return failure();
  if (c.options.optimization == 0)
    return success();
  auto forward = c.module->lookupSymbol<func::FuncOp>("forward");
  foldAffine(forward, c.options.frozen);
  for (auto function : c.module->getOps<func::FuncOp>())
    packFilters(function, c.target, c.options.winograd);
  outlinePrepare(*c.module, forward);
  return success();
}

//===-- 4 KERNELS: every op in one nn.kernel with its family           [nn.kernel regions] ---===//

static LogicalResult formAllKernels(Compilation &c) {
  for (auto function : c.module->getOps<func::FuncOp>())
    formKernels(function, c.options.optimization);
  if (!c.options.checkKernels)
    return success();
  inlinePrepare(*c.module, c.module->lookupSymbol<func::FuncOp>("forward"));
  for (auto function : c.module->getOps<func::FuncOp>())
    llvm::append_range(c.report.checks, addKernelChecks(function));
  return success();
}

//===-- 5 PLAN: memory                                        [nn.kernel, memref, arith] ---===//

static LogicalResult planAll(Compilation &c) {
  SmallVector<func::FuncOp> functions(c.module->getOps<func::FuncOp>());
  auto memory = [&](Operation *kernel) { return cpu::memoryOf(kernel, c.target); };
  for (func::FuncOp function : functions) {
    if (c.options.memoryBudget) {
      FailureOr<MemoryFit> fit = fitMemory(function, c.options.memoryBudget, c.options.reportBatch, memory);
      if (failed(fit))
        return failure();
      if (fit->repeatedKernels)
        c.report.memoryFits.push_back(*fit);
    }
    if (failed(planFunction(function, c.options.memoryBudget ? c.options.reportBatch : 0, memory)))
      return failure();
  }
  for (auto function : c.module->getOps<func::FuncOp>())
    if (c.options.timeKernels && function->hasAttr("nn.worker_bytes") && function.getName() != "prepare")
      addKernelTimes(function);
  if (c.options.loss) {
    float rate = initialLearningRate(c.options.optimizer.value_or(NamedOptions{"sgd", {}}));
    c.learningRate.assign(reinterpret_cast<const char *>(&rate), sizeof(rate));
  }
  llvm::StringSet<> unread;
  if (c.options.frozen)
    unread = unreadState(*c.module);
  c.layout = layoutState(*c.module, [&](StringRef kind, StringRef name) -> StringRef {
    if (unread.contains((kind + "/" + name).str()))
      return {};
    if (kind == "lr")
      return c.learningRate;
    if (kind == "prepared")
      if (auto value = c.prepared.find(name); value != c.prepared.end())
        return value->second;
    if (kind == "parameter" || kind == "buffer" || kind == "constant")
      for (const pt2::ImportedModel &source : c.sources)
        if (auto blob = source.blobs.find(name.str()); blob != source.blobs.end())
          return blob->second.bytes;
    return {};
  }, c.options.frozen);
  c.layout.interface.name = c.options.name;
  c.layout.interface.target = c.target.platform->name;
  c.layout.interface.cpu = c.target.cpu;
  c.layout.interface.cpuFeatures = c.target.requiredFeatures();
  reportKernels(*c.module, c.target, c.options.optimization > 0, c.options.reportBatch, c.report);
  c.report.interface = c.layout.interface;
  return success();
}

//===-- 6 LOOPS: kernels as functions over memrefs   [func, scf, vector, memref, arith, math] --===//

static LogicalResult emitAllLoops(Compilation &c) {
  if (failed(cpu::emitLoops(*c.module, c.target, [&](StringRef kind, StringRef name) {
        return c.layout.placeOf(kind, name);
      }, /*checkBounds=*/c.options.optimization == 0)))
    return failure();
  return success();
}

//===-- 7 NATIVE: LLVM, object                                                        ---===//

static llvm::Error emitNative(Compilation &c) {
  TimingScope time = c.time.nest("native");
  auto objects = cpu::emitObjects(*c.module, c.target, c.options.optimization, time);
  if (!objects)
    return c.diagnostics.empty() ? objects.takeError() : llvm::joinErrors(objects.takeError(), c.reportedErrors());
  c.objects = std::move(*objects);
  return llvm::Error::success();
}

/// `layer features.0, model.py:12: ` as far as a location knows.
static std::string describePlace(Location location) {
  std::string layer = layerOf(location), line = sourceLineOf(location);
  if (!layer.empty())
    layer = "layer " + layer;
  std::string place = layer + (layer.empty() || line.empty() ? "" : ", ") + line;
  return place.empty() ? place : place + ": ";
}

llvm::Error Compilation::reportedErrors() const {
  return llvm::createStringError(options.model + ": " + llvm::join(diagnostics, "\n"));
}

namespace {
struct Step {
  Stage stage;
  StringRef name;
  LogicalResult (*run)(Compilation &);
};
} // namespace

/// Those up to `last`, each checked.
static llvm::Error runSteps(Compilation &c, Stage last, ArrayRef<Step> steps) {
  for (const Step &step : steps) {
    if (step.stage > last)
      break;
    TimingScope time = c.time.nest(step.name);
    if (failed(step.run(c)))
      return c.reportedErrors();
    TimingScope verification = time.nest("verify");
    if (failed(verify(*c.module)) || failed(verifyStage(*c.module, step.stage)))
      return c.reportedErrors();
  }
  return llvm::Error::success();
}

llvm::Error startCompilation(Compilation &c) {
  llvm::Expected<cpu::Target> target = cpu::Target::forCPU(c.options.cpu, c.options.target);
  if (!target)
    return target.takeError();
  c.target = *target;
  c.timing.setEnabled(c.options.timing);
  c.time = c.timing.getRootScope();
  TimingScope time = c.time.nest("start");
  DialectRegistry registry;
  cpu::registerLoweringDialects(registry);
  registry.insert<nn::NNDialect>();
  c.context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::ENABLED);
  c.context->loadAllAvailableDialects();
  return llvm::Error::success();
}

llvm::Error runStages(Compilation &c, Stage last) {
  if (llvm::Error error = startCompilation(c))
    return error;
  if (llvm::Error error = buildGraph(c))
    return error;
  return runStagesAfterGraph(c, last);
}

llvm::Error runStagesAfterGraph(Compilation &c, Stage last) {
  // Passes report through diagnostics: gathered into the one error returned.
  ScopedDiagnosticHandler handler(c.context.get(), [&](Diagnostic &diagnostic) {
    c.diagnostics.push_back(describePlace(diagnostic.getLocation()) + diagnostic.str());
    return success();
  });
  if (llvm::Error error = runSteps(c, last, {{Stage::Train, "train", appendTraining}, {Stage::Core, "core", lowerToCore}}))
    return error;
  if (c.options.frozen && last > Stage::Core)
    if (llvm::Error error = freezePrepared(c))
      return error;
  return runStagesFromCore(c, last);
}

llvm::Error runStagesFromCore(Compilation &c, Stage last) {
  if (llvm::Error error = runSteps(c, last,
                                   {{Stage::Kernels, "kernels", formAllKernels}, {Stage::Plan, "plan", planAll}, {Stage::Loops, "loops", emitAllLoops}}))
    return error;
  if (last == Stage::LLVM)
    return runSteps(c, last, {{Stage::LLVM, "llvm", [](Compilation &c) { return cpu::lowerToLLVM(*c.module); }}});
  return last < Stage::Object ? llvm::Error::success() : emitNative(c);
}

} // namespace nnc
