#include "compiler/transforms/PackRecurrentWeights.h"
#include "dialects/nn/Recurrent/Unroll.h"

using namespace mlir;

namespace nnc {

void packRecurrentWeights(func::FuncOp function) {
  for (auto op : llvm::make_early_inc_range(function.front().getOps<nn::RecurrenceOp>())) {
    if (op.getPacked())
      continue;
    OpBuilder b(op);
    nn::Builder builder(b, op.getLoc(), {});
    op.getPackedMutable().assign(nn::packRecurrentWeight(builder, op.getWeight()));
  }
}

} // namespace nnc
