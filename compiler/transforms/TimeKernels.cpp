#include "compiler/transforms/TimeKernels.h"
#include "dialects/nn/Nn.h"

using namespace mlir;

namespace nnc {

void addKernelTimes(func::FuncOp planned) {
  int64_t kernels = 0;
  planned.walk([&](nn::KernelOp) { ++kernels; });
  Builder b(planned.getContext());
  Type i64 = b.getI64Type();
  auto attributes = b.getDictionaryAttr({b.getNamedAttr("nn.kind", b.getStringAttr("output")),
                                         b.getNamedAttr("nn.name", b.getStringAttr("kernel_times")),
                                         b.getNamedAttr("nn.type", TypeAttr::get(RankedTensorType::get({kernels + 1, 2}, i64))),
                                         b.getNamedAttr("nn.clock", b.getUnitAttr())});
  (void)planned.insertArgument(planned.getNumArguments(), MemRefType::get({kernels + 1, 2}, i64), attributes, planned.getLoc());
}

} // namespace nnc
