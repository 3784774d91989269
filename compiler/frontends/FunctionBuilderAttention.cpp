// FunctionBuilder: attention, einsum and the products around them.
#include "compiler/frontends/FunctionBuilder.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

// softmax(q k' * scale + mask) v, of q [B..., L, E], k [B..., S, E], v [B..., S, V].
Value FunctionBuilder::attention(Value q, Value k, Value v, Value mask, double dropoutProbability, bool causal,
                                 std::optional<double> scaleFactor, bool training) {
  if (!q || !k || !v)
    return {};
  Dims dq = dimsOf(q), dk = dimsOf(k), dv = dimsOf(v);
  if (dq.size() < 2 || dk.size() < 2 || dv.size() < 2 || !sameSize(dq.back(), dk.back()) ||
      !sameSize(dk[dk.size() - 2], dv[dv.size() - 2]))
    return error("scaled_dot_product_attention: the shapes of query, key and value do not fit");
  auto lead = [](const Dims &dims) { return Dims(dims.begin(), dims.end() - 2); };
  std::optional<Dims> batch = broadcastDims(context(), {lead(dq), lead(dk), lead(dv)});
  if (!batch)
    return error("scaled_dot_product_attention: the batch axes do not broadcast");
  AffineExpr rows = dq[dq.size() - 2], columns = dk[dk.size() - 2], count = product(context(), *batch);
  auto flat = [&](Value x) {
    Dims full = *batch, dims = dimsOf(x);
    full.append(dims.end() - 2, dims.end());
    return reshape(broadcast(x, full), {count, dims[dims.size() - 2], dims.back()});
  };
  double factor = scaleFactor.value_or(1.0 / std::sqrt(double(constantSize(dq.back()).value_or(1))));
  Type element = elementTypeOf(q), i64 = b.getI64Type();
  Value scores = scale(nn::Builder::matmul(flat(q), flat(k), false, true), factor);
  Dims full = *batch;
  full.append({rows, columns});
  scores = reshape(scores, full);
  if (causal) {
    Dims down(full.size(), size(1)), across = down;
    down[full.size() - 2] = rows;
    across.back() = columns;
    scores = map("select(x1 <= x0, x2, -inf)", {iota(down, full.size() - 2, i64), iota(across, full.size() - 1, i64), scores}, element);
  }
  if (mask) {
    if (!broadcastDims(context(), {dimsOf(mask), full}))
      return error("scaled_dot_product_attention: the mask does not broadcast to the scores");
    scores = elementTypeOf(mask).isInteger(1) ? map("select(x0, x1, -inf)", {mask, scores}, element) : add(scores, convert(mask, element));
  }
  Value weights = softmax(scores, -1);
  // A row without anything to attend to is zero (torch's _safe_softmax).
  if (mask)
    weights = map("select(x1 == -inf, 0, x0)", {weights, reduce(ReduceKind::max, scores, rankOf(scores) - 1)}, element);
  weights = dropout(weights, dropoutProbability, training);
  Value y = nn::Builder::matmul(reshape(weights, {count, rows, columns}), flat(v));
  Dims result = *batch;
  result.append({rows, dv.back()});
  return reshape(y, result);
}

//===-- einsum --------------------------------------------------------------------------===//

namespace {
struct Labelled {
  Value value;
  std::string labels;
};
} // namespace

/// x with its axes in the order of `labels`.
static Value ordered(FunctionBuilder &f, const Labelled &x, StringRef labels) {
  SmallVector<int64_t> order;
  for (char label : labels)
    order.push_back(x.labels.find(label));
  return f.transpose(x.value, order);
}

/// x without the axes whose labels are not in `keep`: summed.
static Labelled summed(FunctionBuilder &f, Labelled x, StringRef keep) {
  SmallVector<int64_t> axes;
  std::string rest;
  for (auto [i, label] : llvm::enumerate(x.labels))
    if (keep.contains(label))
      rest.push_back(label);
    else
      axes.push_back(i);
  return axes.empty() ? x : Labelled{f.sumAxes(x.value, axes, false), rest};
}

/// The product of two operands with the labels in `keep`: one batched matrix product.
static Labelled contracted(FunctionBuilder &f, Labelled x, Labelled y, StringRef keep) {
  x = summed(f, x, keep.str() + y.labels);
  y = summed(f, y, keep.str() + x.labels);
  std::string batch, inner, left, right;
  for (char label : x.labels)
    (!StringRef(y.labels).contains(label) ? left : keep.contains(label) ? batch : inner).push_back(label);
  for (char label : y.labels)
    if (!StringRef(x.labels).contains(label))
      right.push_back(label);
  Dims result;
  auto dims = [&](const Labelled &v, StringRef labels) {
    Dims d;
    for (char label : labels)
      d.push_back(dimsOf(v.value)[v.labels.find(label)]);
    return d;
  };
  Dims b = dims(x, batch), m = dims(x, left), k = dims(x, inner), n = dims(y, right);
  auto size = [&](const Dims &d) { return product(f.context(), d); };
  Value a = f.reshape(ordered(f, x, batch + left + inner), {size(b), size(m), size(k)});
  Value c = f.reshape(ordered(f, y, batch + inner + right), {size(b), size(k), size(n)});
  result.append(b.begin(), b.end());
  result.append(m.begin(), m.end());
  result.append(n.begin(), n.end());
  return {f.reshape(static_cast<nn::Builder &>(f).matmul(a, c), result), batch + left + right};
}

Value FunctionBuilder::einsum(StringRef equation, ArrayRef<Value> operands) {
  std::string text;
  for (char c : equation)
    if (c != ' ')
      text.push_back(c);
  auto [inputs, output] = StringRef(text).split("->");
  SmallVector<StringRef> parts;
  inputs.split(parts, ',');
  if (StringRef(text).contains("...") || parts.size() != operands.size())
    return error("einsum: '" + equation + "' is not supported: an ellipsis, or another number of operands");
  std::string result = output.str();
  if (!StringRef(text).contains("->")) { // labels that occur once, in order
    for (char label = 'A'; label <= 'z'; ++label)
      if (llvm::count(inputs, label) == 1)
        result.push_back(label);
  }
  std::map<char, AffineExpr> sizes;
  SmallVector<Labelled> queue;
  for (auto [labels, value] : llvm::zip(parts, operands)) {
    if (!value)
      return {};
    std::string unique(labels);
    llvm::sort(unique);
    if (int64_t(labels.size()) != rankOf(value) || std::unique(unique.begin(), unique.end()) != unique.end())
      return error("einsum: '" + labels + "' does not name the axes of its operand once each");
    for (auto [label, dim] : llvm::zip(labels, dimsOf(value)))
      if (auto [known, fresh] = sizes.insert({label, dim}); !fresh && !sameSize(known->second, dim))
        return error("einsum: the sizes of axis '" + Twine(label) + "' differ");
    queue.push_back({value, labels.str()});
  }
  Labelled x = queue.front();
  for (size_t i = 1; i < queue.size(); ++i) {
    std::string keep = result;
    for (const Labelled &later : ArrayRef(queue).drop_front(i + 1))
      keep += later.labels;
    x = contracted(*this, x, queue[i], keep);
  }
  x = summed(*this, x, result);
  if (x.labels.size() != result.size())
    return error("einsum: the result of '" + equation + "' names an axis that no operand has");
  return ordered(*this, x, result);
}

// y[..., o] = sum over i, j of a[..., i] weight[o, i, j] c[..., j] + bias[o].
Value FunctionBuilder::bilinear(Value a, Value c, Value weight, Value bias) {
  if (!a || !c || !weight)
    return {};
  Dims da = dimsOf(a), dc = dimsOf(c), dw = dimsOf(weight), rows(da.begin(), da.end() - 1);
  if (dw.size() != 3 || !sameSize(da.back(), dw[1]) || !sameSize(dc.back(), dw[2]))
    return error("bilinear: the features of the inputs are not those of the weight");
  AffineExpr count = product(context(), rows), pairs = simplify(dw[1] * dw[2]);
  Value outer = mul(reshape(a, {count, dw[1], size(1)}), reshape(c, {count, size(1), dw[2]}));
  Value y = linear(reshape(outer, {count, pairs}), reshape(weight, {dw[0], pairs}), bias);
  rows.push_back(dw[0]);
  return y ? reshape(y, rows) : y;
}

} // namespace nnc
