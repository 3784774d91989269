#include "compiler/transforms/StageContract.h"
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace nnc {

/// Why `op` may not stand where it stands; empty: it may.
using Contract = StringRef (*)(Operation *op);

template <typename... Dialects> static bool isFrom(Operation *op) {
  return op->getDialect() && isa<Dialects...>(op->getDialect());
}

static bool isStructure(Operation *op) { return isa<ModuleOp, func::FuncOp, func::ReturnOp>(op); }
static bool inKernel(Operation *op) { return isa_and_present<nn::KernelOp>(op->getParentOp()); }

// 1 GRAPH, 2 TRAIN: nn ops on tensors in functions, no kernel yet.
static StringRef graphContract(Operation *op) {
  if (isStructure(op))
    return {};
  if (isa<nn::KernelOp, nn::YieldOp>(op))
    return "kernels are formed by stage kernels";
  return isFrom<nn::NNDialect>(op) ? "" : "only nn ops and functions are allowed";
}

// 3 CORE: the same without composites: every op has its element.
static StringRef coreContract(Operation *op) {
  if (isa<nn::DecomposableOpInterface>(op))
    return "composite ops are decomposed by now";
  return graphContract(op);
}

// 4 KERNELS: every core op in one kernel; reshapes between kernels are views.
static StringRef kernelContract(Operation *op) {
  if (isStructure(op))
    return {};
  if (isa<nn::KernelOp>(op))
    return inKernel(op) ? "kernels do not nest" : "";
  if (isa<nn::YieldOp>(op))
    return {};
  if (inKernel(op))
    return isa<nn::ElementOpInterface>(op) || isa<nn::RecurrenceOp, nn::RecurrenceGradOp>(op) ? "" : "a kernel holds core ops alone";
  return isa<nn::ReshapeOp>(op) ? "" : "outside kernels only reshapes are left";
}

// 5 PLAN: kernels over memrefs without results; views of the arena and index arithmetic.
static StringRef planContract(Operation *op) {
  if (isStructure(op) || isFrom<memref::MemRefDialect, arith::ArithDialect>(op))
    return {};
  if (isa<nn::KernelOp>(op))
    return op->getNumResults() ? "a planned kernel writes to operands and has no results" : "";
  if (inKernel(op))
    return kernelContract(op);
  return "tensors are buffers by now";
}

// 6 LOOPS: functions over pointers; no nn op, no tensor.
static StringRef loopsContract(Operation *op) {
  if (isFrom<func::FuncDialect, LLVM::LLVMDialect, scf::SCFDialect, cf::ControlFlowDialect,
             vector::VectorDialect, memref::MemRefDialect, arith::ArithDialect,
             math::MathDialect, ub::UBDialect>(op) ||
      isa<ModuleOp, UnrealizedConversionCastOp>(op))
    return {};
  return "only loops, vectors and buffers are left";
}

// 7 NATIVE: the LLVM dialect alone.
static StringRef llvmContract(Operation *op) {
  return isa<ModuleOp>(op) || isFrom<LLVM::LLVMDialect>(op) ? "" : "only the LLVM dialect is left";
}

LogicalResult verifyStage(ModuleOp module, Stage stage) {
  static constexpr struct {
    Stage stage;
    const char *name;
    Contract contract;
  } contracts[] = {{Stage::Graph, "graph", graphContract},    {Stage::Train, "train", graphContract},
                   {Stage::Core, "core", coreContract},       {Stage::Kernels, "kernels", kernelContract},
                   {Stage::Plan, "plan", planContract},       {Stage::Loops, "loops", loopsContract},
                   {Stage::LLVM, "llvm", llvmContract}};
  for (const auto &row : contracts) {
    if (row.stage != stage)
      continue;
    WalkResult result = module.walk<WalkOrder::PreOrder>([&](Operation *op) {
      StringRef reason = row.contract(op);
      if (reason.empty())
        return WalkResult::advance();
      op->emitOpError("has no place after stage ") << row.name << ": " << reason;
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }
  return success();
}

} // namespace nnc
