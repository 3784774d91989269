// The Scatter family: sums of rows at positions held by a tensor. A task owns a range
// of the destination's rows: it clears them, then goes through all positions in order
// and adds what is its own, so that sums do not depend on the number of threads.
#include "codegen/cpu/Families.h"
#include "codegen/cpu/MicroKernel.h"
#include "codegen/cpu/ScheduleFamily.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

namespace {

// Destination [outer, R, inner], source [outer, I, inner].
class ScatterFamily : public ScheduleFamily {
  static constexpr int64_t elementsPerTask = 1 << 18;

  std::string scheduleText(KernelOp kernel, const Target &target) const override {
    return "each task owns rows of the destination, vectors of " +
           std::to_string(target.lanes(elementTypeOf(anchorOf(kernel).getResult())));
  }

  static ScatterAddOp anchorOf(KernelOp kernel) { return cast<ScatterAddOp>(kernel.getBody().front().front()); }

  struct Shape {
    Value outer, rows, positions, inner, rowsPerTask, blocks;
  };

  static Shape shapeOf(KernelContext &c, LoopEmitter &emit) {
    ScatterAddOp op = anchorOf(c.kernel);
    Dims dims = dimsOf(op.getResult());
    ArrayRef<AffineExpr> all(dims);
    int64_t axis = op.getAxis();
    MLIRContext *context = c.b.getContext();
    Shape shape;
    shape.outer = c.size(product(context, all.take_front(axis)));
    shape.rows = c.size(dims[axis]);
    shape.positions = c.size(product(context, dimsOf(op.getIndex())));
    shape.inner = c.size(product(context, all.drop_front(axis + 1)));
    shape.rowsPerTask = emit.max(emit.div(emit.index(elementsPerTask), emit.max(shape.inner, emit.index(1))), emit.index(1));
    shape.blocks = emit.div(emit.add(shape.rows, emit.sub(shape.rowsPerTask, emit.index(1))), shape.rowsPerTask);
    return shape;
  }

  Value emitTaskCount(KernelContext &c, unsigned) const override {
    LoopEmitter emit(c.b, c.loc);
    Shape shape = shapeOf(c, emit);
    return emit.mul(shape.outer, shape.blocks);
  }

  void emitTask(KernelContext &c, Value task, unsigned) const override {
    LoopEmitter emit(c.b, c.loc);
    Shape shape = shapeOf(c, emit);
    ScatterAddOp op = anchorOf(c.kernel);
    Type element = elementTypeOf(op.getResult());
    auto vector = VectorType::get({c.target.lanes(element)}, element);
    Value source = c.bufferOf(op.getInput()), target = c.outputBuffers[0];
    Values place = emit.delinearize(task, {shape.outer, shape.blocks});
    Value first = emit.mul(place[1], shape.rowsPerTask), end = emit.min(emit.add(first, shape.rowsPerTask), shape.rows);
    auto row = [&](Value r) { return emit.mul(emit.add(emit.mul(place[0], shape.rows), r), shape.inner); };

    Value begin = row(first), count = emit.mul(emit.sub(end, first), shape.inner);
    emit.vectors(count, vector.getNumElements(), [&](Value at, Value active) {
      emit.store(emit.zero(vector), target, emit.add(begin, at), active);
    });
    emit.loop(emit.index(0), shape.positions, 1, [&](Value i) {
      Value stored = c.loadElement(op.getIndex(), i);
      Value r = arith::IndexCastOp::create(c.b, c.loc, c.b.getIndexType(), stored);
      Value mine = c.logicalAnd(emit.lessEqual(first, r), emit.less(r, end));
      if (int64_t(op.getPadding()) >= 0) {
        Value other = arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::ne, r, emit.index(op.getPadding()));
        mine = c.logicalAnd(mine, other);
      }
      emit.branch(mine, [&] {
        Value to = row(r), from = emit.mul(emit.add(emit.mul(place[0], shape.positions), i), shape.inner);
        emit.vectors(shape.inner, vector.getNumElements(), [&](Value at, Value active) {
          Value sum = arith::AddFOp::create(c.b, c.loc, emit.load(vector, target, emit.add(to, at), active),
                                            emit.load(vector, source, emit.add(from, at), active));
          emit.store(sum, target, emit.add(to, at), active);
        });
      });
    });
  }
};

} // namespace

const ScheduleFamily &scatterFamily() {
  static const ScatterFamily family;
  return family;
}

} // namespace nnc::cpu
