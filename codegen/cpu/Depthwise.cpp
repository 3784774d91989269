#include "codegen/cpu/Depthwise.h"
#include "codegen/cpu/DepthwiseBlocks.h"
#include "codegen/cpu/Target.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;

namespace nnc::cpu {

// Longer rows of a filter are not written out.
constexpr int64_t widestFilter = 64;

// Multiply-adds of a block, at most.
constexpr int64_t mostMultiplyAdds = 400;

// Cycles of a task: some 15 us.
constexpr int64_t taskCycles = 50'000;

// What a dynamic size is taken for.
constexpr int64_t usualSize = 32;

static bool isWeightGradient(const ConvolutionProblem &problem) {
  return problem.direction == ConvolutionDirection::WeightGradient;
}

/// Channels that tasks share out.
static int64_t taskChannels(const ConvolutionProblem &problem) {
  return problem.direction == ConvolutionDirection::InputGradient ? problem.geometry.inChannels
                                                                  : problem.geometry.outChannels;
}

bool isDepthwise(const ConvolutionProblem &problem) {
  const ConvolutionGeometry &g = problem.geometry;
  return g.groups > 1 && g.groups == g.inChannels && !problem.packed &&
         g.kernel.back() <= widestFilter;
}

namespace {

/// Cycles of one channel of an image when blocks have `rows` rows: a multiply-add
/// of a vector takes one, a load that crosses cache lines two.
double channelCycles(const ConvolutionProblem &problem, const DepthwiseAxes &axes, int64_t lanes,
                     int64_t rows) {
  const DepthwiseAxis &h = axes[1], &w = axes[2];
  auto unitsOf = [](const DepthwiseAxis &axis) {
    return std::max<int64_t>(llvm::divideCeil(axis.result.orElse(usualSize), axis.unit()), 1);
  };
  auto blockCycles = [&](int64_t units) -> double {
    if (!units)
      return 0;
    int64_t reach = (units - 1) * h.step() + h.highest() - h.lowest() + 1;
    int64_t dataRows = std::min(units * h.kernel, reach);
    double perTap = units * h.kernel + 1.5 * dataRows * w.step();
    return perTap * w.kernel + 4 * units * h.unit() * w.unit() + 10;
  };
  int64_t units = unitsOf(h);
  double vectors = std::max(1.0, double(unitsOf(w)) / lanes);
  double depth = double(unitsOf(axes[0])) * axes[0].kernel;
  return depth * vectors * ((units / rows) * blockCycles(rows) + blockCycles(units % rows));
}

} // namespace

DepthwiseSchedule scheduleDepthwise(const ConvolutionProblem &problem, const Target &target) {
  DepthwiseAxes axes = depthwiseAxes(problem);
  const DepthwiseAxis &h = axes[1], &w = axes[2];
  DepthwiseSchedule schedule;
  schedule.lanes = target.lanes(problem.elementType);
  if (w.result.isStatic()) // narrow images do with narrow vectors
    schedule.lanes = std::min<int64_t>(
        schedule.lanes,
        std::max<int64_t>(4, llvm::bit_ceil(uint64_t(llvm::divideCeil(w.result.fixed, w.unit())))));
  // Sums of a block; of a weight gradient its rows of dy beside the sums of the taps.
  int64_t mostRows = std::max<int64_t>(1, target.registers / 4 / (h.unit() * w.unit()));
  // Of a large filter rather some rows, too, than one that every row of data is loaded for.
  if (h.kernel * w.kernel * mostRows > mostMultiplyAdds)
    mostRows = std::min<int64_t>(mostRows, 4);
  int64_t kernelRows = isWeightGradient(problem)
                           ? std::max<int64_t>(1, (target.registers - mostRows - 2) / w.kernel)
                           : std::max<int64_t>(1, mostMultiplyAdds / (mostRows * w.kernel));
  // The phase of a tap must not depend on the round.
  kernelRows = llvm::alignTo(kernelRows, h.unit());
  schedule.kernelRows = std::min(kernelRows, h.kernel);
  double best = -1;
  for (int64_t rows = 1; rows <= mostRows; ++rows) {
    double cycles = channelCycles(problem, axes, schedule.lanes, rows);
    if (best < 0 || cycles < best) {
      best = cycles;
      schedule.blockRows = rows;
    }
  }
  int64_t images = isWeightGradient(problem) ? problem.geometry.batch.orElse(16) : 1;
  int64_t channels = taskChannels(problem);
  best *= double(std::max<int64_t>(images, 1)) *
          (problem.geometry.outChannels / channels); // of an input gradient: dy's to one of dx
  schedule.channels = std::clamp<int64_t>(taskCycles / best, 1, channels);
  schedule.channels =
      llvm::divideCeil(channels, llvm::divideCeil(channels, schedule.channels));
  return schedule;
}

std::string describe(const DepthwiseSchedule &s) {
  return "depthwise, lanes of " + std::to_string(s.lanes) + " along pixels, blocks of " + std::to_string(s.blockRows) +
         " rows, " + std::to_string(s.kernelRows) + " rows of the filter at once, " + std::to_string(s.channels) +
         " channels a task";
}

ContractFootprint footprint(const ConvolutionProblem &, const DepthwiseSchedule &) { return {}; }

/// (images, blocks of channels)
static Values taskGrid(LoopEmitter &emit, const ConvolutionProblem &problem,
                       const DepthwiseSchedule &schedule) {
  Value images = isWeightGradient(problem) ? emit.index(1) : valueOf(emit, problem.geometry.batch);
  return {images, emit.index(llvm::divideCeil(taskChannels(problem), schedule.channels))};
}

Value emitTaskCount(OpBuilder &builder, Location loc, const ConvolutionProblem &problem,
                    const DepthwiseSchedule &schedule, unsigned) {
  LoopEmitter emit(builder, loc);
  Values grid = taskGrid(emit, problem, schedule);
  return emit.mul(grid[0], grid[1]);
}

void emitDepthwiseTask(OpBuilder &builder, Location loc, const ConvolutionProblem &problem,
                       const DepthwiseSchedule &schedule, Value task) {
  LoopEmitter emit(builder, loc);
  Values at = emit.delinearize(task, taskGrid(emit, problem, schedule));
  Value first = emit.mul(at[1], schedule.channels);
  Value end = emit.add(first, schedule.channels);
  if (taskChannels(problem) % schedule.channels)
    end = emit.min(end, emit.index(taskChannels(problem)));
  emit.loop(first, end, 1, [&](Value channel) {
    if (isWeightGradient(problem))
      emitDepthwiseFilter(emit, problem, schedule, channel);
    else
      emitDepthwiseData(emit, problem, schedule, at[0], channel);
  });
}

} // namespace nnc::cpu
