// Tensors put together from others, and tensors made from nothing.
#include "compiler/frontends/pt2/Aten.h"

using namespace mlir;
using namespace nnc;
using namespace nnc::pt2;

static Results cat(Call &call) {
  return {call.builder.cat(call.tensorList("tensors"), call.axis("dim", 0))};
}

static Results stack(Call &call) {
  return {call.builder.stack(call.tensorList("tensors"), call.integer("dim", 0))};
}

/// Each tensor of a list in the shape of all of them together.
static Results broadcastTensors(Call &call) {
  Results results;
  for (auto [index, value] : llvm::enumerate(call.tensorList("tensors")))
    results.push_back(value ? call.builder.expand(value, call.outputDims(index)) : Value());
  return results;
}

static Results pad(Call &call) {
  llvm::StringRef mode = call.text("mode", "constant");
  if (mode == "reflect" || mode == "replicate" || mode == "circular")
    return {call.builder.padMode(call.self(), call.integers("pad"), mode)};
  if (mode != "constant")
    call.reject("mode", "is not one of torch's");
  return {call.builder.constantPad(call.self(), call.integers("pad"), call.number("value", 0))};
}

/// repeat [r0, r1] of [a, b]: [1, a, 1, b] -> [r0, a, r1, b] -> [r0 * a, r1 * b].
static Results repeat(Call &call) {
  SmallVector<int64_t> repeats = call.integers(call.given("repeats") ? "repeats" : "dims");
  // tile fills up what it is not given.
  repeats.insert(repeats.begin(), call.selfDims().size() - std::min(repeats.size(), call.selfDims().size()), 1);
  nn::Dims in = call.selfDims(), line, wide;
  in.insert(in.begin(), repeats.size() - std::min(repeats.size(), in.size()),
            call.builder.size(1));
  for (auto [count, dim] : llvm::zip(repeats, in)) {
    line.append({call.builder.size(1), dim});
    wide.append({call.builder.size(count), dim});
  }
  Value lined = call.builder.view(call.self(), line);
  return {call.builder.view(call.builder.expand(lined, wide), call.outputDims())};
}

/// hstack, vstack: cat along an axis that depends on the rank.
static Results hstack(Call &call) {
  SmallVector<Value> tensors = call.tensorList("tensors");
  bool lines = !tensors.empty() && tensors[0] && nn::rankOf(tensors[0]) <= 1;
  return {call.builder.cat(tensors, lines ? 0 : 1)};
}

/// The modes of padding as operators of their own.
template <const char *mode> static Results padOfMode(Call &call) {
  return {call.builder.padMode(call.self(), call.integers("padding"), mode)};
}
static constexpr char reflect[] = "reflect", replicate[] = "replicate", circular[] = "circular";
static Results padCircular(Call &call) { return {call.builder.padMode(call.self(), call.integers("pad"), circular)}; }

static Results clone(Call &call) { return {call.self()}; }

static Results constant(Call &call, double value) {
  return {call.builder.full(call.outputDims(), call.outputType(), value)};
}
static Results zeros(Call &call) { return constant(call, 0); }
static Results ones(Call &call) { return constant(call, 1); }
static Results full(Call &call) { return constant(call, call.number("fill_value")); }
static Results scalarTensor(Call &call) { return constant(call, call.number("s")); }

static Results arange(Call &call) {
  double start = call.number("start", 0), step = call.number("step", 1);
  Type type = call.outputType();
  Value index = call.builder.iota(call.outputDims(), 0, type);
  if (start == 0 && step == 1)
    return {index};
  Expr value = Expr::input(0) * Expr::constant(step) + Expr::constant(start);
  return {call.builder.map(value, {index}, type)};
}

static Results eye(Call &call) {
  nn::Dims dims = call.outputDims();
  Type index = IntegerType::get(call.builder.context(), 64);
  return {call.builder.formula("select(x0 == x1, 1, 0)", {call.builder.iota(dims, 0, index), call.builder.iota(dims, 1, index)},
                               call.outputType())};
}

/// F.one_hot: the classes along a new last axis.
static Results oneHot(Call &call) {
  nn::Dims dims = call.outputDims();
  Value index = call.self();
  if (!index)
    return {Value()};
  Value classes = call.builder.iota(dims, dims.size() - 1, nn::elementTypeOf(index));
  return {call.builder.formula("select(x0 == x1, 1, 0)", {call.builder.unsqueezeAxis(index, -1), classes}, call.outputType())};
}

static constexpr AtenOp shapes[] = {
    {"cat", cat},
    {"concat", cat},
    {"stack", stack},
    {"broadcast_tensors", broadcastTensors},
    {"constant_pad_nd", pad},
    {"pad", pad},
    {"reflection_pad1d", padOfMode<reflect>},
    {"reflection_pad2d", padOfMode<reflect>},
    {"reflection_pad3d", padOfMode<reflect>},
    {"replication_pad1d", padOfMode<replicate>},
    {"replication_pad2d", padOfMode<replicate>},
    {"replication_pad3d", padOfMode<replicate>},
    {"_pad_circular", padCircular},
    {"hstack", hstack},
    {"tile", repeat},
    {"repeat", repeat},
    {"clone", clone},
    {"lift_fresh_copy", clone},
    {"zeros", zeros},
    {"zeros_like", zeros},
    {"new_zeros", zeros},
    // What an empty tensor holds is not defined: zeros are as good as anything.
    {"empty.memory_format", zeros},
    {"empty_like", zeros},
    {"new_empty", zeros},
    {"ones", ones},
    {"ones_like", ones},
    {"new_ones", ones},
    {"full", full},
    {"full_like", full},
    {"new_full", full},
    {"scalar_tensor", scalarTensor},
    {"eye", eye},
    {"eye.m", eye},
    {"one_hot", oneHot},
    {"arange", arange},
    {"arange.start", arange},
    {"arange.start_step", arange},
};

llvm::ArrayRef<AtenOp> nnc::pt2::atenShapes() { return shapes; }
