#include "compiler/transforms/PackFilters.h"
#include "codegen/cpu/Products.h"
#include "codegen/cpu/Target.h"
#include "compiler/transforms/Prepare.h"
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

// A matrix times many rows: with few it is read in place as fast as memory gives it.
static void pack(nn::MatmulOp op, const cpu::Target &target) {
  constexpr int64_t fewRows = 8;
  nn::Dims dims = nn::dimsOf(op.getB()), result = nn::dimsOf(op.getResult());
  std::optional<int64_t> rows = nn::constantSize(result[0]);
  bool isKnown = nn::constantSize(dims[0]) && nn::constantSize(dims[1]);
  if (op.getPacked() || dims.size() != 2 || !isKnown || (rows && *rows <= fewRows))
    return;
  OpBuilder b(op);
  nn::Builder builder(b, op.getLoc(), {});
  int64_t lanes = target.lanes(nn::elementTypeOf(op.getB()));
  op.getPackedMutable().assign(builder.packFilter(op.getB(), 1, lanes, /*adjoint=*/!op.getTransposeB()));
}

void packFilters(func::FuncOp function, const cpu::Target &target, bool admitWinograd) {
  DenseSet<Value> kept;
  if (isPrepared(function))
    kept = valuesOfState(function);
  for (Operation &op : llvm::make_early_inc_range(function.front())) {
    if (auto conv = dyn_cast<nn::ConvOp>(op))
      pack(conv, false, target, admitWinograd, kept.contains(conv.getWeight()));
    else if (auto gradient = dyn_cast<nn::ConvInputGradOp>(op))
      pack(gradient, true, target, admitWinograd, kept.contains(gradient.getWeight()));
    else if (auto matmul = dyn_cast<nn::MatmulOp>(op); matmul && kept.contains(matmul.getB()))
      pack(matmul, target);
  }
}

} // namespace nnc
