// Embeddings, reads at positions held by a tensor, and recurrent layers.
#include "compiler/frontends/pt2/Aten.h"

using namespace mlir;
using namespace nnc;
using namespace nnc::pt2;

//===-- positions ---------------------------------------------------------------------===//

static Results embedding(Call &call) {
  if (call.flag("scale_grad_by_freq", false))
    call.reject("scale_grad_by_freq", "is not supported");
  Value weight = call.tensor("weight"), index = call.tensor("indices");
  // torch counts a negative padding_idx from the end before it exports; -1 means none.
  return {call.builder.embedding(weight, index, call.integer("padding_idx", -1))};
}

static Results indexSelect(Call &call) {
  return {call.builder.indexSelect(call.self(), call.axis("dim"), call.tensor("index"))};
}

static Results gather(Call &call) {
  return {call.builder.gatherAxis(call.self(), call.axis("dim"), call.tensor("index"))};
}

/// x[:, index]: one index tensor; the axes before it are whole.
static Results index(Call &call) {
  Value x = call.self(), position;
  int64_t axis = -1;
  SmallVector<Value> indices = call.optionalTensorList("indices");
  for (auto [at, value] : llvm::enumerate(indices)) {
    if (value && position)
      call.reject("indices", "hold more than one tensor, which is not supported");
    if (value) {
      position = value;
      axis = at;
    }
  }
  if (position && nn::elementTypeOf(position).isInteger(1))
    call.reject("indices", "hold a mask: results whose shape depends on values are not supported");
  if (!position || call.hasFailed() || !x)
    return {Value()};
  return {call.builder.indexTensor(x, axis, position)};
}

//===-- recurrent layers ----------------------------------------------------------------===//

template <nn::RecurrenceKind kind> static Results recurrent(Call &call) {
  constexpr bool lstm = kind == nn::RecurrenceKind::lstm;
  Value x = call.tensor("input");
  FunctionBuilder::RecurrentState initial;
  SmallVector<Value> states;
  if (lstm)
    states = call.tensorList("hx");
  else
    states.push_back(call.tensor("hx"));
  SmallVector<Value> parameters = call.tensorList("params");
  bool biases = call.flag("has_biases"), bidirectional = call.flag("bidirectional");
  int64_t layers = call.integer("num_layers");
  size_t perSet = biases ? 4 : 2, sets = layers * (bidirectional ? 2 : 1);
  if (call.hasFailed())
    return {Value()};
  if (states.size() != (lstm ? 2 : 1)) {
    call.reject("hx", "must hold the states h and c");
    return {Value()};
  }
  if (parameters.size() == sets * (perSet + 1)) {
    call.reject("params", "hold projections (proj_size), which are not supported");
    return {Value()};
  }
  if (parameters.size() != sets * perSet) {
    call.reject("params", Twine("must hold ") + Twine(sets * perSet) + " tensors");
    return {Value()};
  }
  SmallVector<FunctionBuilder::RecurrentWeights> weights;
  for (size_t i = 0; i < parameters.size(); i += perSet) {
    if (nn::rankOf(parameters[i]) != 2 || nn::rankOf(parameters[i + 1]) != 2) {
      call.reject("params", "must hold matrices as weights");
      return {Value()};
    }
    weights.push_back({parameters[i], parameters[i + 1], biases ? parameters[i + 2] : Value(),
                       biases ? parameters[i + 3] : Value()});
  }
  initial.hidden = states[0];
  initial.cell = lstm ? states[1] : Value();
  SmallVector<Value> values =
      call.builder.recurrent(kind, x, weights, initial, layers, bidirectional, call.flag("batch_first"),
                             call.number("dropout", 0), call.training("train"));
  if (values.empty())
    return {Value(), Value(), Value()};
  return Results(values.begin(), values.end());
}

using Kind = nn::RecurrenceKind;
static constexpr AtenOp sequences[] = {
    {"embedding", embedding},
    {"index_select", indexSelect},
    {"gather", gather},
    {"index", index},
    {"lstm.input", recurrent<Kind::lstm>},
    {"gru.input", recurrent<Kind::gru>},
    {"rnn_tanh.input", recurrent<Kind::rnn_tanh>},
    {"rnn_relu.input", recurrent<Kind::rnn_relu>},
};

llvm::ArrayRef<AtenOp> nnc::pt2::atenSequences() { return sequences; }
