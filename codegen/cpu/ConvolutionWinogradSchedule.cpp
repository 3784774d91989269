// The cost model of Winograd convolutions. Costs are in multiply-adds of a vector of one core,
// which starts one of 64 bytes a cycle, or two shorter ones.
#include "codegen/cpu/ConvolutionWinograd.h"
#include "codegen/cpu/MicroKernel.h"
#include "codegen/cpu/Target.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <limits>

using namespace mlir;

namespace nnc::cpu {

namespace {

// A batch that is not known.
constexpr int64_t usualBatch = 16;

// Tiles of a task: more leave the second-level cache. Each task reads the packed filter: with an
// unknown batch so many images that there are not fewer.
constexpr int64_t fewTiles = 24, manyTiles = 64;

// Bytes from the shared cache and from memory while a multiply-add of a vector starts.
struct ReadRates {
  double shared, memory;
  explicit ReadRates(const Target &target) : shared(target.vectorBytes >= 64 ? 14 : 7), memory(target.vectorBytes >= 64 ? 6 : 2) {}
};
constexpr int64_t sharedBytes = 8 << 20;

struct Model {
  const ConvolutionProblem &problem;
  const nn::Winograd &winograd;
  GroupChannels channels;
  int64_t lanes, registers, batch, tileCount[2];
  int64_t products; // of a tile
  int64_t panels;   // vectors of result channels

  Model(const ConvolutionProblem &problem, const Target &target, int64_t outputs)
      : problem(problem), winograd(nn::Winograd::of(outputs)), channels(problem) {
    lanes = target.lanes(problem.elementType);
    registers = target.registers;
    batch = std::max<int64_t>(problem.geometry.batch.orElse(usualBatch), 1);
    const auto &result = problem.direction == ConvolutionDirection::InputGradient
                             ? problem.geometry.input
                             : problem.geometry.output;
    for (int i = 0; i < 2; ++i)
      tileCount[i] = llvm::divideCeil(result[i].fixed, outputs);
    products = winograd.points * winograd.points;
    panels = llvm::divideCeil(channels.result, lanes);
  }

  double stepCost(int64_t rows, int64_t vectors) const {
    return rows && vectors ? outerStepCost(rows, vectors, registers) + 0.3 : 0.0;
  }

  /// Cycles of one product and channel of `tiles` x `count` vectors; chooses the register tile.
  double chooseRegisters(int64_t tiles, int64_t count, ConvolutionSchedule &schedule) const {
    double best = -1;
    for (int64_t vectors = 1; vectors <= std::min<int64_t>(6, count); ++vectors)
      for (int64_t rows = 1; rows <= std::min<int64_t>(tiles, 28); ++rows) {
        if (rows * vectors + vectors + (vectors > 1 ? 1 : 0) > registers)
          break;
        double cost = 0;
        for (auto [v, vTimes] : {std::pair(vectors, count / vectors), {count % vectors, int64_t(1)}})
          for (auto [r, rTimes] : {std::pair(rows, tiles / rows), {tiles % rows, int64_t(1)}})
            cost += vTimes * rTimes * stepCost(r, v);
        // Whole tiles make less code.
        cost *= 1 + 0.01 * ((count % vectors != 0) + (tiles % rows != 0));
        if (best < 0 || cost < best) {
          best = cost;
          schedule.tileRows = rows;
          schedule.tileVectors = vectors;
        }
      }
    return best;
  }

  /// Cycles of a task's inputs: turning pixels to channels in lanes, transforming tiles.
  double inputCycles(const ConvolutionSchedule &schedule) const {
    double turn = lanes * (llvm::Log2_64(lanes) + 2);
    double rows = schedule.tile[1] * winograd.points;
    double width = llvm::divideCeil(schedule.tile[2] * winograd.outputs + 2, lanes);
    double tiles = schedule.tile[1] * schedule.tile[2];
    return schedule.images * llvm::divideCeil(channels.reduced, lanes) *
           (rows * width * turn + tiles * products * 6);
  }

  /// Cycles of a task's results, for one vector of result channels.
  double resultCycles(const ConvolutionSchedule &schedule) const {
    double turn = lanes * (llvm::Log2_64(lanes) + 6);
    double width = llvm::divideCeil(schedule.tile[2] * winograd.outputs, lanes);
    double tiles = schedule.tile[1] * schedule.tile[2];
    return schedule.images *
           (schedule.tile[1] * winograd.outputs * width * turn + tiles * products * 5);
  }

  /// Groups of tiles, the rows and columns that they round up to included.
  int64_t groups(const ConvolutionSchedule &schedule) const {
    int64_t count = llvm::divideCeil(batch, schedule.images);
    for (int i = 0; i < 2; ++i)
      count *= llvm::divideCeil(tileCount[i], schedule.tile[1 + i]);
    return count;
  }

  /// Cycles of all products of a group of tiles. Each group reads the filter, and each column of
  /// register tiles the transformed inputs, from the shared cache if they are too large; half of
  /// that is hidden.
  double groupCycles(const Target &target, const ConvolutionSchedule &schedule, double step) const {
    double multiply = step * products * channels.reduced;
    double reads = filterReadCycles(products * panels * lanes * channels.reduced, problem, target);
    double bytes = double(schedule.tile[1]) * schedule.tile[2] * schedule.images * products * channels.reduced *
                   target.vectorBytes / lanes;
    if (bytes > target.l2)
      reads += bytes * llvm::divideCeil(panels, schedule.tileVectors) / ReadRates(target).shared;
    return std::max(multiply + reads / 2, reads);
  }

  int64_t sharedBytesOf(const ConvolutionSchedule &schedule) const {
    return WinogradScratch(problem, schedule).shared * problem.elementType.getIntOrFloatBitWidth() / 8;
  }

  bool admitsSharedInputs(const ConvolutionSchedule &schedule) const {
    constexpr int64_t mostBytes = 4 << 20;
    ConvolutionSchedule shared = schedule;
    shared.sharesInputs = true;
    return problem.geometry.batch.isStatic() && sharedBytesOf(shared) <= mostBytes;
  }

  /// Blocks of result channels give threads something to do. Without shared inputs each block
  /// transforms them anew, which has to be little beside the products of all.
  void chooseBlocks(ConvolutionSchedule &s, double input, double output) const {
    constexpr int64_t someTasks = 8;
    int64_t blocks = 1, tasks = groups(s);
    s.sharesInputs = tasks < someTasks && panels > s.tileVectors && admitsSharedInputs(s);
    if (s.sharesInputs)
      blocks = panels;
    else
      while (tasks * blocks < someTasks && blocks * 2 * s.tileVectors <= panels && input * blocks < 0.05 * output)
        blocks *= 2;
    s.blockChannels = llvm::alignTo(llvm::divideCeil(panels, blocks), s.tileVectors) * lanes;
  }

  /// A task of so many images and rows of tiles, whole or parts.
  ConvolutionSchedule withTask(int64_t images, int64_t rows, const Target &target, double &cycles) const {
    ConvolutionSchedule s;
    s.winograd = winograd.outputs;
    s.lanes = lanes;
    s.images = images;
    s.tile[1] = rows;
    s.tile[2] = tileColumns();
    double step = chooseRegisters(images * rows * tileColumns(), panels, s);
    double multiply = groupCycles(target, s, step), input = inputCycles(s), result = panels * resultCycles(s);
    chooseBlocks(s, input, multiply + result);
    int64_t transforms = s.sharesInputs ? 1 : llvm::divideCeil(panels * lanes, s.blockChannels);
    cycles = groups(s) * (multiply + input * transforms + result);
    if (double bytes = sharedBytesOf(s); bytes > target.l2) // pass through the shared cache
      cycles += 2 * bytes / ReadRates(target).shared;
    return s;
  }

  /// Tiles of a task along a row: all, or an even part.
  int64_t tileColumns() const {
    return llvm::divideCeil(tileCount[1], llvm::divideCeil(tileCount[1], manyTiles));
  }

  ConvolutionSchedule schedule(const Target &target, double &cycles) const {
    ConvolutionSchedule best;
    cycles = std::numeric_limits<double>::infinity();
    auto consider = [&](int64_t images, int64_t rows) {
      double cost;
      ConvolutionSchedule s = withTask(images, rows, target, cost);
      if (cost < cycles) {
        best = s;
        cycles = cost;
      }
    };
    for (int64_t rows = 1; rows <= tileCount[0] && (rows == 1 || rows * tileColumns() <= manyTiles); ++rows) {
      int64_t tiles = rows * tileColumns();
      if (tiles < tileCount[0] * tileCount[1])
        consider(1, rows);
      else if (!problem.geometry.batch.isStatic())
        consider(llvm::divideCeil(fewTiles, tiles), rows);
      else
        for (int64_t images = 1; images <= std::clamp<int64_t>(manyTiles / tiles, 1, batch); ++images)
          consider(images, rows);
    }
    return best;
  }
};

} // namespace

bool admitsWinograd(const ConvolutionProblem &problem) {
  const ConvolutionGeometry &g = problem.geometry;
  auto all = [](const auto &values, int64_t value) {
    return llvm::all_of(values, [&](int64_t v) { return v == value; });
  };
  auto known = [](const Extent &size) { return size.isStatic(); };
  return problem.direction != ConvolutionDirection::WeightGradient &&
         problem.elementType.isF32() && g.groups == 1 && g.kernel.size() == 2 &&
         all(g.kernel, 3) && all(g.stride, 1) && all(g.dilation, 1) &&
         llvm::all_of(g.input, known) && llvm::all_of(g.output, known);
}

ConvolutionSchedule scheduleWinograd(const ConvolutionProblem &problem, const Target &target,
                                     int64_t outputs, double *cycles) {
  double ignored;
  return Model(problem, target, outputs).schedule(target, cycles ? *cycles : ignored);
}

double filterReadCycles(int64_t elements, const ConvolutionProblem &problem,
                        const Target &target) {
  double bytes = double(elements) * problem.elementType.getIntOrFloatBitWidth() / 8;
  if (bytes <= target.l2 / 2)
    return 0;
  ReadRates rates(target);
  return bytes / (bytes <= sharedBytes ? rates.shared : rates.memory);
}

double winogradFilterCycles(const ConvolutionProblem &problem, const Target &target,
                            int64_t outputs) {
  Model model(problem, target, outputs);
  double vectors = double(model.panels) * model.channels.reduced;
  double bytes = vectors * model.products * target.vectorBytes;
  // Turning and transforming; writing, which reads the lines first.
  return vectors * (model.lanes * 5 + model.products * 3) + bytes / (ReadRates(target).memory / 2);
}

} // namespace nnc::cpu
