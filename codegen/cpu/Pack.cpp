// The Pack family: filters as convolutions read them. A task packs one vector of
// result channels and a block of the channels that are summed over.
#include "codegen/cpu/ConvolutionWinograd.h"
#include "codegen/cpu/Epilogue.h"
#include "codegen/cpu/Families.h"
#include "codegen/cpu/ScheduleFamily.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

namespace {

struct Packer {
  KernelContext &c;
  LoopEmitter emit;
  Value weight, packed;
  bool adjoint;
  int64_t groups = 1, winograd = 0; // results of a tile along an axis; 0: taps as they are
  int64_t lanes, panels, reduced, result, taps; // of a group
  VectorType type;

  static constexpr int64_t blockSize = 64;

  explicit Packer(KernelContext &c) : c(c), emit(c.b, c.loc) {
    Operation *op = &c.kernel.getBody().front().front();
    weight = op->getOperand(0);
    packed = op->getResult(0);
    lanes = size(packed, 3);
    type = VectorType::get({lanes}, elementTypeOf(packed));
    if (auto filter = dyn_cast<WinogradFilterOp>(op)) {
      adjoint = filter.getAdjoint();
      winograd = Winograd::ofProducts(size(packed, 1)).outputs;
    } else {
      adjoint = cast<PackFilterOp>(op).getAdjoint();
      groups = cast<PackFilterOp>(op).getGroups();
    }
    panels = size(packed, 0) / groups;
    result = adjoint ? size(weight, 1) : size(weight, 0) / groups;
    reduced = adjoint ? size(weight, 0) / groups : size(weight, 1);
    taps = 1;
    for (int64_t axis = 2; axis < rankOf(weight); ++axis)
      taps *= size(weight, axis);
  }

  static int64_t size(Value tensor, int64_t axis) { return *constantSize(dimsOf(tensor)[axis]); }
  int64_t blocks() const { return llvm::divideCeil(reduced, blockSize); }
  int64_t tasks() const { return groups * panels * blocks(); }

  void run(Value task) {
    Value panel = emit.div(task, blocks()), first = emit.mul(emit.rem(task, blocks()), blockSize);
    Value end = emit.min(emit.add(first, blockSize), emit.index(reduced));
    if (!winograd && !adjoint)
      return packSteps(panel, emit.mul(first, taps), emit.mul(emit.sub(end, first), taps));
    emit.loop(first, end, 1, [&](Value channel) {
      Values square = readTaps(panel, channel);
      if (winograd)
        return storeProducts(panel, channel, square);
      for (auto [tap, vector] : llvm::enumerate(square))
        storeStep(vector, panel, emit.add(emit.mul(channel, taps), tap));
    });
  }

  /// Elements of the filter before the first of a panel's, and of its result channels in the group.
  Value groupStart(Value panel) {
    return emit.mul(emit.div(panel, panels), result * reduced * taps);
  }
  Value firstResult(Value panel) { return emit.mul(emit.rem(panel, panels), lanes); }

  /// One line for each lane, `apart` elements from one to the next, of which `active`
  /// are read; zeros where a result channel does not exist.
  Values lines(Value panel, int64_t apart, Value at, Value active) {
    Values values;
    for (int64_t i = 0; i < lanes; ++i) {
      Value each = emit.add(firstResult(panel), i), length = active;
      if (result % lanes != 0) {
        Value exists = emit.less(each, emit.index(result));
        length = arith::SelectOp::create(c.b, c.loc, exists, active ? active : emit.index(lanes), emit.index(0));
        each = emit.min(each, emit.index(result - 1));
      }
      Value from = emit.add(emit.add(groupStart(panel), at), emit.mul(each, apart));
      values.push_back(loadVector(c.b, c.loc, type, c.bufferOf(weight), from, length));
    }
    return emitTranspose(emit, values);
  }

  /// [result][(c, tap)] -> [(c, tap)][result], squares at a time.
  void packSteps(Value panel, Value first, Value count) {
    emit.vectors(count, lanes, [&](Value at, Value active) {
      Values turned = lines(panel, reduced * taps, emit.add(first, at), active);
      // Only the very last steps can be fewer than a vector.
      int64_t here = active ? reduced * taps % lanes : lanes;
      for (int64_t i = 0; i < here; ++i)
        storeStep(turned[i], panel, emit.add(emit.add(first, at), i));
    });
  }

  /// The taps of one channel: a vector a tap, in the order in which the kernel meets them.
  Values readTaps(Value panel, Value channel) {
    if (adjoint && taps == 1) // a row of the matrix as it is
      return {readRow(panel, channel)};
    int64_t resultStep = adjoint ? taps : reduced * taps, channelStep = adjoint ? result * taps : taps;
    Values square;
    for (int64_t tap = 0; tap < taps; tap += lanes) {
      int64_t here = std::min(lanes, taps - tap);
      Values turned = lines(panel, resultStep, emit.add(emit.mul(channel, channelStep), tap),
                            here == lanes ? Value() : emit.index(here));
      square.append(turned.begin(), turned.begin() + here);
    }
    // A direct input gradient turns the taps by where it reads.
    if (adjoint && winograd)
      std::reverse(square.begin(), square.end());
    return square;
  }

  Value readRow(Value panel, Value channel) {
    Value at = emit.add(emit.add(groupStart(panel), emit.mul(channel, result)), firstResult(panel));
    Value count = emit.min(emit.index(lanes), emit.sub(emit.index(result), firstResult(panel)));
    return loadVector(c.b, c.loc, type, c.bufferOf(weight), at, result % lanes == 0 ? Value() : count);
  }

  void storeProducts(Value panel, Value channel, ValueRange square) {
    Values products = emitSquare(emit, Winograd::of(winograd).filter, square, 3);
    int64_t count = products.size();
    for (auto [product, vector] : llvm::enumerate(products)) {
      Value line = emit.mul(emit.add(emit.mul(panel, count), int64_t(product)), reduced);
      emit.store(vector, c.outputBuffers[0], emit.mul(emit.add(line, channel), lanes));
    }
  }

  void storeStep(Value vector, Value panel, Value step) {
    emit.store(vector, c.outputBuffers[0], emit.mul(emit.add(emit.mul(panel, reduced * taps), step), lanes));
  }
};

class PackFamily : public ScheduleFamily {
  std::string scheduleText(KernelOp, const Target &) const override { return "lanes along the result's channels"; }

  Value emitTaskCount(KernelContext &c, unsigned) const override { return c.index(Packer(c).tasks()); }
  void emitTask(KernelContext &c, Value task, unsigned) const override { Packer(c).run(task); }
};

} // namespace

const ScheduleFamily &packFamily() {
  static const PackFamily family;
  return family;
}

} // namespace nnc::cpu
