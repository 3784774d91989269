// The cost model of filter gradients.
#include "codegen/cpu/ConvolutionModel.h"

using namespace mlir;

namespace nnc::cpu {

namespace {

struct FilterModel : ConvolutionModel {
  using ConvolutionModel::ConvolutionModel;

  /// Two loads a cycle, of which one that crosses cache lines counts twice.
  double filterStepCost(int64_t rows, int64_t columns) const {
    if (!rows || !columns)
      return 0;
    return std::max<double>({double(rows * columns), 0.7 * (rows + 2 * columns), 8});
  }

  /// Returns cycles per vector of pixels for all filters and taps.
  double chooseFilterTile(int64_t taps, ConvolutionSchedule &schedule) const {
    double best = -1;
    for (int64_t columns = 1; columns <= 12; ++columns)
      for (int64_t rows = 1; rows <= 12; ++rows) {
        if (rows * columns + rows + 1 > registers)
          continue;
        // Taps of one channel, or of several where they are few.
        int64_t across = taps * 2 > columns ? taps : taps * channels.reduced;
        int64_t width = taps * 2 > columns ? columns : columns / taps * taps;
        double repeat = double(taps * channels.reduced) / across;
        double cost = 0;
        for (auto [r, count] : {std::pair(rows, channels.result / rows),
                                std::pair(channels.result % rows, int64_t(1))})
          if (r)
            cost += count * ((across / width) * filterStepCost(r, width) +
                             filterStepCost(r, across % width));
        cost *= repeat;
        if (best < 0 || cost < best) {
          best = cost;
          schedule.tileRows = rows;
          schedule.tileVectors = columns;
        }
      }
    return best;
  }

  /// Returns cycles per pixel for all filters and taps, lanes along dy's channels.
  double chooseFilterLanesTile(int64_t taps, ConvolutionSchedule &schedule) const {
    int64_t all = llvm::divideCeil(channels.result, lanes);
    double best = -1;
    for (int64_t vectors = 1; vectors <= 4; ++vectors)
      for (int64_t rows = 1; rows <= 28; ++rows) {
        if (rows * vectors + vectors + (vectors > 1 ? 1 : 0) > registers)
          continue;
        auto across = [&](int64_t v) {
          if (taps > rows) {
            int64_t pieces = llvm::divideCeil(taps, rows);
            int64_t piece = llvm::divideCeil(taps, pieces);
            double cost = (pieces - 1) * stepCost(piece, v) +
                          stepCost(taps - (pieces - 1) * piece, v);
            return cost * channels.reduced;
          }
          int64_t together = rows / taps;
          return (channels.reduced / together) * stepCost(together * taps, v) +
                 stepCost(channels.reduced % together * taps, v);
        };
        double cost = (all / vectors) * across(vectors) + across(all % vectors);
        if (best < 0 || cost < best) {
          best = cost;
          schedule.tileRows = rows;
          schedule.tileVectors = vectors;
        }
      }
    return best;
  }

  /// The cheaper way for the sums themselves, and for bringing lanes together
  /// (along pixels) or in and out of memory (along channels) once per copy.
  ConvolutionSchedule schedule() const {
    ConvolutionSchedule pixels, lanesOfChannels;
    pixels.cycles = filterAlong(ConvolutionSchedule::Lanes::Pixels, pixels);
    lanesOfChannels.cycles = filterAlong(ConvolutionSchedule::Lanes::Channels, lanesOfChannels);
    ConvolutionSchedule &best = pixels.cycles < lanesOfChannels.cycles ? pixels : lanesOfChannels;
    best.cycles *= problem.geometry.groups;
    return best;
  }

  /// Sets `schedule`; returns cycles per image of one group.
  double filterAlong(ConvolutionSchedule::Lanes along, ConvolutionSchedule &schedule) const {
    bool alongPixels = along == ConvolutionSchedule::Lanes::Pixels;
    schedule.along = along;
    schedule.lanes = lanes;
    schedule.tile[2] = std::min<int64_t>(places[2], known[2] ? 256 : usualWidth);
    schedule.tile[2] =
        llvm::divideCeil(places[2], llvm::divideCeil(places[2], schedule.tile[2]));
    // Rows until a register tile's planes, a few of dy and one or two of x, fill most of the
    // first-level cache.
    int64_t planeVectors = std::max<int64_t>(target.l1 * 7 / 8 / target.vectorBytes / 8, 8);
    auto tileVectors = [&]() -> int64_t {
      return alongPixels ? Plane(problem, schedule).vectors()
                         : llvm::divideCeil(schedule.tile[0] * schedule.tile[1] * schedule.tile[2], lanes);
    };
    auto grow = [&](int axis) {
      while (schedule.tile[axis] < places[axis] && tileVectors() < planeVectors)
        ++schedule.tile[axis];
      schedule.tile[axis] = llvm::divideCeil(
          places[axis], llvm::divideCeil(places[axis], schedule.tile[axis]));
    };
    grow(1);
    if (schedule.tile[1] == places[1])
      grow(0);
    Plane plane(problem, schedule);
    int64_t taps = plane.taps();
    double step = alongPixels ? chooseFilterTile(taps, schedule)
                              : chooseFilterLanesTile(taps, schedule);

    int64_t pixels = alongPixels
                         ? plane.vectors() * lanes
                         : schedule.tile[0] * schedule.tile[1] * schedule.tile[2];
    // Blocks of filters and channels whose planes and sums fit in the second-level cache.
    auto fits = [&](int64_t filters, int64_t reduced, int64_t images) {
      return images * (filters * pixels + reduced * plane.elements()) +
                 filters * reduced * taps <
             slabLimit();
    };
    int64_t unit = alongPixels ? schedule.tileRows : schedule.tileVectors * lanes;
    int64_t filters = llvm::alignTo(channels.result, unit), reduced = channels.reduced;
    while (!fits(filters, reduced, 1) && (filters > unit || reduced > 1)) {
      if (filters > unit && (filters * pixels > reduced * plane.elements() || reduced == 1))
        filters = llvm::alignTo(llvm::divideCeil(filters, 2), unit);
      else
        reduced = llvm::divideCeil(reduced, 2);
    }
    schedule.blockReduction = reduced;
    schedule.blockChannels = filters;
    // Images until there is enough to sum over between two times that sums are gathered.
    int64_t enough = alongPixels ? planeVectors / plane.vectors() : 512 / pixels;
    schedule.images = std::clamp<int64_t>(enough, 1, batch);
    while (schedule.images > 1 && !fits(filters, reduced, schedule.images))
      --schedule.images;

    double tiles = 1;
    for (int i = 0; i < 3; ++i)
      tiles *= llvm::divideCeil(places[i], schedule.tile[i]);
    double tasks = double(problem.geometry.groups) *
                   llvm::divideCeil(channels.result, schedule.blockChannels) *
                   llvm::divideCeil(channels.reduced, schedule.blockReduction);
    double perTask = double(batch) * tiles * llvm::divideCeil(pixels, lanes) * taps *
                     std::min(schedule.blockChannels, channels.result) *
                     std::min(schedule.blockReduction, channels.reduced);
    double copies = tiles * llvm::divideCeil(batch, schedule.images);
    double wanted = std::min({perTask / taskCycles, 64 / tasks, copies,
                              double(8 << 20) / (filterElements(problem) * elementBytes)});
    schedule.splits = std::max<int64_t>(1, wanted);

    double gather = 3.0 * channels.result * channels.reduced * taps / schedule.images;
    if (alongPixels)
      return tiles * (plane.vectors() * step * 1.1 + gather);
    return tiles * (pixels * step + gather / lanes) + 0.3 * gather / batch;
  }
};

} // namespace

ConvolutionSchedule scheduleFilterGradient(const ConvolutionProblem &problem, const Target &target) {
  return FilterModel(problem, target).schedule();
}

} // namespace nnc::cpu
