#include "compiler/transforms/PackConvolutionFilters.h"
#include "codegen/cpu/Products.h"
#include "codegen/cpu/Target.h"
#include "dialects/nn/Builder.h"

using namespace mlir;

namespace nnc {

template <typename ConvLike> static void pack(ConvLike op, bool adjoint, bool isKept, const cpu::Target &target) {
  if (op.getPacked())
    return;
  int64_t outputs = cpu::chooseWinograd(op, target, isKept);
  if (!outputs)
    return;
  OpBuilder b(op);
  nn::Builder builder(b, op.getLoc(), {});
  int64_t lanes = target.lanes(nn::elementTypeOf(op.getWeight()));
  op.getPackedMutable().assign(builder.winogradFilter(op.getWeight(), outputs, lanes, adjoint));
}

void packConvolutionFilters(func::FuncOp function, const cpu::Target &target) {
  bool isKept = function.getName() == "forward";
  for (Operation &op : llvm::make_early_inc_range(function.front())) {
    if (auto conv = dyn_cast<nn::ConvOp>(op))
      pack(conv, false, isKept, target);
    else if (auto gradient = dyn_cast<nn::ConvInputGradOp>(op))
      pack(gradient, true, isKept, target);
  }
}

} // namespace nnc
