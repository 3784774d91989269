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

/// x[:, i, j]: index tensors of adjacent axes; the others are whole. `x` becomes the tensor
/// with these axes as one, `position` the positions along it.
static bool joinIndices(Call &call, Value &x, int64_t &axis, Value &position) {
  SmallVector<Value> indices = call.optionalTensorList("indices");
  axis = -1;
  int64_t last = -1;
  for (auto [at, value] : llvm::enumerate(indices)) {
    if (!value)
      continue;
    if (nn::elementTypeOf(value).isInteger(1))
      call.reject("indices", "hold a mask: results whose shape depends on values are not supported");
    if (axis >= 0 && last + 1 != static_cast<int64_t>(at))
      call.reject("indices", "hold tensors for axes that are not adjacent, which is not supported");
    axis = axis < 0 ? at : axis;
    last = at;
  }
  if (axis < 0 || call.hasFailed() || !x)
    return false;
  position = indices[axis];
  FunctionBuilder &builder = call.builder;
  for (int64_t at = axis + 1; at <= last; ++at) {
    auto fromFront = [&](Value index, AffineExpr size) {
      return builder.formula("select(x0 < 0, x0 + x1, x0)", {index, builder.sizeAsScalar(size, nn::elementTypeOf(index))},
                             nn::elementTypeOf(index));
    };
    AffineExpr size = nn::dimsOf(x)[axis + 1];
    Value row = fromFront(position, nn::dimsOf(x)[axis]), column = fromFront(indices[at], size);
    Value width = builder.sizeAsScalar(size, nn::elementTypeOf(row));
    position = builder.elementwise("add", {builder.elementwise("mul", {row, width}), column});
    x = builder.flatten(x, axis, axis + 1);
  }
  return position && x;
}

static Results index(Call &call) {
  Value x = call.self(), position;
  int64_t axis;
  return {joinIndices(call, x, axis, position) ? call.builder.indexTensor(x, axis, position) : Value()};
}

static Results indexPut(Call &call) {
  Value x = call.self(), position, value = call.tensor("values");
  int64_t axis;
  SmallVector<Value> indices = call.optionalTensorList("indices");
  bool accumulate = call.flag("accumulate", false);
  if (indices.size() == 1 && indices[0] && x && value && nn::elementTypeOf(indices[0]).isInteger(1) && !accumulate) {
    // A mask: one value for all of its elements.
    if (nn::rankOf(value) > 0)
      call.reject("values", "must be one number where the index is a mask");
    nn::Dims line(nn::rankOf(x), call.builder.size(1)), mask = nn::dimsOf(indices[0]);
    llvm::copy(mask, line.begin());
    if (call.hasFailed())
      return {Value()};
    return {call.builder.elementwise("where", {call.builder.view(indices[0], line), value, x})};
  }
  if (!joinIndices(call, x, axis, position))
    return {Value()};
  return {call.builder.view(call.builder.putTensor(x, axis, position, value, accumulate), call.selfDims())};
}

/// index_add, index_copy and index_fill: the index has one axis.
static Results indexAdd(Call &call) {
  Value source = call.tensor("source");
  if (call.given("alpha"))
    source = call.builder.elementwise("mul", {source, call.operand("alpha")});
  return {call.builder.putTensor(call.self(), call.axis("dim"), call.tensor("index"), source, true)};
}

static Results indexCopy(Call &call) {
  return {call.builder.putTensor(call.self(), call.axis("dim"), call.tensor("index"), call.tensor("source"), false)};
}

static Value numberOrTensor(Call &call, llvm::StringRef name) {
  return call.tensorName(name).empty() ? call.builder.full({}, call.outputType(), call.number(name)) : call.tensor(name);
}

static Results indexFill(Call &call) {
  return {call.builder.putTensor(call.self(), call.axis("dim"), call.tensor("index"), numberOrTensor(call, "value"), false)};
}

template <bool accumulate> static Results scatter(Call &call) {
  Value value = call.given("value") ? numberOrTensor(call, "value") : call.tensor("src");
  return {call.builder.scatterAxis(call.self(), call.axis("dim"), call.tensor("index"), value, accumulate)};
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
    {"index_put", indexPut},
    {"index_add", indexAdd},
    {"index_copy", indexCopy},
    {"index_fill.int_Scalar", indexFill},
    {"index_fill.int_Tensor", indexFill},
    {"scatter.value", scatter<false>},
    {"scatter.src", scatter<false>},
    {"scatter_add", scatter<true>},
    {"lstm.input", recurrent<Kind::lstm>},
    {"gru.input", recurrent<Kind::gru>},
    {"rnn_tanh.input", recurrent<Kind::rnn_tanh>},
    {"rnn_relu.input", recurrent<Kind::rnn_relu>},
};

llvm::ArrayRef<AtenOp> nnc::pt2::atenSequences() { return sequences; }
