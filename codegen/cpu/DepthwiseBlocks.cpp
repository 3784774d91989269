#include "codegen/cpu/DepthwiseBlocks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;

namespace nnc::cpu {

int64_t DepthwiseAxis::phase(int64_t tap) const {
  // A multiple of the stride added, so that the remainder is that of a positive number.
  return inputGradient ? (tap * dilation + padding * (stride - 1)) % stride : 0;
}

int64_t DepthwiseAxis::at(int64_t tap) const {
  return inputGradient ? (phase(tap) + padding - tap * dilation) / stride
                       : tap * dilation - padding;
}

int64_t DepthwiseAxis::lowest() const {
  int64_t lowest = at(0);
  for (int64_t tap = 1; tap < kernel; ++tap)
    lowest = std::min(lowest, at(tap));
  return lowest;
}

int64_t DepthwiseAxis::highest() const {
  int64_t highest = at(0);
  for (int64_t tap = 1; tap < kernel; ++tap)
    highest = std::max(highest, at(tap));
  return highest;
}

DepthwiseAxes depthwiseAxes(const ConvolutionProblem &problem) {
  const ConvolutionGeometry &g = problem.geometry;
  bool inputGradient = problem.direction == ConvolutionDirection::InputGradient;
  DepthwiseAxes axes;
  axes.fill({1, 1, 0, 1, false, Extent::of(1), Extent::of(1)});
  int64_t rank = g.kernel.size();
  for (int64_t i = 0; i < rank; ++i)
    axes[3 - rank + i] = {g.kernel[i], g.stride[i], g.padding[i], g.dilation[i], inputGradient,
                          inputGradient ? g.output[i] : g.input[i],
                          inputGradient ? g.input[i] : g.output[i]};
  return axes;
}

Value valueOf(LoopEmitter &emit, const Extent &extent) {
  return extent.isStatic() ? emit.index(extent.fixed) : extent.value;
}

Value both(LoopEmitter &emit, Value left, Value right) {
  if (!left || !right)
    return left ? left : right;
  Value result = emit.builder.createOrFold<arith::AndIOp>(emit.loc, left, right);
  return constantIndex(result).value_or(0) ? Value() : result;
}

Value within(LoopEmitter &emit, Value index, Value size, bool known) {
  if (known)
    return {};
  return both(emit, emit.lessEqual(emit.index(0), index), emit.less(index, size));
}

UnitBlocks rowBlocks(const DepthwiseSchedule &schedule, const DepthwiseAxis &axis) {
  // A large filter is code enough.
  return {schedule.blockRows, false, schedule.kernelRows < axis.kernel ? 0 : 4};
}

UnitBlocks columnBlocks(const DepthwiseSchedule &schedule) { return {schedule.lanes, true, 4}; }

/// Data that a block reads, from the place that unit 0 of it would read with a tap at 0:
/// the first and the end.
static std::pair<int64_t, int64_t> reach(const DepthwiseAxis &axis, const UnitBlocks &blocks) {
  int64_t step = axis.step();
  if (!blocks.lanes)
    return {axis.lowest(), (blocks.size - 1) * step + axis.highest() + 1};
  // Lanes are picked from whole vectors that start at multiples of the step.
  auto down = [&](int64_t at) { return llvm::divideFloorSigned(at, step) * step; };
  return {down(axis.lowest()), down(axis.highest()) + blocks.size * step};
}

Values forEachBlock(LoopEmitter &emit, const DepthwiseAxis &axis, const UnitBlocks &blocks,
                    ValueRange carried, UnitBody body) {
  int64_t size = blocks.size;
  auto [low, end] = reach(axis, blocks);
  int64_t advance = size * axis.step(), results = size * axis.unit();
  Value units = emit.ceilDiv(valueOf(emit, axis.result), axis.unit());
  Value count = emit.ceilDiv(units, size);
  int64_t leading = llvm::divideCeil(std::max<int64_t>(-low, 0), advance);
  // Blocks before `last` have data and results to their end.
  Value room = emit.add(valueOf(emit, axis.data), advance - end);
  Value last = emit.min(emit.div(emit.max(room, emit.index(0)), advance),
                        emit.div(valueOf(emit, axis.result), results));
  Value first = emit.min(emit.index(leading), count);
  last = emit.max(last, first);

  Values values(carried);
  auto at = [&](Value block, ValueRange carried, bool inside) {
    int64_t active = size;
    Value from = emit.mul(block, size);
    auto start = constantIndex(from), all = constantIndex(units);
    if (start && all) {
      active = std::min(size, *all - *start);
      if (blocks.lanes)
        active = std::min<int64_t>(size, std::max<int64_t>(llvm::bit_ceil(uint64_t(active)), 4));
    }
    return body({from, active, inside}, carried);
  };
  auto range = [&](Value from, Value to, bool inside) {
    values = emit.loop(from, to, 1, values, [&](Value block, ValueRange carried) {
      return at(block, carried, inside);
    });
  };
  auto writeOut = [&](int64_t block) {
    // A loop of no or one round where the number of blocks is not known.
    Value to = emit.min(count, emit.index(block + 1));
    values = emit.loop(emit.index(block), to, 1, values, [&](Value, ValueRange carried) {
      return at(emit.index(block), carried, false);
    });
  };
  if (blocks.lanes || leading <= blocks.writtenOut)
    for (int64_t block = 0; block < leading; ++block)
      writeOut(block);
  else
    range(emit.index(0), first, false);
  range(first, last, true);
  auto from = constantIndex(last), to = constantIndex(count);
  if (from && to && *to - *from <= blocks.writtenOut)
    for (int64_t block = *from; block < *to; ++block)
      writeOut(block);
  else
    range(last, count, false);
  return values;
}

Value DepthwiseRow::consecutive(int64_t at) {
  if (Value vector = known.lookup(at))
    return vector;
  int64_t lanes = type.getNumElements();
  Value first = emit.add(emit.mul(columns.start, axis.step()), at);
  auto start = constantIndex(first);
  Value vector;
  if (start && *start <= -lanes) {
    vector = emit.zero(type);
  } else if (start && *start < 0) {
    // In front of the row: what starts with it, moved up.
    Value from = consecutive(at - *start);
    llvm::SmallVector<int64_t> pick(lanes);
    for (int64_t lane = 0; lane < lanes; ++lane)
      pick[lane] = lane < -*start ? lane : lanes + lane + *start;
    vector = vector::ShuffleOp::create(emit.builder, emit.loc, emit.zero(type), from, pick);
  } else {
    Value active = columns.inside ? emit.index(lanes) : emit.sub(valueOf(emit, axis.data), first);
    auto count = constantIndex(active);
    if (count && *count >= lanes)
      active = emit.index(lanes);
    if (exists)
      active = emit.builder.createOrFold<arith::SelectOp>(emit.loc, exists, active, emit.index(0));
    else if (count && *count >= lanes)
      active = {};
    vector = count && *count <= 0 ? emit.zero(type)
                                  : read(emit.builder, emit.loc, type, image, channel,
                                         emit.add(position, first), active);
  }
  known[at] = vector;
  return vector;
}

Value DepthwiseRow::tap(int64_t tap) {
  int64_t step = axis.step(), at = axis.at(tap), lanes = type.getNumElements();
  if (step == 1)
    return consecutive(at);
  // Every step-th element of `step` vectors.
  int64_t base = llvm::divideFloorSigned(at, step) * step;
  Value picked;
  for (int64_t part = 0; part < step; ++part) {
    Value next = consecutive(base + part * lanes);
    llvm::SmallVector<int64_t> pick(lanes);
    for (int64_t lane = 0; lane < lanes; ++lane) {
      int64_t element = lane * step + at - base - part * lanes;
      pick[lane] = element >= 0 && element < lanes ? lanes + element : lane;
    }
    picked = vector::ShuffleOp::create(emit.builder, emit.loc, picked ? picked : next, next, pick);
  }
  return picked;
}

} // namespace nnc::cpu
