// The gradient of a recurrent layer: the steps from the last to the first. Each turns
// the adjoint of its hidden state into those of its gates, which times the weight are
// the adjoint of the state before.
#include "codegen/cpu/Sequence.h"
#include "dialects/nn/Recurrent/Unroll.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

static int64_t hiddenSize(RecurrenceGradOp op) { return *constantSize(dimsOf(op.getH0())[1]); }

// Columns of the weight [G * H, H] that are packed side by side, [H / W, G * H, W], with zeros
// where W does not divide H: lines of a narrow tile of the plain weight are a power of two
// apart, and so few of them fit into a cache at once.
static constexpr int64_t panelWidth = 64;

static int64_t paddedHidden(int64_t hidden) { return llvm::alignTo(hidden, panelWidth); }
static int64_t statePitch(int64_t hidden) { return sequencePitch(paddedHidden(hidden)); }
static int64_t packedElements(int64_t hidden, int64_t gates) { return gates * hidden * paddedHidden(hidden); }

namespace {

class GradientTask : public SequenceTask {
public:
  GradientTask(KernelContext &context, RecurrenceGradOp op, Value task)
      : SequenceTask(context, op, op.getGatesGrad(), op.getKind(), op.getReverse(), hiddenSize(op), task), op(op) {
    auto buffer = [&](Value v) { return v ? c.bufferOf(v) : Value(); };
    yGrad = buffer(op.getYGrad());
    cellsGrad = buffer(op.getCellsGrad());
    y = buffer(op.getY());
    h0 = buffer(op.getH0());
    c0 = buffer(op.getC0());
    weight = buffer(op.getWeight());
    if (!op.getStates().empty())
      saved = buffer(op.getStates().back());
    if (kind == RecurrenceKind::lstm)
      cells = buffer(op.getStates().front());
    gatesGrad = resultBuffer(op.getGatesGrad());
    h0Grad = resultBuffer(op.getH0Grad());
    if (!op.getOthers().empty())
      otherGrad = resultBuffer(op.getOthers().front());
  }

  void emit() {
    state = takeScratch(sequenceRows * statePitch(hidden));
    flows = takeScratch(sequenceRows * flowsPitch);
    packed = takeScratch(packedElements(hidden, gateCount));
    if (c0)
      cell = takeScratch(sequenceRows * statePitch(hidden));
    packWeight();
    overState([&](Value row, Value column, Value active) {
      Value to = add(mul(row, statePitch(hidden)), column);
      store(splat(vector, 0.0), state, to, active);
      if (c0)
        store(splat(vector, 0.0), cell, to, active);
    });
    loop(index(0), steps, 1, [&](Value back) {
      Value s = sub(sub(steps, index(1)), back);
      overState([&](Value row, Value column, Value active) { emitCell(s, row, column, active); });
      emitProducts();
    });
    overState([&](Value row, Value column, Value active) {
      Value from = add(mul(row, statePitch(hidden)), column), to = add(mul(add(firstRow, row), hidden), column);
      if (h0Grad)
        store(load(vector, state, from, active), h0Grad, to, active);
      if (c0 && otherGrad)
        store(load(vector, cell, from, active), otherGrad, to, active);
    });
  }

private:
  /// What stood before the step that is computed `s`-th: `initial` [N, H] or a step of `sequence`.
  Value before(Value s, Value sequence, Value initial, Value row, Value column, Value active) {
    Value isFirst = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, s, index(0));
    auto choice = scf::IfOp::create(builder, loc, vector, isFirst, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&choice.getThenRegion().front());
    Value first = load(vector, initial, add(mul(add(firstRow, row), hidden), column), active);
    scf::YieldOp::create(builder, loc, first);
    builder.setInsertionPointToStart(&choice.getElseRegion().front());
    Value other = load(vector, sequence, at(stepOf(sub(s, index(1))), row, hidden, column), active);
    scf::YieldOp::create(builder, loc, other);
    return choice.getResult(0);
  }

  /// Adjoints of the gates of one step; `state` becomes what reaches the state before
  /// without passing the weight.
  void emitCell(Value s, Value row, Value column, Value active) {
    Value step = stepOf(s), here = add(mul(row, statePitch(hidden)), column), wide = at(step, row, 4 * hidden, column);
    Value narrow = at(step, row, hidden, column);
    auto activation = [&](int64_t i) { return load(vector, saved, add(wide, i * hidden), active); };
    Value dh = plus(load(vector, yGrad, narrow, active), load(vector, state, here, active));
    Value direct = splat(vector, 0.0);
    // sigmoid' = s (1 - s), tanh' = 1 - t t.
    auto throughSigmoid = [&](Value d, Value value) { return times(d, times(value, oneLess(value))); };
    auto throughTanh = [&](Value d, Value value) { return times(d, oneLess(times(value, value))); };
    Values grads;
    Values intoProducts; // where they differ from the gates'
    switch (kind) {
    case RecurrenceKind::lstm: {
      Value i = activation(0), f = activation(1), g = activation(2), o = activation(3);
      Value squashed = tanh(load(vector, cells, narrow, active));
      Value dc = plus(load(vector, cell, here, active), throughTanh(times(dh, o), squashed));
      if (cellsGrad)
        dc = plus(dc, load(vector, cellsGrad, narrow, active));
      Value previous = before(s, cells, c0, row, column, active);
      grads = {throughSigmoid(times(dc, g), i), throughSigmoid(times(dc, previous), f), throughTanh(times(dc, i), g),
               throughSigmoid(times(dh, squashed), o)};
      store(times(dc, f), cell, here, active);
      break;
    }
    case RecurrenceKind::gru: {
      Value r = activation(0), z = activation(1), n = activation(2), inner = activation(3);
      Value previous = before(s, y, h0, row, column, active);
      Value dn = throughTanh(times(dh, oneLess(z)), n), dInner = times(dn, r);
      grads = {throughSigmoid(times(dn, inner), r), throughSigmoid(times(dh, minus(previous, n)), z), dn};
      intoProducts = {grads[0], grads[1], dInner};
      direct = times(dh, z);
      if (otherGrad)
        store(dInner, otherGrad, narrow, active);
      break;
    }
    case RecurrenceKind::rnn_tanh: grads = {throughTanh(dh, load(vector, y, narrow, active))}; break;
    case RecurrenceKind::rnn_relu: {
      Value positive = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, load(vector, y, narrow, active), splat(vector, 0.0));
      grads = {arith::SelectOp::create(builder, loc, positive, dh, splat(vector, 0.0))};
      break;
    }
    }
    if (intoProducts.empty())
      intoProducts = grads;
    for (int64_t gate = 0; gate < gateCount; ++gate) {
      if (gatesGrad)
        store(grads[gate], gatesGrad, add(at(step, row, gateCount * hidden, column), gate * hidden), active);
      store(intoProducts[gate], flows, add(mul(row, flowsPitch), add(column, gate * hidden)), active);
    }
    store(direct, state, here, active);
  }

  void packWeight() {
    int64_t lanes = vector.getNumElements(), depth = gateCount * hidden;
    loop(index(0), index(depth), 1, [&](Value k) {
      for (int64_t column = 0; column < paddedHidden(hidden); column += lanes) {
        int64_t left = hidden - column;
        Value part = left <= 0 ? splat(vector, 0.0)
                               : load(vector, weight, add(mul(k, hidden), column), left >= lanes ? Value() : index(left));
        store(part, packed, add(mul(k, panelWidth), column / panelWidth * depth * panelWidth + column % panelWidth));
      }
    });
  }

  /// state [rows, H] += flows [rows, G * H] times weight [G * H, H].
  void emitProducts() {
    int64_t lanes = vector.getNumElements(), depth = gateCount * hidden, pitch = statePitch(hidden);
    loop(index(0), index(paddedHidden(hidden)), panelWidth, [&](Value panel) {
      tiles(rows, sequenceTileRows, std::nullopt, [&](Value row, int64_t count) {
        int64_t across = sequenceTileVectors(c.target, count, panelWidth / lanes);
        tiles(index(panelWidth / lanes), across, std::nullopt, [&](Value first, int64_t wide) {
          RegisterTile tile{count, wide, vector};
          Value column = mul(first, lanes);
          auto place = [&](int64_t i, int64_t j) {
            return add(add(mul(add(row, i), pitch), add(panel, column)), j * lanes);
          };
          Values sums;
          for (int64_t i = 0; i < count; ++i)
            for (int64_t j = 0; j < wide; ++j)
              sums.push_back(load(vector, state, place(i, j)));
          sums = emitOuterProduct(
              *this, tile, sums, index(depth),
              {[&](Value k, int64_t i) { return loadScalar(flows, add(mul(add(row, i), flowsPitch), k)); },
               [&](Value k, int64_t j) {
                 Value weights = add(add(mul(panel, depth), mul(k, panelWidth)), column);
                 return load(vector, packed, add(weights, j * lanes));
               }});
          for (int64_t i = 0; i < count; ++i)
            for (int64_t j = 0; j < wide; ++j)
              store(sums[i * wide + j], state, place(i, j));
        });
      });
    });
  }

  RecurrenceGradOp op;
  int64_t flowsPitch = sequencePitch(gateCount * hidden);
  Value yGrad, cellsGrad, y, h0, c0, weight, saved, cells, gatesGrad, h0Grad, otherGrad;
  Value state, flows, cell; // scratch: adjoints of h, of what enters the product, of c
  Value packed;             // scratch: the weight
};

} // namespace

int64_t sequenceScratchBytes(RecurrenceGradOp op) {
  Type element = elementTypeOf(op.getGatesGrad());
  int64_t hidden = hiddenSize(op), gates = *constantSize(dimsOf(op.getGatesGrad())[2]) / hidden;
  int64_t part = sequenceRows * statePitch(hidden);
  auto bytes = [&](int64_t count) { return llvm::alignTo(count * element.getIntOrFloatBitWidth() / 8, 64); };
  return bytes(part) + bytes(sequenceRows * sequencePitch(gates * hidden)) + bytes(packedElements(hidden, gates)) +
         (op.getC0() ? bytes(part) : 0);
}

void emitSequenceTask(KernelContext &context, RecurrenceGradOp op, Value task) {
  GradientTask(context, op, task).emit();
}

} // namespace nnc::cpu
