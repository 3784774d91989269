// Gathers, scatters and recurrent layers.
#include "tests/unit/ops_case.h"

using namespace mlir;

namespace nnc::test {

/// input[a, index[i], b] for element (a, i, b), with axis 0 or 1 of a matrix.
static Reference gathered(int64_t axis) {
  return each([=](const Arrays &in, Index at) {
    size_t rank = in[1].dims.size();
    std::vector<int64_t> source(at.take_front(axis));
    source.push_back(in[1].at(at.slice(axis, rank)));
    source.insert(source.end(), at.begin() + axis + rank, at.end());
    return in[0].at(source);
  });
}

/// One recurrent layer, checked against its unrolling and by its gradient. `rows` times the batch size of the case.
static Case recurrent(std::string op, nn::RecurrenceKind kind, std::string name, bool bidirectional, int64_t hidden,
                      bool symbolicTime = false, int64_t rows = 1) {
  return {op, name, [=](CaseBuilder &b) {
            int64_t gates = kind == nn::RecurrenceKind::lstm ? 4 : kind == nn::RecurrenceKind::gru ? 3 : 1;
            int64_t directions = bidirectional ? 2 : 1;
            Data small = range(-0.6, 0.6);
            Size time = 4, batch = b.batch() * rows;
            if (symbolicTime)
              std::swap(time, batch);
            Value x = b.input({time, batch, 3});
            FunctionBuilder::RecurrentState initial;
            initial.hidden = b.input({directions, batch, hidden}, small);
            if (kind == nn::RecurrenceKind::lstm)
              initial.cell = b.input({directions, batch, hidden}, small);
            SmallVector<FunctionBuilder::RecurrentWeights> weights;
            for (int64_t d = 0; d < directions; ++d) {
              FunctionBuilder::RecurrentWeights w;
              w.input = b.input({gates * hidden, 3}, small);
              w.hidden = b.input({gates * hidden, hidden}, small);
              w.inputBias = b.input({gates * hidden}, small);
              w.hiddenBias = b.input({gates * hidden}, small);
              weights.push_back(w);
            }
            for (Value result : b.recurrent(kind, x, weights, initial, 1, bidirectional, false, 0.0, true))
              b.output(result);
          }};
}

std::vector<Case> indexCases() {
  using B = CaseBuilder;
  std::vector<Case> cases = {
      {"gather", "rows", [](B &b) {
         Value x = b.input({7, 5});
         b.output(b.gather(x, b.classes({b.batch()}, 7), 0));
       }, gathered(0)},
      {"gather", "an index of rank 2", [](B &b) {
         Value x = b.input({7, 17});
         b.output(b.gather(x, b.classes({b.batch(), 4}, 7), 0));
       }, gathered(0)},
      {"gather", "columns", [](B &b) {
         Value x = b.input({b.batch(), 6});
         b.output(b.gather(x, b.classes({4}, 6), 1));
       }, gathered(1)},
      {"scatter_add", "rows", [](B &b) {
         Value x = b.input({b.batch(), 5});
         b.output(b.scatterAdd(x, b.classes({b.batch()}, 4), b.dims({4, 5}), 0, -1));
       }, [](const Arrays &in, Arrays &out) {
         std::fill(out[0].data.begin(), out[0].data.end(), 0);
         in[0].forEach([&](Index i) { out[0].at({int64_t(in[1].data[i[0]]), i[1]}) += in[0].at(i); });
       }},
      {"scatter_add", "more rows of the result than a task owns, and a padding", [](B &b) {
         Value x = b.input({b.batch() * 15, 33});
         b.output(b.scatterAdd(x, b.classes(b.dims({b.batch() * 15}), 9000, 5), b.dims({9000, 33}), 0, 5));
       }, [](const Arrays &in, Arrays &out) {
         std::fill(out[0].data.begin(), out[0].data.end(), 0);
         in[0].forEach([&](Index i) {
           if (int64_t row = in[1].data[i[0]]; row != 5)
             out[0].at({row, i[1]}) += in[0].at(i);
         });
       }},
      {"gather_elements", "along axis 1", [](B &b) {
         Value x = b.input({b.batch(), 6});
         b.output(b.gatherElements(x, b.classes({b.batch(), 3}, 6), 1));
       }, each([](const Arrays &in, Index i) { return in[0].at({i[0], int64_t(in[1].at(i))}); })},
      {"scatter_add_elements", "along axis 1", [](B &b) {
         Value x = b.input({b.batch(), 3});
         b.output(b.scatterAddElements(x, b.classes({b.batch(), 3}, 6), b.dims({b.batch(), 6}), 1));
       }, [](const Arrays &in, Arrays &out) {
         std::fill(out[0].data.begin(), out[0].data.end(), 0);
         in[0].forEach([&](Index i) { out[0].at({i[0], int64_t(in[1].at(i))}) += in[0].at(i); });
       }},
  };
  using nn::RecurrenceKind;
  cases.push_back(recurrent("recurrence", RecurrenceKind::lstm, "lstm", false, 5));
  cases.push_back(recurrent("recurrence", RecurrenceKind::gru, "gru", false, 5));
  cases.push_back(recurrent("recurrence", RecurrenceKind::rnn_tanh, "rnn, tanh", false, 17));
  cases.push_back(recurrent("recurrence", RecurrenceKind::rnn_relu, "rnn, relu", false, 5));
  cases.push_back(recurrent("recurrence_grad", RecurrenceKind::lstm, "lstm, both ways", true, 8));
  cases.push_back(recurrent("recurrence_grad", RecurrenceKind::gru, "gru, both ways", true, 3));
  cases.push_back(recurrent("recurrence", RecurrenceKind::lstm, "lstm, both ways, a symbolic number of steps", true, 5, true));
  cases.push_back(recurrent("recurrence_grad", RecurrenceKind::gru, "gru, a symbolic number of steps", false, 5, true));
  // More rows than a task takes (16): tasks of as many rows, and of uneven numbers.
  cases.push_back(recurrent("recurrence", RecurrenceKind::lstm, "lstm, rows of several tasks", false, 33, false, 9));
  cases.push_back(recurrent("recurrence", RecurrenceKind::gru, "gru, full tasks", false, 18, false, 16));
  cases.push_back(recurrent("recurrence_grad", RecurrenceKind::lstm, "lstm, full tasks", false, 16, false, 16));
  cases.push_back(recurrent("recurrence_grad", RecurrenceKind::gru, "gru, rows of several tasks", false, 7, false, 9));
  return cases;
}

} // namespace nnc::test
