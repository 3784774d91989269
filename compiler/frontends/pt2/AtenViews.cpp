// Operators whose result shares memory with their first argument, each as what it
// reads of its base and how a write goes back into it.
#include "compiler/frontends/pt2/Aten.h"

#include <set>

using namespace mlir;
using namespace nnc;
using namespace nnc::pt2;

//===-- shapes ------------------------------------------------------------------===//

static View reshapeView(Call &call) {
  FunctionBuilder *builder = &call.builder;
  nn::Dims in = call.selfDims(), out = call.outputDims();
  return {[=](Value base) { return builder->view(base, out); },
          [=](Value, Value view) { return builder->view(view, in); }};
}

/// The strides of a tensor without gaps whose axes lie in memory in `order`, outermost
/// first.
static bool isDense(const Call::Geometry &tensor, ArrayRef<int64_t> order) {
  int64_t expected = 1;
  for (int64_t axis : llvm::reverse(order)) {
    if (tensor.sizes[axis] != 1 && tensor.strides[axis] != expected)
      return false;
    expected *= tensor.sizes[axis];
  }
  return true;
}

/// Whether strides exist that make `out` a view of a tensor of those sizes and
/// strides: axes that lie one after the other in memory form blocks, and each
/// block must be split by whole output axes (at::detail::computeStride).
static bool canBeView(const Call::Geometry &tensor, ArrayRef<int64_t> out) {
  ArrayRef<int64_t> sizes = tensor.sizes, strides = tensor.strides;
  if (sizes.empty())
    return true;
  int64_t block = 1, covered = 1, base = strides.back();
  size_t axis = out.size();
  for (size_t d = sizes.size(); d-- > 0;) {
    block *= sizes[d];
    bool ends = d == 0 || (sizes[d - 1] != 1 && strides[d - 1] != block * base);
    if (!ends)
      continue;
    while (axis > 0 && (covered < block || out[axis - 1] == 1))
      covered *= out[--axis];
    if (covered != block)
      return false;
    block = covered = 1;
    base = d == 0 ? 1 : strides[d - 1];
  }
  return axis == 0;
}

/// reshape and flatten: a view where strides allow it, a copy elsewhere.
static Results reshape(Call &call) {
  if (canBeView(call.selfGeometry(), call.outputGeometry().sizes))
    return {reshapeView(call)};
  return {call.builder.view(call.self(), call.outputDims())};
}

static Results view(Call &call) { return {reshapeView(call)}; }

static Results identity(Call &) { return {View::identity()}; }

/// contiguous(): itself or, with other strides, a copy.
static Results contiguous(Call &call) {
  constexpr int64_t channelsLast = 2, channelsLast3d = 3; // at::MemoryFormat
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, call.selfDims().size()));
  int64_t format = call.integer("memory_format", 0);
  if ((format == channelsLast || format == channelsLast3d) && order.size() > 2)
    std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  if (isDense(call.selfGeometry(), order))
    return {View::identity()};
  return {call.self()};
}

/// A copy, or where nothing changes the tensor itself.
static Results to(Call &call) {
  Value self = call.self();
  if (!self)
    return {Value()};
  Type type = call.outputType();
  bool copies = call.flag("copy", false);
  if (nn::elementTypeOf(self) == type && !copies)
    return {View::identity()};
  return {call.builder.toType(self, type)};
}

/// No gradient flows back through detach: its derivative is stated to be zero. What is
/// written through it changes the base's value and not the base's gradient.
static Results detach(Call &call) {
  if (!isa<FloatType>(call.outputType()))
    return {View::identity()};
  FunctionBuilder *builder = &call.builder;
  return {View{[=](Value base) { return builder->map("stated(x0, x0, 0)", {base}); },
               [=](Value base, Value view) { return builder->map("stated(x1, x0, 1)", {base, view}); }}};
}

//===-- order of axes -------------------------------------------------------------===//

static Results permuted(Call &call, ArrayRef<int64_t> permutation) {
  FunctionBuilder *builder = &call.builder;
  SmallVector<int64_t> order(permutation), inverse = nn::inversePermutation(permutation);
  return {View{[=](Value base) { return builder->permute(base, order); },
               [=](Value, Value view) { return builder->permute(view, inverse); }}};
}

static SmallVector<int64_t> axesInOrder(Call &call) {
  return llvm::to_vector(llvm::seq<int64_t>(0, call.selfDims().size()));
}

static Results permute(Call &call) {
  SmallVector<int64_t> order = call.axes("dims"), sorted = order;
  llvm::sort(sorted);
  if (sorted != axesInOrder(call)) {
    call.reject("dims", "must name each axis once");
    return {Value()};
  }
  return permuted(call, order);
}

static Results transpose(Call &call) {
  bool numpy = call.given("axis0"); // swapaxes names its arguments otherwise
  SmallVector<int64_t> order = axesInOrder(call), a = call.axes(numpy ? "axis0" : "dim0"),
                       b = call.axes(numpy ? "axis1" : "dim1");
  if (!order.empty() && a.size() == 1 && b.size() == 1)
    std::swap(order[a[0]], order[b[0]]);
  return permuted(call, order);
}

/// t(), T, mT: the order of the last two axes, or of all, turned round.
static Results reversed(Call &call) {
  SmallVector<int64_t> order = axesInOrder(call);
  std::reverse(order.begin(), order.end());
  return permuted(call, order);
}

static Results matrixTranspose(Call &call) {
  SmallVector<int64_t> order = axesInOrder(call);
  if (order.size() >= 2)
    std::swap(order.end()[-1], order.end()[-2]);
  return permuted(call, order);
}

static Results moveAxis(Call &call) {
  SmallVector<int64_t> from = call.axes("source"), to = call.axes("destination");
  std::set<int64_t> sources(from.begin(), from.end()), targets(to.begin(), to.end());
  if (from.size() != to.size() || sources.size() != from.size() || targets.size() != to.size()) {
    call.reject("source", "must name as many axes as destination, each once");
    return {Value()};
  }
  SmallVector<int64_t> order(axesInOrder(call).size(), -1);
  for (auto [source, destination] : llvm::zip(from, to))
    order[destination] = source;
  size_t next = 0;
  for (int64_t axis : axesInOrder(call)) {
    if (llvm::is_contained(from, axis))
      continue;
    while (order[next] != -1)
      ++next;
    order[next] = axis;
  }
  return permuted(call, order);
}

static Results expand(Call &call) {
  FunctionBuilder *builder = &call.builder;
  nn::Dims out = call.outputDims();
  if (nn::sameSizes(call.selfDims(), out))
    return {View::identity()};
  return {View{[=](Value base) { return builder->expand(base, out); }, nullptr}};
}

//===-- parts -----------------------------------------------------------------------===//

/// Elements start, start + step, ... along an axis; `part` are the result's sizes.
static View sliceView(Call &call, int64_t axis, int64_t start, int64_t step,
                      ArrayRef<AffineExpr> part) {
  FunctionBuilder *builder = &call.builder;
  nn::Dims whole = call.selfDims(), out(part);
  if (axis >= static_cast<int64_t>(std::min(whole.size(), out.size()))) {
    call.reject("dim", "must name an axis of the tensor");
    return View::identity();
  }
  if (nn::sameSizes(whole, out))
    return View::identity();
  SmallVector<int64_t> starts(whole.size(), 0), steps(whole.size(), 1);
  starts[axis] = start;
  steps[axis] = step;
  auto read = [=](Value base) { return builder->slice(base, starts, out, steps); };
  auto write = [=](Value base, Value view) -> Value {
    return nn::constantSize(out[axis]) == 0 ? base : builder->sliceScatter(base, view, axis, start, step);
  };
  return {read, write};
}

/// Counts from the end if negative; a symbolic size has no end to count from.
static int64_t position(Call &call, llvm::StringRef name, int64_t axis, int64_t value) {
  if (value >= 0)
    return value;
  nn::Dims dims = call.selfDims();
  if (axis < static_cast<int64_t>(dims.size()))
    if (std::optional<int64_t> size = nn::constantSize(dims[axis]))
      return std::max<int64_t>(0, value + *size);
  call.reject(name, "counts from the end of a symbolic axis, which is not supported");
  return 0;
}

static Results slice(Call &call) {
  int64_t axis = call.axis("dim", 0);
  int64_t start = position(call, "start", axis, call.integer("start", 0));
  nn::Dims dims = call.selfDims();
  if (axis < static_cast<int64_t>(dims.size()))
    start = std::min(start, nn::constantSize(dims[axis]).value_or(start));
  return {sliceView(call, axis, start, call.integer("step", 1), call.outputDims())};
}

static Results narrow(Call &call) {
  int64_t axis = call.axis("dim", 0);
  int64_t start = position(call, "start", axis, call.integer("start"));
  return {sliceView(call, axis, start, 1, call.outputDims())};
}

static View selectView(Call &call, int64_t axis, int64_t index) {
  FunctionBuilder *builder = &call.builder;
  nn::Dims dims = call.selfDims();
  if (axis >= static_cast<int64_t>(dims.size())) {
    call.reject("dim", "must name an axis of the tensor");
    return View::identity();
  }
  return {[=](Value base) { return builder->select(base, axis, index); },
          [=](Value base, Value view) { return builder->selectScatter(base, view, axis, index); }};
}

static Results select(Call &call) {
  int64_t axis = call.axis("dim", 0);
  return {selectView(call, axis, position(call, "index", axis, call.integer("index")))};
}

static Results unbind(Call &call) {
  int64_t axis = call.axis("dim", 0);
  Results results;
  for (unsigned index = 0; index < call.outputCount(); ++index)
    results.push_back(selectView(call, axis, index));
  return results;
}

/// chunk and split: the file says how large each part is.
static Results split(Call &call) {
  int64_t axis = call.axis("dim", 0), start = 0;
  Results results;
  for (unsigned index = 0; index < call.outputCount(); ++index) {
    nn::Dims part = call.outputDims(index);
    results.push_back(sliceView(call, axis, start, 1, part));
    if (call.hasFailed())
      break;
    std::optional<int64_t> size = nn::constantSize(part[axis]);
    if (!size && call.outputCount() > 1)
      call.reject("dim", "names a symbolic axis, along which no split is supported");
    start += size.value_or(0);
  }
  return results;
}

/// The diagonal of two axes as a new last axis: every (columns + 1)-th element of both joined.
static Results diagonal(Call &call) {
  int64_t offset = call.integer("offset", 0);
  SmallVector<int64_t> first = call.given("dim1") ? call.axes("dim1") : SmallVector<int64_t>{0},
                       second = call.given("dim2") ? call.axes("dim2") : SmallVector<int64_t>{1};
  nn::Dims in = call.selfDims(), out = call.outputDims();
  auto constants = [&](int64_t axis) {
    return axis < static_cast<int64_t>(in.size()) ? nn::constantSize(in[axis]) : std::nullopt;
  };
  if (!constants(first[0]) || !constants(second[0]) || first == second) {
    call.reject("dim1", "and dim2 must name two axes of constant sizes");
    return {Value()};
  }
  int64_t columns = *constants(second[0]);
  SmallVector<int64_t> order;
  for (int64_t axis : axesInOrder(call))
    if (axis != first[0] && axis != second[0])
      order.push_back(axis);
  int64_t last = order.size();
  order.append({first[0], second[0]});
  int64_t start = offset >= 0 ? offset : -offset * columns;
  FunctionBuilder *builder = &call.builder;
  auto join = [=](Value base) { return builder->flatten(builder->permute(base, order), last, last + 1); };
  return {View{[=](Value base) -> Value {
                 SmallVector<int64_t> starts(last + 1, 0), steps(last + 1, 1);
                 starts[last] = start;
                 steps[last] = columns + 1;
                 return builder->slice(join(base), starts, out, steps);
               },
               [=](Value base, Value view) {
                 Value joined = builder->sliceScatter(join(base), view, last, start, columns + 1);
                 Value apart = builder->view(joined, nn::dimsOf(builder->permute(base, order)));
                 return builder->permute(apart, nn::inversePermutation(order));
               }}};
}

static Results unfold(Call &call) {
  FunctionBuilder *builder = &call.builder;
  int64_t axis = call.axis("dimension"), length = call.integer("size"), step = call.integer("step");
  return {View{[=](Value base) { return builder->unfold(base, axis, length, step); }, nullptr}};
}

static constexpr AtenOp views[] = {
    {"view", view},
    {"_unsafe_view", view},
    {"view_as", view},
    {"unflatten.int", view},
    {"squeeze", view},
    {"squeeze.dim", view},
    {"squeeze.dims", view},
    {"unsqueeze", view},
    {"reshape", reshape},
    {"reshape_as", reshape},
    {"flatten.using_ints", reshape},
    {"ravel", reshape},
    {"alias", identity},
    {"contiguous", contiguous},
    {"to.dtype", to},
    {"to.dtype_layout", to},
    {"to.device", to},
    {"to.other", to},
    {"type_as", to},
    {"detach", detach},
    {"permute", permute},
    {"transpose.int", transpose},
    {"diagonal", diagonal},
    {"unfold", unfold},
    {"tensor_split.sections", split},
    {"tensor_split.indices", split},
    {"swapaxes", transpose},
    {"swapdims", transpose},
    {"t", reversed},
    {"numpy_T", reversed},
    {"mT", matrixTranspose},
    {"movedim.int", moveAxis},
    {"movedim.intlist", moveAxis},
    {"expand", expand},
    {"expand_as", expand},
    {"broadcast_to", expand},
    {"slice.Tensor", slice},
    {"narrow", narrow},
    {"select.int", select},
    {"unbind.int", unbind},
    {"chunk", split},
    {"split.Tensor", split},
    {"split.sizes", split},
    {"split_with_sizes", split},
    // In place they change how the tensor is seen, not what it holds.
    {"squeeze_", view},
    {"squeeze_.dim", view},
    {"unsqueeze_", view},
    {"t_", reversed},
    {"transpose_", transpose},
    {"detach_", detach},
};

llvm::ArrayRef<AtenOp> nnc::pt2::atenViews() { return views; }
