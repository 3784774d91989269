// The Sequence family: all steps of a recurrent layer in one kernel. The weight is
// read [H / P, G, H, P]: for a panel of P units one gate after the other, so that the products
// of a step and what the gates do with them stay in registers and first-level cache.
#include "codegen/cpu/Sequence.h"
#include "codegen/cpu/Families.h"
#include "codegen/cpu/ScheduleFamily.h"
#include "codegen/cpu/VectorMath.h"
#include "dialects/nn/Recurrent/Unroll.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

//===-- what both directions share ------------------------------------------------===//

int64_t sequenceTileVectors(const Target &target, int64_t rows, int64_t vectors) {
  // A single row reads each vector once: as an operand from memory.
  int64_t most = rows == 1 ? target.registers / 2 : (target.registers - 1) / (rows + 1);
  return std::clamp<int64_t>(most, 1, vectors);
}

int64_t sequencePitch(int64_t count) { return llvm::alignTo(count, 16) + 16; }

SequenceTask::SequenceTask(KernelContext &context, Operation *op, Value gates, RecurrenceKind kind, bool reverse,
                           int64_t hidden, Value task)
    : LoopEmitter(context.b, context.loc), c(context), op(op), kind(kind), reverse(reverse), hidden(hidden) {
  Dims dims = dimsOf(gates);
  gateCount = *constantSize(dims[2]) / hidden;
  element = elementTypeOf(gates);
  vector = VectorType::get({std::min<int64_t>(c.target.lanes(element), recurrentPanelWidth(element))}, element);
  steps = c.size(dims[0]);
  batch = c.size(dims[1]);
  // All tasks take about as many rows.
  Value tasks = ceilDiv(batch, sequenceRows), each = div(add(batch, sub(tasks, index(1))), tasks);
  if (constantIndex(rem(batch, tasks)) == 0) { // known ahead: register tiles for these rows alone
    firstRow = mul(task, each);
    rows = each;
    return;
  }
  firstRow = min(mul(task, each), batch);
  rows = min(sub(batch, firstRow), each);
}

Value SequenceTask::resultBuffer(Value result) {
  for (auto [i, yielded] : llvm::enumerate(c.yield().getValues()))
    if (yielded == result)
      return c.outputBuffers[i];
  return {};
}

Value SequenceTask::takeScratch(int64_t count) {
  Value part = view(c.workerScratch, index(scratchTaken), count, element);
  scratchTaken += llvm::alignTo(count * element.getIntOrFloatBitWidth() / 8, 64);
  return part;
}

Value SequenceTask::at(Value step, Value row, int64_t width, Value column) {
  return add(mul(add(mul(step, batch), add(firstRow, row)), width), column);
}

void SequenceTask::overState(function_ref<void(Value, Value, Value)> body) {
  loop(index(0), rows, 1, [&](Value row) {
    vectors(index(hidden), vector.getNumElements(), [&](Value column, Value active) { body(row, column, active); });
  });
}

Value SequenceTask::logistic(Value x) { return emitMath(builder, loc, MathFunction::Logistic, x); }
Value SequenceTask::tanh(Value x) { return emitMath(builder, loc, MathFunction::Tanh, x); }
Value SequenceTask::gatedTanh(Value gate, Value x) { return emitMath(builder, loc, MathFunction::GatedTanh, {gate, x}); }
Value SequenceTask::plus(Value x, Value y) { return arith::AddFOp::create(builder, loc, x, y); }
Value SequenceTask::minus(Value x, Value y) { return arith::SubFOp::create(builder, loc, x, y); }
Value SequenceTask::times(Value x, Value y) { return arith::MulFOp::create(builder, loc, x, y); }
Value SequenceTask::timesPlus(Value x, Value y, Value z) { return math::FmaOp::create(builder, loc, x, y, z); }
Value SequenceTask::splat(VectorType type, double value) {
  return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(type, builder.getFloatAttr(element, value)));
}

//===-- forward -------------------------------------------------------------------===//

namespace {

class ForwardTask : public SequenceTask {
public:
  ForwardTask(KernelContext &context, RecurrenceOp op, Value task)
      : SequenceTask(context, op, op.getGates(), op.getKind(), op.getReverse(), op.hiddenSize(), task),
        gates(c.bufferOf(op.getGates())), packed(c.bufferOf(op.getPacked())),
        bias(op.getBias() ? c.bufferOf(op.getBias()) : Value()), y(resultBuffer(op.getY())),
        cells(op.cells() ? resultBuffer(op.cells()) : Value()), saved(op.saved() ? resultBuffer(op.saved()) : Value()),
        h0(c.bufferOf(op.getH0())), c0(op.getC0() ? c.bufferOf(op.getC0()) : Value()) {}

  // The hidden state lies twice in scratch: a step reads one and writes the other.
  void emit() {
    int64_t half = sequenceRows * pitch;
    state = takeScratch(2 * half);
    products = takeScratch(sequenceRows * gateCount * panel);
    if (c0)
      cell = takeScratch(half);
    overState([&](Value row, Value column, Value active) {
      Value from = add(mul(add(firstRow, row), hidden), column), to = add(mul(row, pitch), column);
      store(load(vector, h0, from, active), state, to, active);
      if (c0)
        store(load(vector, c0, from, active), cell, to, active);
    });
    loop(index(0), steps, 1, [&](Value s) {
      Value step = stepOf(s), now = mul(rem(s, 2), half), next = sub(index(half), now);
      overPanels(rem(s, 2), [&](Value column, int64_t units) {
        prefetchProjections(step, column);
        emitProducts(column, now);
        loop(index(0), rows, 1, [&](Value row) {
          // Chains of dependent instructions: those of all vectors of a panel side by side.
          VectorType part = units == panel ? VectorType::get({panel}, element) : vector;
          vectors(index(units), part.getNumElements(), [&](Value unit, Value active) {
            emitCell(part, step, row, column, unit, active, now, next);
          });
        });
      });
    });
  }

private:
  /// Panels of units, each with its width; every other step from the last to the first, so that
  /// what the second-level cache still holds of the weights is read before it is replaced.
  void overPanels(Value odd, function_ref<void(Value column, int64_t units)> body) {
    int64_t whole = hidden / panel * panel;
    loop(index(0), index(whole), panel, [&](Value column) {
      Value mirrored = sub(index(whole - panel), column);
      Value backwards = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, odd, index(0));
      body(whole == panel ? column : arith::SelectOp::create(builder, loc, backwards, mirrored, column).getResult(), panel);
    });
    if (whole < hidden)
      body(index(whole), hidden - whole);
  }

  /// The projections of a panel's units, short pieces far apart, on their way while products are formed.
  void prefetchProjections(Value step, Value column) {
    int64_t perLine = std::max<int64_t>(1, 512 / element.getIntOrFloatBitWidth());
    loop(index(0), rows, 1, [&](Value row) {
      for (int64_t gate = 0; gate < gateCount; ++gate)
        for (int64_t unit = 0; unit < panel; unit += perLine)
          prefetch(gates, add(at(step, row, gateCount * hidden, column), gate * hidden + unit));
    });
  }

  /// products [rows, G, P] = weight of a panel of P units times the state.
  void emitProducts(Value column, Value now) {
    Value weights = mul(column, hidden * gateCount); // column / P * G * H * P
    Value all = index(gateCount * panel / vector.getNumElements());
    // High tiles, columns outermost: the weights of some columns stay in the first-level cache while rows pass.
    Value high = sub(rows, rem(rows, sequenceTileRows));
    if (auto known = constantIndex(rows); known && *known >= sequenceTileRows)
      high = rows;
    if (constantIndex(high) != 0)
      tiles(all, columnVectors(sequenceTileRows), std::nullopt, [&](Value first, int64_t wide) {
        std::optional<int64_t> remainder;
        if (high != rows)
          remainder = 0;
        tiles(high, sequenceTileRows, remainder, [&](Value row, int64_t count) {
          emitTile(weights, now, row, count, first, wide);
        });
      });
    if (high == rows)
      return;
    tiles(sub(rows, high), sequenceTileRows - 1, std::nullopt, [&](Value row, int64_t count) {
      tiles(all, columnVectors(count), std::nullopt, [&](Value first, int64_t wide) {
        emitTile(weights, now, add(high, row), count, first, wide);
      });
    });
  }

  /// Vectors of a register tile of `count` rows: whole gates of a panel, or one's equal parts.
  int64_t columnVectors(int64_t count) {
    int64_t perGate = panel / vector.getNumElements();
    int64_t most = sequenceTileVectors(c.target, count, gateCount * perGate);
    return most >= perGate ? most / perGate * perGate : llvm::bit_floor(uint64_t(most));
  }

  void emitTile(Value weights, Value now, Value row, int64_t count, Value first, int64_t wide) {
    int64_t lanes = vector.getNumElements(), perGate = panel / lanes;
    Value start = add(add(weights, mul(div(first, perGate), hidden * panel)), mul(rem(first, perGate), lanes));
    RegisterTile tile{count, wide, vector};
    Values sums = emitOuterProduct(
        *this, tile, tile.zeros(*this), index(hidden),
        {[&](Value k, int64_t i) { return loadScalar(state, add(now, add(mul(add(row, i), pitch), k))); },
         [&](Value k, int64_t j) {
           int64_t offset = j / perGate * hidden * panel + j % perGate * lanes;
           return load(vector, packed, add(add(start, mul(k, panel)), offset));
         }});
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = 0; j < wide; ++j)
        store(sums[i * wide + j], products, add(add(mul(add(row, i), gateCount * panel), mul(first, lanes)), j * lanes));
  }

  /// The units from `unit` of the panel at `first` on, of one row.
  void emitCell(VectorType part, Value step, Value row, Value first, Value unit, Value active, Value now, Value next) {
    Value column = add(first, unit);
    Value here = add(mul(row, pitch), column), input = at(step, row, gateCount * hidden, column);
    auto projected = [&](int64_t gate) { return load(part, gates, add(input, gate * hidden), active); };
    auto product = [&](int64_t gate) {
      return load(part, products, add(add(mul(row, gateCount * panel), unit), gate * panel));
    };
    auto sum = [&](int64_t gate) { return plus(projected(gate), product(gate)); };
    auto keep = [&](ArrayRef<Value> values) {
      if (saved)
        for (auto [i, value] : llvm::enumerate(values))
          store(value, saved, add(at(step, row, 4 * hidden, column), i * hidden), active);
    };
    Value h;
    switch (kind) {
    case RecurrenceKind::lstm: {
      Value f = logistic(sum(1)), before = load(part, cell, here, active), fresh;
      if (saved) {
        Value i = logistic(sum(0)), g = tanh(sum(2)), o = logistic(sum(3));
        fresh = timesPlus(f, before, times(i, g));
        h = times(o, tanh(fresh));
        keep({i, f, g, o});
      } else {
        fresh = timesPlus(f, before, gatedTanh(sum(0), sum(2)));
        h = gatedTanh(sum(3), fresh);
      }
      store(fresh, cell, here, active);
      if (cells)
        store(fresh, cells, at(step, row, hidden, column), active);
      break;
    }
    case RecurrenceKind::gru: {
      Value r = logistic(sum(0)), z = logistic(sum(1)), inner = product(2);
      if (bias)
        inner = plus(inner, load(part, bias, column, active));
      Value n = tanh(timesPlus(r, inner, projected(2)));
      h = timesPlus(z, minus(load(part, state, add(now, here), active), n), n);
      keep({r, z, n, inner});
      break;
    }
    case RecurrenceKind::rnn_tanh: h = tanh(sum(0)); break;
    case RecurrenceKind::rnn_relu: {
      Value x = sum(0);
      // NaN stays: relu(x) = x < 0 ? 0 : x.
      Value negative = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, x, splat(part, 0.0));
      h = arith::SelectOp::create(builder, loc, negative, splat(part, 0.0), x);
      break;
    }
    }
    store(h, state, add(next, here), active);
    if (y)
      store(h, y, at(step, row, hidden, column), active);
  }

  int64_t panel = recurrentPanelWidth(element), pitch = sequencePitch(hidden);
  Value gates, packed, bias, y, cells, saved, h0, c0;
  Value state, products, cell; // scratch
};

} // namespace

static int64_t alignedBytes(int64_t count, Type element) {
  return llvm::alignTo(count * element.getIntOrFloatBitWidth() / 8, 64);
}

int64_t sequenceScratchBytes(RecurrenceOp op) {
  Type element = elementTypeOf(op.getGates());
  int64_t half = sequenceRows * sequencePitch(op.hiddenSize());
  int64_t gates = *constantSize(dimsOf(op.getGates())[2]) / op.hiddenSize();
  return alignedBytes(2 * half, element) + alignedBytes(sequenceRows * gates * recurrentPanelWidth(element), element) +
         (op.getC0() ? alignedBytes(half, element) : 0);
}

void emitSequenceTask(KernelContext &context, RecurrenceOp op, Value task) { ForwardTask(context, op, task).emit(); }

//===-- the family -----------------------------------------------------------------===//

namespace {

class SequenceFamily : public ScheduleFamily {
  static Operation *anchorOf(KernelOp kernel) { return &kernel.getBody().front().front(); }

  std::string scheduleText(KernelOp kernel, const Target &target) const override {
    return "all steps in one task for up to " + std::to_string(sequenceRows) + " rows of the batch, vectors of " +
           std::to_string(target.lanes(elementTypeOf(anchorOf(kernel)->getOperand(0))));
  }

  KernelMemory memory(KernelOp kernel, const Target &) const override {
    if (auto forward = dyn_cast<RecurrenceOp>(anchorOf(kernel)))
      return {0, sequenceScratchBytes(forward)};
    return {0, sequenceScratchBytes(cast<RecurrenceGradOp>(anchorOf(kernel)))};
  }

  Value emitTaskCount(KernelContext &c, unsigned) const override {
    return c.ceilDiv(c.size(dimsOf(anchorOf(c.kernel)->getOperand(0))[1]), sequenceRows);
  }

  void emitTask(KernelContext &c, Value task, unsigned) const override {
    if (auto forward = dyn_cast<RecurrenceOp>(anchorOf(c.kernel)))
      return emitSequenceTask(c, forward, task);
    emitSequenceTask(c, cast<RecurrenceGradOp>(anchorOf(c.kernel)), task);
  }
};

} // namespace

const ScheduleFamily &sequenceFamily() {
  static const SequenceFamily family;
  return family;
}

} // namespace nnc::cpu
