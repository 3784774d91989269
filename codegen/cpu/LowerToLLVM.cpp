#include "codegen/cpu/LowerToLLVM.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace nnc::cpu {

namespace {

// All dialects in one conversion: one walk over the module, and no unrealized
// casts between partial results. Kernels have vectors of one dimension alone,
// so that those of upstream's passes which take others apart are left out.
struct ConvertToLLVM : PassWrapper<ConvertToLLVM, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertToLLVM)

  StringRef getArgument() const final { return "nnc-convert-to-llvm"; }

  void runOnOperation() final {
    MLIRContext *context = &getContext();
    LowerToLLVMOptions options(context);
    LLVMTypeConverter converter(context, options);
    RewritePatternSet patterns(context);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns, /*approximateLog1p=*/false);
    populateVectorToLLVMConversionPatterns(converter, patterns, /*reassociateFPReductions=*/true);
    vector::populateVectorMaskOpLoweringPatterns(patterns);
    vector::populateVectorMaskMaterializationPatterns(patterns, /*force32BitVectorIndices=*/true);
    vector::populateVectorInsertExtractStridedSliceTransforms(patterns);

    LLVMConversionTarget target(*context);
    target.addLegalOp<ModuleOp>();
    if (failed(applyPartialConversion(getOperation(), target, std::move(patterns))))
      signalPassFailure();
  }
};

void buildPipeline(OpPassManager &manager) {
  // A function at a time, and so several at once. Emitters fold what they build: the
  // canonicalizer would find nothing.
  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(createCSEPass());
  functions.addPass(createLoopInvariantCodeMotionPass());

  functions.addPass(createSCFToControlFlowPass());

  manager.addPass(std::make_unique<ConvertToLLVM>());
  manager.addPass(createReconcileUnrealizedCastsPass());
}

} // namespace

void registerLoweringDialects(DialectRegistry &registry) {
  registry.insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, index::IndexDialect,
                  LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect, scf::SCFDialect, ub::UBDialect,
                  vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

LogicalResult lowerToLLVM(ModuleOp module) {
  PassManager manager(module->getName());
  manager.enableVerifier(false); // of upstream's passes; once is enough
  buildPipeline(manager);
  if (failed(manager.run(module)) || failed(verify(module)))
    return failure();
  // A partial conversion passes over what it does not know; the casts it leaves
  // around such an operation say nothing to a reader.
  Operation *left = nullptr;
  module.walk([&](Operation *op) {
    if (isa<ModuleOp>(op) || isa<LLVM::LLVMDialect>(op->getDialect()))
      return;
    if (!left || isa<UnrealizedConversionCastOp>(left))
      left = op;
  });
  if (left)
    return left->emitOpError("has no lowering to LLVM: it has to be expanded before");
  return success();
}

void registerLoweringPipeline() {
  PassPipelineRegistration<>("nnc-lower-to-llvm", "Lower loops, vectors and memrefs to LLVM",
                             buildPipeline);
}

} // namespace nnc::cpu
