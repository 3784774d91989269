#include "compiler/frontends/FunctionBuilder.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

//===-- shape ------------------------------------------------------------------------===//

Value FunctionBuilder::view(Value x, ArrayRef<AffineExpr> dims) {
  if (!x)
    return {};
  if (!sameSize(product(context(), dimsOf(x)), product(context(), dims)))
    return error("the shapes of a reshape hold different numbers of elements");
  return reshape(x, dims);
}

Value FunctionBuilder::flatten(Value x, int64_t start, int64_t end) {
  if (!x)
    return {};
  Dims in = dimsOf(x);
  if (in.empty())
    return reshape(x, {size(1)});
  start = axis(x, start);
  end = axis(x, end);
  Dims dims(in.begin(), in.begin() + start);
  dims.push_back(product(context(), ArrayRef(in).slice(start, end - start + 1)));
  dims.append(in.begin() + end + 1, in.end());
  return reshape(x, dims);
}

Value FunctionBuilder::permute(Value x, Ints order) {
  if (!x)
    return {};
  SmallVector<int64_t> positive;
  for (int64_t o : order)
    positive.push_back(axis(x, o));
  return transpose(x, positive);
}

Value FunctionBuilder::swapAxes(Value x, int64_t a0, int64_t a1) {
  if (!x || rankOf(x) == 0)
    return x;
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  std::swap(order[axis(x, a0)], order[axis(x, a1)]);
  return transpose(x, order);
}

Value FunctionBuilder::squeezeAxes(Value x, Ints axes) {
  if (!x)
    return {};
  SmallVector<int64_t> drop;
  for (int64_t a : axes)
    if (rankOf(x) > 0 && isOne(dimsOf(x)[axis(x, a)]))
      drop.push_back(axis(x, a));
  return squeeze(x, drop);
}

Value FunctionBuilder::unsqueezeAxis(Value x, int64_t a) {
  return x ? unsqueeze(x, a < 0 ? a + rankOf(x) + 1 : a) : x;
}

Value FunctionBuilder::expand(Value x, ArrayRef<AffineExpr> dims) {
  if (!x)
    return {};
  Dims in = dimsOf(x), out(dims.begin(), dims.end());
  for (size_t i = 0; i < out.size(); ++i)
    if (!out[i])
      out[i] = in[i - (out.size() - in.size())];
  return broadcast(x, out);
}

Value FunctionBuilder::cat(ArrayRef<Value> inputs, int64_t a) {
  SmallVector<Value> kept;
  for (Value input : inputs) {
    if (!input)
      return {};
    // torch ignores empty tensors of shape [0] here.
    Dims dims = dimsOf(input);
    if (!(dims.size() == 1 && constantSize(dims[0]) == 0))
      kept.push_back(input);
  }
  if (kept.empty())
    return inputs.empty() ? error("cat of no tensors") : inputs[0];
  a = axis(kept[0], a);
  for (Value other : ArrayRef(kept).drop_front())
    for (int64_t i = 0; i < rankOf(kept[0]); ++i)
      if (rankOf(other) != rankOf(kept[0]) || (i != a && !sameSize(dimsOf(other)[i], dimsOf(kept[0])[i])))
        return error("cat: the shapes differ outside axis " + Twine(a));
  return concat(kept, a);
}

Value FunctionBuilder::stack(ArrayRef<Value> inputs, int64_t a) {
  SmallVector<Value> raised;
  for (Value input : inputs)
    raised.push_back(unsqueezeAxis(input, a));
  return cat(raised, a < 0 ? a + rankOf(raised[0]) : a);
}

// Python's clamping of start and end against a known size; the result's size.
static std::optional<int64_t> clampSlice(int64_t size, int64_t &start, int64_t end, int64_t step) {
  auto clamp = [&](int64_t v) { return std::min(std::max<int64_t>(v < 0 ? v + size : v, 0), size); };
  start = clamp(start);
  return std::max<int64_t>(0, (clamp(end) - start + step - 1) / step);
}

Value FunctionBuilder::sliceAxis(Value x, int64_t a, int64_t start, int64_t end, int64_t step) {
  if (!x)
    return {};
  a = axis(x, a);
  Dims dims = dimsOf(x);
  AffineExpr full = dims[a];
  if (auto size = constantSize(full)) {
    dims[a] = this->size(*clampSlice(*size, start, end, step));
  } else {
    if (start < 0 || (end < 0 && end != -1) || (end >= 0 && end < (int64_t(1) << 40)))
      return error("slice: along the symbolic axis " + Twine(a) + " only [start:] with start >= 0 is supported");
    dims[a] = simplify((full - start + (step - 1)).floorDiv(step));
  }
  SmallVector<int64_t> starts(dims.size(), 0), steps(dims.size(), 1);
  starts[a] = start;
  steps[a] = step;
  return slice(x, starts, dims, steps);
}

Value FunctionBuilder::select(Value x, int64_t a, int64_t index) {
  if (!x)
    return {};
  a = axis(x, a);
  if (index < 0) {
    auto size = constantSize(dimsOf(x)[a]);
    if (!size)
      return error("select: a negative index along a symbolic axis is not supported");
    index += *size;
  }
  Dims dims = dimsOf(x);
  dims[a] = size(1);
  SmallVector<int64_t> starts(dims.size(), 0), steps(dims.size(), 1);
  starts[a] = index;
  return squeeze(slice(x, starts, dims, steps), a);
}

Value FunctionBuilder::sliceScatter(Value x, Value value, int64_t a, int64_t start, int64_t end, int64_t step) {
  Value old = sliceAxis(x, a, start, end, step);
  if (!old || !value)
    return {};
  a = axis(x, a);
  if (start < 0)
    start += *constantSize(dimsOf(x)[a]);
  return sliceScatter(x, broadcast(convert(value, elementTypeOf(x)), dimsOf(old)), a, start, step);
}

Value FunctionBuilder::sliceScatter(Value x, Value value, int64_t a, int64_t start, int64_t step) {
  Dims dims = dimsOf(x), part = dimsOf(value);
  if (sameSizes(dims, part))
    return value;
  // The value in its place among zeros, chosen where the index lies on the slice.
  SmallVector<int64_t> starts(dims.size(), 0), interior(dims.size(), 0);
  starts[a] = start;
  interior[a] = step - 1;
  Value placed = pad(value, starts, dims, interior, 0.0);
  Expr i = Expr::input(0);
  Expr offset = i - Expr::constant(start);
  Expr on = Expr::make(Primitive::And, {
      Expr::make(Primitive::Ge, {offset, Expr::constant(0)}),
      Expr::make(Primitive::Lt, {offset, Expr::input(3) * Expr::constant(step)})});
  if (step > 1)
    on = Expr::make(Primitive::And, {on, Expr::make(Primitive::Eq, {
        Expr::make(Primitive::Remainder, {offset, Expr::constant(step)}), Expr::constant(0)})});
  Value position = iota(dims, a, b.getI64Type()), length = sizeAsScalar(part[a], b.getI64Type());
  return map(nnc::select(on, Expr::input(1), Expr::input(2)), {position, placed, x, length}, elementTypeOf(x), "scatter");
}

Value FunctionBuilder::selectScatter(Value x, Value value, int64_t a, int64_t index) {
  if (!x || !value)
    return {};
  a = axis(x, a);
  if (index < 0)
    index += *constantSize(dimsOf(x)[a]);
  Dims part = dimsOf(x);
  part.erase(part.begin() + a);
  return sliceScatter(x, unsqueeze(broadcast(convert(value, elementTypeOf(x)), part), a), a, index, 1);
}

Value FunctionBuilder::constantPad(Value x, Ints pads, double value) {
  if (!x)
    return {};
  Dims dims = dimsOf(x);
  SmallVector<int64_t> low(dims.size(), 0), interior(dims.size(), 0), starts(dims.size(), 0), steps(dims.size(), 1);
  Dims cut = dims;
  for (size_t i = 0; i + 1 < pads.size(); i += 2) {
    size_t a = dims.size() - 1 - i / 2;
    starts[a] = std::max<int64_t>(0, -pads[i]);
    low[a] = std::max<int64_t>(0, pads[i]);
    cut[a] = simplify(dims[a] - starts[a] - std::max<int64_t>(0, -pads[i + 1]));
    dims[a] = simplify(dims[a] + pads[i] + pads[i + 1]);
  }
  return pad(slice(x, starts, cut, steps), low, dims, interior, value);
}

//===-- reductions -----------------------------------------------------------------------===//

// The axes counted from the front; none given are all of them.
static SmallVector<int64_t> reducedAxes(FunctionBuilder &f, Value x, ArrayRef<int64_t> axes) {
  if (axes.empty() || rankOf(x) == 0)
    return llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  SmallVector<int64_t> positive;
  for (int64_t a : axes)
    positive.push_back(f.axis(x, a));
  return positive;
}

Value FunctionBuilder::reduceAxes(ReduceKind kind, Value x, Ints axes, bool keepdim) {
  if (!x)
    return {};
  SmallVector<int64_t> positive = reducedAxes(*this, x, axes);
  if (kind == ReduceKind::sum && !isa<FloatType>(elementTypeOf(x)))
    x = convert(x, b.getI64Type());
  bool flat = (kind == ReduceKind::argmax || kind == ReduceKind::argmin) && positive.size() > 1;
  if (flat) {
    x = reshape(x, {product(context(), dimsOf(x))});
    positive = {0};
  }
  Value y = reduce(kind, x, positive);
  return keepdim ? y : squeeze(y, positive);
}

Value FunctionBuilder::sumAxes(Value x, Ints axes, bool keepdim) {
  return reduceAxes(ReduceKind::sum, x, axes, keepdim);
}

Value FunctionBuilder::meanAxes(Value x, Ints axes, bool keepdim) {
  if (!x)
    return {};
  SmallVector<int64_t> positive = reducedAxes(*this, x, axes);
  Value y = mean(x, positive);
  return keepdim ? y : squeeze(y, positive);
}

} // namespace nnc
