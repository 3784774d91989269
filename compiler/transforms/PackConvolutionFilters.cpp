#include "compiler/transforms/PackConvolutionFilters.h"
#include "codegen/cpu/Products.h"
#include "codegen/cpu/Target.h"
#include "dialects/nn/Builder.h"

using namespace mlir;

namespace nnc {

template <typename ConvLike>
static void pack(ConvLike op, bool adjoint, const cpu::Target &target, bool admitWinograd, bool isKept) {
  if (op.getPacked())
    return;
  cpu::FilterPacking packing = cpu::chooseFilterPacking(op, target, admitWinograd, isKept);
  if (!packing.packed)
    return;
  OpBuilder b(op);
  nn::Builder builder(b, op.getLoc(), {});
  int64_t lanes = target.lanes(nn::elementTypeOf(op.getWeight()));
  Value weight = op.getWeight();
  op.getPackedMutable().assign(packing.winograd ? builder.winogradFilter(weight, packing.winograd, lanes, adjoint)
                                                : builder.packFilter(weight, op.getGroups(), lanes, adjoint));
  op.setWinograd(packing.winograd);
}

void packConvolutionFilters(func::FuncOp function, const cpu::Target &target, bool admitWinograd) {
  bool isKept = function.getName() == "forward";
  for (Operation &op : llvm::make_early_inc_range(function.front())) {
    if (auto conv = dyn_cast<nn::ConvOp>(op))
      pack(conv, false, target, admitWinograd, isKept);
    else if (auto gradient = dyn_cast<nn::ConvInputGradOp>(op))
      pack(gradient, true, target, admitWinograd, isKept);
  }
}

} // namespace nnc
