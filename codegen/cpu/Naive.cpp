// The naive family: every element of every result by itself, in scalar code. It
// is the executable meaning of a region, takes any region, and is what the other
// families are compared with.
#include "codegen/cpu/Families.h"
#include "codegen/cpu/ScheduleFamily.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

namespace {

// Elements of a result in one task; reductions make elements dear, so few.
constexpr int64_t elementsPerTask = 1024;

Value elementCount(KernelContext &c, Value result) {
  return c.size(product(c.b.getContext(), dimsOf(result)));
}

class NaiveFamily : public ScheduleFamily {
  std::string scheduleText(KernelOp, const Target &) const override { return "one element after the other"; }

  Value emitTaskCount(KernelContext &c, unsigned) const override {
    Value total = c.index(0);
    for (Value result : c.yield().getValues())
      total = c.add(total, c.ceilDiv(elementCount(c, result), elementsPerTask));
    return total;
  }

  // Tasks number the blocks of the first result, then those of the second, ...
  void emitTask(KernelContext &c, Value task, unsigned) const override {
    Value first = c.index(0);
    for (auto [i, result] : llvm::enumerate(c.yield().getValues())) {
      Value count = elementCount(c, result);
      // Out of this result's blocks the range below is empty.
      Value local = c.mul(c.sub(task, first), c.index(elementsPerTask));
      Value begin = arith::MaxSIOp::create(c.b, c.loc, local, c.index(0));
      Value negative = arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::slt, local, c.index(0));
      Value end = c.minimum(c.add(local, c.index(elementsPerTask)), count);
      end = arith::SelectOp::create(c.b, c.loc, negative, c.index(0), end);
      c.forLoop(begin, end, 1, [&](Value position) {
        SmallVector<Value> index = c.delinearize(position, dimsOf(result));
        c.storeElement(c.element(result, index), c.outputBuffers[i], c.checked(result, position));
      });
      first = c.add(first, c.ceilDiv(count, elementsPerTask));
    }
  }
};

} // namespace

const ScheduleFamily &naiveFamily() {
  static const NaiveFamily family;
  return family;
}

} // namespace nnc::cpu
