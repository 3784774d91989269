// Recurrent layers of FunctionBuilder: what torch's lstm, gru and rnn do around the
// steps. The inputs of all steps are projected by one product; nn.recurrence is
// what is left.
#include "compiler/frontends/FunctionBuilder.h"
#include "dialects/nn/Recurrent/Unroll.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

static int64_t gatesOf(RecurrenceKind kind) {
  return kind == RecurrenceKind::lstm ? 4 : kind == RecurrenceKind::gru ? 3 : 1;
}

/// x [T, N, in] -> y [T, N, H] and the state after the last step.
FunctionBuilder::RecurrentState FunctionBuilder::recurrence(RecurrenceKind kind, Value x, const RecurrentWeights &w,
                                                            RecurrentState initial, bool reverse, Value &y) {
  bool lstm = kind == RecurrenceKind::lstm, gru = kind == RecurrenceKind::gru;
  Dims in = dimsOf(x);
  Type element = elementTypeOf(x);
  AffineExpr hidden = dimsOf(w.hidden)[1];
  // gru multiplies the last third of bias_hh by a gate: that part stays inside of the steps.
  Value bias = w.inputBias, inner;
  if (gru && bias) {
    AffineExpr outer = simplify(hidden * 2);
    inner = slice(w.hiddenBias, {*constantSize(outer)}, {hidden}, {1});
    Value rest = slice(w.hiddenBias, {0}, {outer}, {1});
    bias = add(bias, pad(rest, {0}, dimsOf(bias), {0}, 0.0));
  } else if (bias) {
    bias = add(bias, w.hiddenBias);
  }
  Value gates = linear(x, w.input, bias);
  if (!gates)
    return {};
  Dims sequence{in[0], in[1], hidden}, saved{in[0], in[1], simplify(hidden * 4)};
  SmallVector<Type> states;
  if (lstm)
    states.push_back(type(sequence, element));
  if (lstm || gru)
    states.push_back(type(saved, element));
  auto op = RecurrenceOp::create(b, loc, type(sequence, element), states, gates, w.hidden, inner, initial.hidden,
                                 initial.cell, Value(), kind, reverse);
  y = op.getY();
  Value cells = op.cells();
  if (std::optional<int64_t> count = constantSize(in[0]); unrollRecurrences && count) {
    SmallVector<Value> steps = unrollRecurrence(*this, op, *count);
    op.erase();
    y = steps[0];
    cells = lstm ? steps[1] : Value();
  }
  auto last = [&](Value v) -> Value {
    if (!v)
      return {};
    Dims dims = dimsOf(v), one = dims;
    one[0] = size(1);
    std::optional<int64_t> steps = constantSize(dims[0]);
    if (!reverse && !steps)
      return gather(v, positions(size(1), "x1 - 1", sizeAsScalar(dims[0], b.getI64Type())), 0);
    SmallVector<int64_t> starts{reverse ? 0 : *steps - 1, 0, 0}, strides{1, 1, 1};
    return slice(v, starts, one, strides);
  };
  return {last(y), last(cells)};
}

SmallVector<Value> FunctionBuilder::recurrent(RecurrenceKind kind, Value x, ArrayRef<RecurrentWeights> weights,
                                              RecurrentState initial, int64_t layers, bool bidirectional,
                                              bool batchFirst, double dropoutProbability, bool training) {
  if (!x || !initial.hidden)
    return {};
  int64_t directions = bidirectional ? 2 : 1;
  bool lstm = kind == RecurrenceKind::lstm;
  if (rankOf(x) != 3 || rankOf(initial.hidden) != 3 || (lstm && rankOf(initial.cell) != 3))
    return error("recurrent layer: the input must be [T, N, features] and states [layers, N, features]"),
           SmallVector<Value>{};
  if (static_cast<int64_t>(weights.size()) != layers * directions)
    return error("recurrent layer: " + Twine(layers * directions) + " sets of weights expected, found " +
                 Twine(weights.size())),
           SmallVector<Value>{};
  if (batchFirst)
    x = transpose(x, {1, 0, 2});
  for (int64_t i = 0; i < layers * directions; ++i) {
    const RecurrentWeights &w = weights[i];
    AffineExpr rows = simplify(dimsOf(w.hidden)[1] * gatesOf(kind));
    AffineExpr features = i < directions ? dimsOf(x)[2] : simplify(dimsOf(w.hidden)[1] * directions);
    if (!sameSizes(dimsOf(w.hidden), {rows, dimsOf(w.hidden)[1]}) || !sameSizes(dimsOf(w.input), {rows, features}) ||
        (w.inputBias && (!sameSizes(dimsOf(w.inputBias), {rows}) || !sameSizes(dimsOf(w.hiddenBias), {rows}))) ||
        !sameSizes(dimsOf(initial.hidden), {size(layers * directions), dimsOf(x)[1], dimsOf(w.hidden)[1]}) ||
        (lstm && !sameSizes(dimsOf(initial.cell), dimsOf(initial.hidden))))
      return error("recurrent layer: the shapes of weights, states and input do not fit"), SmallVector<Value>{};
  }
  SmallVector<Value> hidden, cells;
  for (int64_t layer = 0; layer < layers; ++layer) {
    SmallVector<Value> ys;
    for (int64_t direction = 0; direction < directions; ++direction) {
      int64_t index = layer * directions + direction;
      RecurrentState state{select(initial.hidden, 0, index), lstm ? select(initial.cell, 0, index) : Value()};
      Value y;
      RecurrentState last = recurrence(kind, x, weights[index], state, direction == 1, y);
      if (!last.hidden)
        return {};
      ys.push_back(y);
      hidden.push_back(last.hidden);
      if (lstm)
        cells.push_back(last.cell);
    }
    x = concat(ys, 2);
    if (layer + 1 < layers)
      x = dropout(x, dropoutProbability, training);
  }
  SmallVector<Value> results{batchFirst ? transpose(x, {1, 0, 2}) : x, concat(hidden, 0)};
  if (lstm)
    results.push_back(concat(cells, 0));
  return results;
}

} // namespace nnc
