// The cost model of forward convolutions and input gradients.
#include "codegen/cpu/ConvolutionModel.h"

#include <cmath>

using namespace mlir;

namespace nnc::cpu {

namespace {

// A tile of pixels over which a packed filter is kept: its sums, and the planes of some channels, stay near.
constexpr int64_t keptPixels = 256, keptChannels = 32;

// Cycles per vector of a packed filter from the second-level cache or beyond, beside multiply-adds.
constexpr double readCycles = 1.5;

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
    double reading = readCycles * channelVectors * channels.reduced * taps;
    if (!keepsFilter(schedule))
      return reading * std::ceil(pixels / schedule.tileRows);
    double blocks = llvm::divideCeil(channels.reduced, residentReduction(schedule, taps));
    return reading + 2 * blocks * pixels * channelVectors;
  }

  /// Shared scratch has a fixed size, and should not leave the caches.
  bool admitsSharedPlanes(const Plane &plane) const {
    constexpr int64_t mostBytes = 4 << 20;
    return problem.geometry.batch.isStatic() && known[0] && known[1] && known[2] &&
           SharedPlanes(problem, plane).elements * elementBytes <= mostBytes;
  }

  /// Tasks that share a tile of pixels, each with some of the result's channels. Where planes
  /// are not shared each pads them again: no more then than it takes to have some tasks.
  int64_t channelBlocks(const ConvolutionSchedule &schedule, const Plane &plane) const {
    int64_t taps = plane.taps();
    double pixels = double(schedule.tile[0]) * schedule.tile[1] * schedule.tile[2];
    double task = pixels * channels.result * channels.reduced * taps / lanes;
    double all = double(places[0]) * places[1] * places[2] / pixels * task * batch * problem.geometry.groups;
    double limit = std::clamp(all / 8, 2.5 * taskCycles, 8.0 * taskCycles);
    int64_t most = llvm::divideCeil(channels.result, schedule.tileVectors * lanes);
    if (!admitsSharedPlanes(plane)) {
      constexpr int64_t someTasks = 8, surelyImages = 4;
      int64_t images = problem.geometry.batch.isStatic() ? batch : surelyImages, tasks = images * problem.geometry.groups;
      for (int i = 0; i < 3; ++i)
        tasks *= llvm::divideCeil(places[i], schedule.tile[i]);
      most = std::min<int64_t>(most, llvm::divideCeil(someTasks, tasks));
    }
    return std::clamp<int64_t>(task / limit, 1, most);
  }

  /// Cycles for one image and group with this tile, register tile chosen.
  double dataCost(ConvolutionSchedule &schedule) const {
    bool alongPixels = schedule.along == ConvolutionSchedule::Lanes::Pixels;
    Plane plane(problem, schedule.tile, lanes);
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
    double rowsFilled = double(plane.elements()) / plane.axis[2].places;
    double strided = plane.axis[2].step == 1 ? 0 : 2 * plane.axis[2].step;
    double fill = channels.reduced * rowsFilled *
                  ((fillCost + strided) * llvm::divideCeil(plane.axis[2].places, lanes) + 3);
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
    // Every block of the result's channels fills planes again, unless they share them.
    if (!alongPixels) {
      ConvolutionSchedule whole = schedule;
      finishData(whole);
      if (!whole.sharesInputs)
        fill *= llvm::divideCeil(channels.result, whole.blockChannels);
    }
    return tiles * (multiply + fill + filter + finish);
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
          Plane plane(problem, schedule.tile, lanes);
          bool smallest = height == 1 && depth == 1;
          bool mayKeep = mayKeepFilter(schedule);
          if (!smallest && !mayKeep && plane.slabElements(channels.reduced) > slabLimit())
            break;
          if (!smallest && !mayKeep && plane.vectors() > 96)
            break;
          if (!smallest && mayKeep && (plane.slabElements(keptChannels) > slabLimit() || depth * height * columns > keptPixels))
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
    Plane plane(problem, schedule.tile, lanes);
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
        blocks = channelBlocks(schedule, plane);
        schedule.sharesInputs = blocks > 1 && admitsSharedPlanes(plane);
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
