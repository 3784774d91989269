#include "dialects/nn/Recurrent/Unroll.h"

using namespace mlir;

namespace nnc::nn {

namespace {

/// Writes the steps of one recurrence; h, c [N, H], gates [N, G * H].
class Unroller {
public:
  Unroller(Builder &b, RecurrenceOp op) : b(b), op(op) {}

  SmallVector<Value> run(int64_t steps) {
    Value h = op.getH0(), c = op.getC0();
    SmallVector<Value> ys(steps), cells(steps), saved(steps);
    for (int64_t s = 0; s < steps; ++s) {
      int64_t t = op.getReverse() ? steps - 1 - s : s;
      Value x = part(op.getGates(), 0, t, 1);
      x = b.reshape(x, ArrayRef(dimsOf(x)).drop_front());
      Value product = b.matmul(h, op.getWeight(), false, true);
      switch (op.getKind()) {
      case RecurrenceKind::lstm: std::tie(h, c, saved[t]) = lstm(b.add(x, product), c); break;
      case RecurrenceKind::gru: std::tie(h, saved[t]) = gru(x, product, h); break;
      case RecurrenceKind::rnn_tanh: h = b.map("tanh(x0 + x1)", {x, product}); break;
      case RecurrenceKind::rnn_relu: h = b.map("relu(x0 + x1)", {x, product}); break;
      }
      ys[t] = h;
      cells[t] = c;
    }
    SmallVector<Value> results{stack(ys)};
    if (op.getKind() == RecurrenceKind::lstm)
      results.push_back(stack(cells));
    if (op.saved())
      results.push_back(stack(saved));
    return results;
  }

private:
  Value part(Value x, int64_t axis, int64_t start, int64_t size) {
    Dims dims = dimsOf(x);
    dims[axis] = b.size(size);
    SmallVector<int64_t> starts(dims.size(), 0), steps(dims.size(), 1);
    starts[axis] = start;
    return b.slice(x, starts, dims, steps);
  }
  Value gate(Value gates, int64_t index) { return part(gates, 1, index * op.hiddenSize(), op.hiddenSize()); }

  Value stack(ArrayRef<Value> steps) {
    SmallVector<Value> raised;
    for (Value step : steps)
      raised.push_back(b.unsqueeze(step, 0));
    return b.concat(raised, 0);
  }

  std::tuple<Value, Value, Value> lstm(Value gates, Value c) {
    Value i = b.apply("sigmoid", gate(gates, 0)), f = b.apply("sigmoid", gate(gates, 1));
    Value g = b.apply("tanh", gate(gates, 2)), o = b.apply("sigmoid", gate(gates, 3));
    Value cell = b.map("x0 * x1 + x2 * x3", {f, c, i, g});
    return {b.map("x0 * tanh(x1)", {o, cell}), cell, b.concat({i, f, g, o}, 1)};
  }

  std::tuple<Value, Value> gru(Value x, Value product, Value h) {
    Value r = b.map("logistic(x0 + x1)", {gate(x, 0), gate(product, 0)});
    Value z = b.map("logistic(x0 + x1)", {gate(x, 1), gate(product, 1)});
    Value inner = gate(product, 2);
    if (op.getBias())
      inner = b.add(inner, op.getBias());
    Value n = b.map("tanh(x0 + x1 * x2)", {gate(x, 2), r, inner});
    return {b.map("(1 - x0) * x1 + x0 * x2", {z, n, h}), b.concat({r, z, n, inner}, 1)};
  }

  Builder &b;
  RecurrenceOp op;
};

} // namespace

SmallVector<Value> unrollRecurrence(Builder &b, RecurrenceOp op, int64_t steps) {
  return Unroller(b, op).run(steps);
}

int64_t recurrentPanelWidth(Type element) { return element.isF64() ? 8 : 16; }

Value packRecurrentWeight(Builder &b, Value weight) {
  Dims dims = dimsOf(weight);
  int64_t hidden = *constantSize(dims[1]), gates = *constantSize(dims[0]) / hidden;
  int64_t width = recurrentPanelWidth(elementTypeOf(weight)), panels = (hidden + width - 1) / width;
  auto sizes = [&](ArrayRef<int64_t> values) {
    Dims result;
    for (int64_t value : values)
      result.push_back(b.size(value));
    return result;
  };
  Value units = b.reshape(weight, sizes({gates, hidden, hidden}));
  units = b.pad(units, {0, 0, 0}, sizes({gates, panels * width, hidden}), {0, 0, 0}, 0.0);
  return b.transpose(b.reshape(units, sizes({gates, panels, width, hidden})), {1, 0, 3, 2});
}

} // namespace nnc::nn
