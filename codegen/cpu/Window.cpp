// The Window family: pooling and its gradients on x [N, C, spatial...], with
// pointwise ops before and after. Lanes lie along the innermost spatial axis;
// columns whose windows stay inside the input are read without checks.
#include "codegen/cpu/Families.h"
#include "codegen/cpu/Pointwise.h"
#include "codegen/cpu/ScheduleFamily.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

namespace {

// Output o reads inputs o * stride - padding ... + (kernel - 1) * dilation.
template <typename PoolOp> PointwiseLoops::Interior interiorOf(KernelContext &c, PoolOp pool) {
  int64_t stride = pool.getStride().back(), padding = pool.getPadding().back();
  int64_t reach = (pool.getKernel().back() - 1) * pool.getDilation().back();
  int64_t low = llvm::divideCeil(padding, stride);
  AffineExpr width = dimsOf(pool.getInput()).back();
  if (auto constant = constantSize(width)) {
    int64_t last = *constant - 1 + padding - reach;
    return {c.index(low), c.index(last < 0 ? 0 : last / stride + 1)};
  }
  Value count = c.mulAdd(c.size(width), 1, padding - reach - 1 + stride);
  count = arith::MaxSIOp::create(c.b, c.loc, count, c.index(0));
  return {c.index(low), arith::DivUIOp::create(c.b, c.loc, count, c.index(stride))};
}

PointwiseLoops loopsOf(KernelContext &c) {
  PointwiseLoops loops(c);
  for (Operation &op : c.body()) {
    if (auto pool = dyn_cast<MaxPoolOp>(op); pool && leavesInput(pool, pool.getKernel().size() - 1))
      loops.interior = interiorOf(c, pool);
    if (auto pool = dyn_cast<SumPoolOp>(op); pool && leavesInput(pool, pool.getKernel().size() - 1))
      loops.interior = interiorOf(c, pool);
  }
  return loops;
}

class WindowFamily : public ScheduleFamily {
  std::string scheduleText(KernelOp kernel, const Target &target) const override {
    return fallback(kernel, target).empty() ? describePointwiseLoops(kernel, target) : naiveFamily().scheduleText(kernel, target);
  }

  std::string fallback(KernelOp kernel, const Target &) const override {
    return hasOneResultShape(kernel) ? "" : "its results differ in shape";
  }

  Value emitTaskCount(KernelContext &c, unsigned phase) const override {
    return hasOneResultShape(c.kernel) ? PointwiseLoops(c).emitTaskCount() : naiveFamily().emitTaskCount(c, phase);
  }

  void emitTask(KernelContext &c, Value task, unsigned phase) const override {
    return hasOneResultShape(c.kernel) ? loopsOf(c).emitTask(task) : naiveFamily().emitTask(c, task, phase);
  }
};

} // namespace

const ScheduleFamily &windowFamily() {
  static const WindowFamily family;
  return family;
}

} // namespace nnc::cpu
