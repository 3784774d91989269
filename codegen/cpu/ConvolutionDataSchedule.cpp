// The cost model of forward convolutions and input gradients.
#include "codegen/cpu/ConvolutionModel.h"

#include <cmath>

using namespace mlir;

namespace nnc::cpu {

namespace {

// A tile of pixels over which a packed filter is kept: its sums, and the planes of some channels, stay near.
constexpr int64_t keptPixels = 256, keptChannels = 32;

// Cycles per vector of a packed filter from the second-level cache or beyond, beside multiply-adds:
// for each register tile, or once for all of them, asked for ahead.
constexpr double readCycles = 1.5, readAheadCycles = 1;

// Cycles per vector of copying into a plane, and of a result on its way out.
constexpr double fillCost = 2.5, finishCost = 4;

struct DataModel : ConvolutionModel {
  using ConvolutionModel::ConvolutionModel;

  /// With lanes along pixels: a filter's elements come one by one, vectors unaligned.
  static double pixelStepCost(int64_t rows, int64_t vectors) {
    return rows && vectors ? stepCost(rows, vectors) + 0.05 * (rows + 2 * vectors) : 0;
  }

  double tilingCost(int64_t rows, int64_t vectors, int64_t m, int64_t total) const {
    double cost = (m / rows) * (total / vectors) * pixelStepCost(rows, vectors);
    // What is left of the vectors goes in tiles of powers of two, or in one.
    cost += (m / rows) * pixelStepCost(rows, total % vectors);
    cost += (total / vectors) * pixelStepCost(m % rows, vectors);
    return cost + pixelStepCost(m % rows, total % vectors);
  }

  double chooseRegisterTile(int64_t m, int64_t vectors, ConvolutionSchedule &schedule) const {
    double best = -1;
    for (int64_t wide = 1; wide <= 4; ++wide) {
      int64_t most = (registers - wide - (wide > 1 ? 1 : 0)) / wide;
      for (int64_t rows = 1; rows <= std::min<int64_t>(most, 28); ++rows) {
        double cost = tilingCost(rows, wide, m, vectors);
        if (best < 0 || cost < best) {
          best = cost;
          schedule.tileRows = rows;
          schedule.tileVectors = wide;
        }
      }
    }
    return best;
  }

  /// Register tile of th x tw pixels times vectors of channels that covers the
  /// task's pixels cheapest; returns its cycles per reduced channel and tap.
  double choosePixelTile(ConvolutionSchedule &schedule) const {
    int64_t all = llvm::divideCeil(channels.result, lanes);
    int64_t height = schedule.tile[1], width = schedule.tile[2];
    double best = -1;
    for (int64_t vectors = 1; vectors <= std::min<int64_t>(6, all); ++vectors)
      for (int64_t tw = 1; tw <= std::min<int64_t>(width, 28); ++tw)
        for (int64_t th = 1; th <= height; ++th) {
          if (th * tw * vectors + vectors + (vectors > 1 ? 1 : 0) > registers)
            break;
          double cost = 0;
          for (auto [v, vTimes] : {std::pair(vectors, all / vectors), {all % vectors, int64_t(1)}})
            for (auto [h, hTimes] : {std::pair(th, height / th), {height % th, int64_t(1)}})
              for (auto [w, wTimes] : {std::pair(tw, width / tw), {width % tw, int64_t(1)}})
                cost += vTimes * hTimes * wTimes * (stepCost(h * w, v) + 0.1 * v + 0.05 * h);
          // Whole tiles make less code.
          cost *= 1 + 0.01 * ((height % th != 0) + (width % tw != 0));
          if (best < 0 || cost < best) {
            best = cost;
            schedule.tileRows = th * tw;
            schedule.tileWidth = tw;
            schedule.tileVectors = vectors;
          }
        }
    return best * schedule.tile[0];
  }

  /// Images of a task with lanes along channels: enough pixels to repay
  /// transposing the filter.
  double imagesAlongChannels(const ConvolutionSchedule &schedule, double cyclesPerImage) const {
    double pixels = double(schedule.tile[0]) * schedule.tile[1] * schedule.tile[2];
    double repaid = problem.packed ? 0 : 128 / pixels;
    return std::clamp(std::max(taskCycles / cyclesPerImage, repaid), 1.0,
                      std::min<double>(batch, 64));
  }

  /// Sixteen registers make tiles so small that a packed filter comes too often for the
  /// second-level cache: a register tile's part stays in the first while all pixels pass.
  bool keepsFilter(const ConvolutionSchedule &schedule) const {
    int64_t pixels = schedule.tile[0] * schedule.tile[1] * schedule.tile[2];
    return mayKeepFilter(schedule) && pixels > 2 * schedule.tileRows;
  }
  bool mayKeepFilter(const ConvolutionSchedule &schedule) const {
    return schedule.along == ConvolutionSchedule::Lanes::Channels && problem.packed && registers == 16;
  }
  int64_t residentReduction(const ConvolutionSchedule &schedule, int64_t taps) const {
    // Vectors of a packed filter lie some multiple of a way of the cache apart: each takes whole
    // ways, of the part at hand and of the next, which is asked for meanwhile.
    constexpr int64_t way = 4096;
    int64_t ways = std::max<int64_t>(1, target.l1 / way / (2 * schedule.tileVectors));
    return std::clamp<int64_t>(ways * way / (lanes * taps * elementBytes), 1, channels.reduced);
  }
  /// Cycles of reading the filter, once or for each register tile of pixels, and of loading and
  /// storing sums between blocks of reduced channels.
  double packedFilterCost(const ConvolutionSchedule &schedule, int64_t taps) const {
    double pixels = double(schedule.tile[0]) * schedule.tile[1] * schedule.tile[2];
    double channelVectors = llvm::divideCeil(channels.result, lanes);
    double filterVectors = channelVectors * channels.reduced * taps;
    if (!keepsFilter(schedule))
      return readCycles * filterVectors * std::ceil(pixels / schedule.tileRows);
    double blocks = llvm::divideCeil(channels.reduced, residentReduction(schedule, taps));
    return readAheadCycles * filterVectors + 2 * blocks * pixels * channelVectors;
  }

  /// Cycles of padding the planes of a tile, all reduced channels.
  double fillCycles(const Plane &plane) const {
    const PlaneAxis &columns = plane.axis[2];
    double rows = double(plane.elements()) / columns.places;
    double strided = columns.step == 1 ? 0 : 2 * columns.step;
    return channels.reduced * rows * ((fillCost + strided) * llvm::divideCeil(columns.places, lanes) + 3);
  }

  /// How many result channels a task takes that keeps its part of the filter. Fewer make more
  /// tasks of a tile of pixels, each of which pads its planes again; more leave one of two threads
  /// idle, which counts half: one thread is as likely. Sets `lost` to what both cost an image and group.
  int64_t resultChannelsOfTask(const ConvolutionSchedule &schedule, const Plane &plane, double &lost) const {
    constexpr int64_t surelyImages = 4, someTasks = 4, manyTasks = 64;
    int64_t images = problem.geometry.batch.isStatic() ? batch : surelyImages, inTask = std::min(schedule.images, images);
    double tiles = 1, copies = llvm::divideCeil(images, inTask) * problem.geometry.groups;
    for (int i = 0; i < 3; ++i)
      tiles *= llvm::divideCeil(places[i], schedule.tile[i]);
    double pixels = double(schedule.tile[0]) * schedule.tile[1] * schedule.tile[2];
    double perChannel = inTask * pixels * channels.reduced * plane.taps() / lanes;
    double fill = fillCycles(plane), chosenTasks = 0;
    int64_t unit = schedule.tileVectors * lanes, chosen = 0;
    lost = 0;
    for (int64_t parts = 1; (parts - 1) * unit < channels.result; ++parts) {
      int64_t block = llvm::alignTo(llvm::divideCeil(channels.result, parts), unit), blocks = llvm::divideCeil(channels.result, block);
      if (chosen && block * perChannel < 2.5 * taskCycles)
        break;
      double busy[2] = {0, 0}, tasks = blocks * tiles * copies;
      if (tasks <= manyTasks)
        for (int64_t task = 0; task < tasks; ++task) {
          int64_t first = int64_t(task / (tiles * copies)) * block;
          *std::min_element(busy, busy + 2) += std::min(block, channels.result - first) * perChannel + inTask * fill;
        }
      double cost = (blocks - 1) * fill * tiles + std::abs(busy[0] - busy[1]) / (2 * inTask * copies);
      if (!chosen || chosenTasks < std::min<double>(someTasks, tasks) || cost < lost) {
        lost = cost;
        chosen = block;
        chosenTasks = tasks;
      }
    }
    return chosen;
  }

  /// Cycles for one image and group with this tile, register tile chosen.
  double dataCost(ConvolutionSchedule &schedule) const {
    bool alongPixels = schedule.along == ConvolutionSchedule::Lanes::Pixels;
    Plane plane(problem, schedule);
    int64_t taps = plane.taps();
    bool inputGradient = plane.axis[0].inputGradient;
    double tiles = 1;
    for (int i = 0; i < 3; ++i)
      tiles *= llvm::divideCeil(places[i], schedule.tile[i]);
    double step = alongPixels ? chooseRegisterTile(channels.result, plane.vectors(), schedule)
                              : choosePixelTile(schedule);
    double multiply = step * channels.reduced * taps;
    if (mayKeepFilter(schedule))
      multiply += packedFilterCost(schedule, taps);
    double fill = fillCycles(plane), lost = 0;
    double rows = double(schedule.tile[0]) * schedule.tile[1] * plane.resultPhases();
    double rowVectors = llvm::divideCeil(schedule.tile[2], lanes);
    double finish = channels.result * rows * (finishCost * rowVectors + 3);
    double filter;
    if (alongPixels) {
      filter = inputGradient ? 2.0 * channels.result * channels.reduced
                             : 2.0 * channels.result *
                                   llvm::divideCeil(channels.reduced * taps, lanes);
    } else {
      // Transposes: shuffles, loads and stores of squares.
      double square = lanes * (llvm::Log2_64(lanes) + 2);
      double channelVectors = llvm::divideCeil(channels.result, lanes);
      finish += channelVectors * rows * rowVectors * square;
      double squares = inputGradient
                           ? double(channels.reduced) * llvm::divideCeil(taps, lanes)
                           : double(llvm::divideCeil(channels.reduced * taps, lanes));
      double images = imagesAlongChannels(schedule, multiply);
      filter = problem.packed ? 0 : channelVectors * squares * (inputGradient && taps == 1 ? 2 : square) / images;
    }
    if (!alongPixels) {
      ConvolutionSchedule whole = schedule;
      finishData(whole);
      if (whole.keepsFilter)
        resultChannelsOfTask(whole, plane, lost);
      else // every block of the result's channels fills planes again
        fill *= llvm::divideCeil(channels.result, whole.blockChannels);
    }
    return tiles * (multiply + fill + filter + finish) + lost;
  }

  ConvolutionSchedule schedule(double &cost) const {
    ConvolutionSchedule best;
    double bestCost = -1;
    if (!problem.packed)
      considerTiles(ConvolutionSchedule::Lanes::Pixels, best, bestCost);
    considerTiles(ConvolutionSchedule::Lanes::Channels, best, bestCost);
    finishData(best);
    best.cycles = bestCost * problem.geometry.groups;
    cost = best.cycles * batch;
    return best;
  }

  void considerTiles(ConvolutionSchedule::Lanes along, ConvolutionSchedule &best,
                     double &bestCost) const {
    int64_t widths[] = {places[2], 112, 64, 32, 16};
    for (int64_t width : widths) {
      if (width > places[2] || (width == places[2] && width > 256 && places[2] > 16))
        continue;
      int64_t columns = llvm::divideCeil(places[2], llvm::divideCeil(places[2], width));
      for (int64_t height = 1; height <= places[1]; ++height) {
        if (height > 1 && llvm::divideCeil(places[1], height) ==
                              llvm::divideCeil(places[1], height - 1))
          continue;
        for (int64_t depth = 1; depth <= places[0]; ++depth) {
          if (depth > 1 && height < places[1])
            break;
          ConvolutionSchedule schedule;
          schedule.along = along;
          schedule.lanes = lanes;
          schedule.tile[0] = depth;
          schedule.tile[1] = height;
          schedule.tile[2] = columns;
          Plane plane(problem, schedule);
          bool smallest = height == 1 && depth == 1;
          bool mayKeep = mayKeepFilter(schedule);
          if (!smallest && !mayKeep && plane.slabElements(channels.reduced) > slabLimit())
            break;
          int64_t pixels = depth * height * columns;
          int64_t vectors = along == ConvolutionSchedule::Lanes::Pixels ? plane.vectors() : llvm::divideCeil(pixels, lanes);
          if (!smallest && !mayKeep && vectors > 96)
            break;
          if (!smallest && mayKeep && (plane.slabElements(keptChannels) > slabLimit() || pixels > keptPixels))
            break;
          double cost = dataCost(schedule);
          if (bestCost < 0 || cost < bestCost) {
            bestCost = cost;
            best = schedule;
          }
        }
      }
    }
  }

  void finishData(ConvolutionSchedule &schedule) const {
    Plane plane(problem, schedule);
    bool alongPixels = schedule.along == ConvolutionSchedule::Lanes::Pixels;
    int64_t width = schedule.tileVectors * lanes;
    // Of each reduced channel: its plane, and its part of the filter.
    int64_t perChannel = plane.elements() +
                         (alongPixels ? schedule.tileRows : 2 * width) * plane.taps();
    schedule.blockReduction =
        std::clamp<int64_t>(slabLimit() * 3 / 2 / perChannel, 1, channels.reduced);
    schedule.keepsFilter = keepsFilter(schedule);
    if (schedule.keepsFilter)
      schedule.blockReduction = std::min(schedule.blockReduction, residentReduction(schedule, plane.taps()));
    schedule.blockReduction = llvm::divideCeil(
        channels.reduced, llvm::divideCeil(channels.reduced, schedule.blockReduction));
    double perResult = double(plane.vectors()) * channels.reduced * plane.taps();
    int64_t unit = schedule.tileRows;
    int64_t blocks = std::max<int64_t>(1, channels.result * perResult / (2.5 * taskCycles));
    if (!alongPixels) {
      unit = width;
      double pixels = double(schedule.tile[0]) * schedule.tile[1] * schedule.tile[2];
      perResult = pixels * channels.reduced * plane.taps() / lanes;
      schedule.images = imagesAlongChannels(schedule, channels.result * perResult);
      blocks = std::max<int64_t>(
          1, channels.result * perResult * schedule.images / (2.5 * taskCycles));
      if (schedule.keepsFilter) {
        double lost;
        schedule.blockChannels = resultChannelsOfTask(schedule, plane, lost);
        return;
      }
    }
    if (!alongPixels && !problem.packed)
      // Panels of the filter stay in half of the second-level cache.
      blocks = std::max<int64_t>(
          blocks, llvm::divideCeil(channels.result * schedule.blockReduction * plane.taps() *
                                       elementBytes,
                                   target.l2 / 2));
    schedule.blockChannels =
        std::min<int64_t>(llvm::alignTo(llvm::divideCeil(channels.result, blocks), unit),
                          llvm::alignTo(channels.result, unit));
    if (!alongPixels)
      return;
    double perImage = perResult * std::min(schedule.blockChannels, channels.result);
    schedule.images = std::clamp<int64_t>(taskCycles / std::max(perImage, 1.0), 1, 64);
    if (problem.geometry.batch.isStatic())
      schedule.images = std::min(schedule.images, batch);
  }
};

} // namespace

ConvolutionSchedule scheduleData(const ConvolutionProblem &problem, const Target &target, double &cost) {
  return DataModel(problem, target).schedule(cost);
}

} // namespace nnc::cpu
