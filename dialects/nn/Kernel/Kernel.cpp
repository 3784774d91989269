#include "dialects/nn/Builder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

#define GET_OP_CLASSES
#include "dialects/nn/Kernel/Kernel.cpp.inc"

using namespace mlir;

namespace nnc::nn {

void NNDialect::registerKernelOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/Kernel/Kernel.cpp.inc"
      >();
}

void KernelOp::getEffects(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  if (getNumResults() > 0)
    return;
  effects.emplace_back(MemoryEffects::Read::get());
  effects.emplace_back(MemoryEffects::Write::get());
}

LogicalResult KernelOp::verify() {
  Block &body = getBody().front();
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (!yield)
    return emitOpError("its region ends with nn.yield");
  // Before PLAN: tensors in, tensors out. After: memrefs, inputs then results.
  size_t expected = body.getNumArguments() + (getNumResults() ? 0 : yield.getNumOperands() + getScratch());
  if (getInputs().size() != expected)
    return emitOpError("has ") << getInputs().size() << " operands where its region needs " << expected;
  return success();
}

} // namespace nnc::nn
