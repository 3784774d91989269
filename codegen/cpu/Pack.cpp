// The Pack family: filters as products read them. A task packs one vector of result
// channels and a block of the others.
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
  WinogradFilterOp op;
  const Winograd &winograd;
  int64_t lanes, panels, reduced, result;
  VectorType type;

  static constexpr int64_t blockSize = 64, taps = 9;

  explicit Packer(KernelContext &c)
      : c(c), emit(c.b, c.loc), op(cast<WinogradFilterOp>(c.kernel.getBody().front().front())),
        winograd(Winograd::ofProducts(size(op.getResult(), 1))), lanes(size(op.getResult(), 3)),
        panels(size(op.getResult(), 0)), reduced(size(op.getResult(), 2)),
        result(size(op.getWeight(), op.getAdjoint() ? 1 : 0)),
        type(VectorType::get({lanes}, elementTypeOf(op.getResult()))) {}

  static int64_t size(Value tensor, int64_t axis) { return *constantSize(dimsOf(tensor)[axis]); }
  int64_t blocks() const { return llvm::divideCeil(reduced, blockSize); }

  void run(Value task) {
    Value panel = emit.div(task, blocks()), first = emit.mul(emit.rem(task, blocks()), blockSize);
    Value end = emit.min(emit.add(first, blockSize), emit.index(reduced));
    emit.loop(first, end, 1, [&](Value channel) {
      Values square = read(emit.mul(panel, lanes), channel);
      Values packed = emitSquare(emit, winograd.filter, square, 3);
      for (auto [product, vector] : llvm::enumerate(packed)) {
        Value line = emit.add(emit.mul(emit.add(emit.mul(panel, int64_t(packed.size())), product), reduced), channel);
        emit.store(vector, c.outputBuffers[0], emit.mul(line, lanes));
      }
    });
  }

  /// The taps of `lanes` result channels with one other channel: a vector a tap.
  Values read(Value firstResult, Value channel) {
    int64_t resultStep = op.getAdjoint() ? taps : reduced * taps;
    int64_t channelStep = op.getAdjoint() ? result * taps : taps;
    Values square;
    for (int64_t tap = 0; tap < taps; tap += lanes) {
      int64_t here = std::min(lanes, taps - tap);
      Values lines;
      for (int64_t i = 0; i < lanes; ++i) {
        Value each = emit.add(firstResult, i), length = emit.index(here);
        if (result % lanes != 0) {
          Value exists = emit.less(each, emit.index(result));
          length = arith::SelectOp::create(c.b, c.loc, exists, length, emit.index(0));
          each = emit.min(each, emit.index(result - 1));
        }
        Value at = emit.add(emit.mul(each, resultStep), emit.mul(channel, channelStep));
        lines.push_back(loadVector(c.b, c.loc, type, c.bufferOf(op.getWeight()), emit.add(at, tap), length));
      }
      Values turned = emitTranspose(emit, lines);
      square.append(turned.begin(), turned.begin() + here);
    }
    if (op.getAdjoint())
      std::reverse(square.begin(), square.end());
    return square;
  }
};

class PackFamily : public ScheduleFamily {
  Value emitTaskCount(KernelContext &c, unsigned) const override {
    Packer packer(c);
    return c.index(packer.panels * packer.blocks());
  }
  void emitTask(KernelContext &c, Value task, unsigned) const override { Packer(c).run(task); }
};

} // namespace

const ScheduleFamily &packFamily() {
  static const PackFamily family;
  return family;
}

} // namespace nnc::cpu
