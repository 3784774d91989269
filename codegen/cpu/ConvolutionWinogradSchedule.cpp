// The cost model of Winograd convolutions. Costs are in multiply-adds of a vector of one core,
// which starts one of 64 bytes a cycle, or two shorter ones.
#include "codegen/cpu/ConvolutionWinograd.h"
#include "codegen/cpu/MicroKernel.h"
#include "codegen/cpu/Target.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;

namespace nnc::cpu {

namespace {

// A batch that is not known.
constexpr int64_t usualBatch = 16;

// Tiles of a task: fewer read the packed filter too often, more leave the second-level cache.
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

  double filterCycles(const Target &target) const {
    return filterReadCycles(products * panels * lanes * channels.reduced, problem, target);
  }

  /// Whole rows of tiles, or parts of one; then images, until there are enough tiles.
  ConvolutionSchedule schedule(const Target &target, double &cycles) const {
    ConvolutionSchedule s;
    s.winograd = winograd.outputs;
    s.lanes = lanes;
    s.tile[2] = llvm::divideCeil(tileCount[1], llvm::divideCeil(tileCount[1], manyTiles));
    int64_t rows = std::clamp<int64_t>(fewTiles / s.tile[2], 1, tileCount[0]);
    s.tile[1] = llvm::divideCeil(tileCount[0], llvm::divideCeil(tileCount[0], rows));
    int64_t tiles = s.tile[1] * s.tile[2];
    bool wholeImage = tiles >= tileCount[0] * tileCount[1];
    s.images = wholeImage ? std::clamp<int64_t>(llvm::divideCeil(fewTiles, tiles), 1, batch) : 1;
    if (!problem.geometry.batch.isStatic() && wholeImage)
      s.images = llvm::divideCeil(fewTiles, tiles);

    double step = chooseRegisters(tiles * s.images, panels, s);
    double multiply = step * products * channels.reduced;
    double groups = double(llvm::divideCeil(batch, s.images)) *
                    llvm::divideCeil(tileCount[0], s.tile[1]) *
                    llvm::divideCeil(tileCount[1], s.tile[2]);
    // Blocks of result channels give threads something to do, each transforms its inputs.
    double input = inputCycles(s), result = panels * resultCycles(s);
    int64_t blocks = 1;
    while (groups * blocks < 8 && blocks * 2 * s.tileVectors <= panels &&
           input * blocks < 0.05 * (multiply + result))
      blocks *= 2;
    int64_t vectors = llvm::alignTo(llvm::divideCeil(panels, blocks), s.tileVectors);
    s.blockChannels = vectors * lanes;
    blocks = llvm::divideCeil(panels, vectors);
    // Every group of tiles reads the filter, from the shared cache if it stays there.
    double filter = filterCycles(target);
    double perGroup = std::max(multiply, filter);
    cycles = groups * (perGroup + input * blocks + result);
    return s;
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
