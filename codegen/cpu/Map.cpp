// The Map family: results of one shape whose elements depend on nothing but
// operand elements. Axes that every operand treats alike are joined, so that most
// kernels are one flat loop; the others are rows with lanes along the last axis.
// A result may lie over an operand of its shape: what an iteration writes, it has
// read before.
#include "codegen/cpu/Families.h"
#include "codegen/cpu/Pointwise.h"
#include "codegen/cpu/ScheduleFamily.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

namespace {

class MapFamily : public ScheduleFamily {
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
    return hasOneResultShape(c.kernel) ? PointwiseLoops(c).emitTask(task) : naiveFamily().emitTask(c, task, phase);
  }
};

} // namespace

const ScheduleFamily &mapFamily() {
  static const MapFamily family;
  return family;
}

} // namespace nnc::cpu
