// Weight gradients: dw[k][(c, tap)] = sum over images and flat pixels p of
// dy[k][p] * plane[c][p + place(tap)], lanes along p. Gaps between the rows of
// dy's plane are zero; accumulators are summed over their lanes once per copy.
#include "codegen/cpu/ConvolutionTask.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;

namespace nnc::cpu {

namespace {

struct FilterTask {
  LoopEmitter &emit;
  const ConvolutionProblem &problem;
  const ConvolutionSchedule &schedule;
  Plane plane;
  PlaneEmitter planes;
  GroupChannels channels;
  VectorType type;
  int64_t taps, sumsPitch, pixels;
  Value slab, gradients, sums, partials;

  Value split, group, firstFilter, filterCount, firstChannel, channelCount;

  FilterTask(LoopEmitter &emit, const ConvolutionProblem &problem,
             const ConvolutionSchedule &schedule)
      : emit(emit), problem(problem), schedule(schedule),
        plane(problem, schedule.tile, schedule.lanes), planes(emit, plane, problem.elementType),
        channels(problem), type(planes.type), taps(plane.taps()),
        sumsPitch(FilterScratch(problem, schedule, plane).sumsPitch),
        pixels(plane.vectors() * schedule.lanes) {}

  Value batch() {
    const Extent &size = problem.geometry.batch;
    return size.isStatic() ? emit.index(size.fixed) : size.value;
  }

  Values grid() {
    return {emit.index(schedule.splits), emit.index(problem.geometry.groups),
            emit.index(llvm::divideCeil(channels.result, schedule.blockChannels)),
            emit.index(llvm::divideCeil(channels.reduced, schedule.blockReduction))};
  }

  void takePartials(Value sharedScratch) {
    if (schedule.splits > 1)
      partials = emit.view(sharedScratch, emit.index(0),
                           llvm::alignTo(schedule.splits * filterElements(problem) +
                                             schedule.lanes,
                                         64),
                           problem.elementType);
  }

  void takeScratch(Value workerScratch) {
    FilterScratch sizes(problem, schedule, plane);
    int64_t bytes = problem.elementType.getIntOrFloatBitWidth() / 8;
    slab = emit.view(workerScratch, emit.index(0), sizes.slab, problem.elementType);
    gradients = emit.view(workerScratch, emit.index(sizes.slab * bytes), sizes.gradients,
                          problem.elementType);
    sums = emit.view(workerScratch, emit.index((sizes.slab + sizes.gradients) * bytes),
                     sizes.sums, problem.elementType);
  }

  Value blockSize(int64_t block, int64_t all, Value first) {
    return block >= all ? emit.index(all)
                        : emit.min(emit.index(block), emit.sub(emit.index(all), first));
  }

  void run(Value task) {
    Values at = emit.delinearize(task, grid());
    split = at[0];
    group = at[1];
    firstFilter = emit.mul(at[2], schedule.blockChannels);
    firstChannel = emit.mul(at[3], schedule.blockReduction);
    filterCount = blockSize(schedule.blockChannels, channels.result, firstFilter);
    channelCount = blockSize(schedule.blockReduction, channels.reduced, firstChannel);

    emit.loop(emit.index(0), emit.mul(filterCount, sumsPitch), schedule.lanes,
              [&](Value at) { emit.store(emit.zero(type), sums, at); });
    if (plane.oneTile())
      clearPlanes();
    // Copies: image blocks times tiles, shared out evenly to the splits.
    Values copies = {emit.ceilDiv(batch(), schedule.images)};
    copies.append(planes.tileGrid());
    Value count = copies[0];
    for (Value size : ArrayRef(copies).drop_front())
      count = emit.mul(count, size);
    Value each = emit.ceilDiv(count, schedule.splits);
    Value first = emit.min(emit.mul(split, each), count);
    emit.loop(first, emit.min(emit.add(first, each), count), 1,
              [&](Value copy) { addCopy(emit.delinearize(copy, copies)); });
    finish();
  }

  void clearPlanes() {
    FilterScratch sizes(problem, schedule, plane);
    planes.clear(slab, sizes.slab);
    planes.clear(gradients, sizes.gradients);
  }

  void addCopy(Values copy) {
    if (!plane.oneTile())
      clearPlanes();
    Values tileStart;
    for (int i = 0; i < 3; ++i)
      tileStart.push_back(emit.mul(copy[1 + i], plane.axis[i].tile));
    Value firstImage = emit.mul(copy[0], schedule.images);
    Value imageCount = schedule.images == 1
                           ? emit.index(1)
                           : emit.min(emit.index(schedule.images), emit.sub(batch(), firstImage));
    // Each copy's channels and images in the order of places, as filling a plane requires.
    emit.loop(emit.index(0), channelCount, 1, [&](Value c) {
      Value channel = emit.add(emit.add(emit.mul(group, channels.reduced), firstChannel), c);
      emit.loop(emit.index(0), imageCount, 1, [&](Value i) {
        Value at = emit.add(emit.mul(c, schedule.images), i);
        planes.fill(problem.data, emit.add(firstImage, i), channel, tileStart, slab,
                    emit.mul(at, plane.elements()));
      });
    });
    emit.loop(emit.index(0), filterCount, 1, [&](Value k) {
      Value channel = emit.add(emit.add(emit.mul(group, channels.result), firstFilter), k);
      emit.loop(emit.index(0), imageCount, 1, [&](Value i) {
        Value at = emit.add(emit.mul(k, schedule.images), i);
        fillGradient(emit.add(firstImage, i), channel, tileStart, emit.mul(at, pixels));
      });
    });
    emit.tiles(filterCount, schedule.tileRows, channels.result % schedule.tileRows,
               [&](Value filter, int64_t rows) { emitFilterRows(filter, rows, imageCount); });
  }

  void fillGradient(Value image, Value channel, ValueRange tileStart, Value base) {
    planes.resultRows(tileStart, [&](Value pixel, Value placeD, Value placeH, Value count) {
      Value line = emit.add(emit.mul(placeD, planes.grid[1]), placeH);
      Value from = emit.add(emit.mul(line, planes.grid[2]), tileStart[2]);
      emit.vectors(count, schedule.lanes, [&](Value at, Value active) {
        Value vector = problem.outputGradient(emit.builder, emit.loc, type, image, channel,
                                              emit.add(from, at), active);
        emit.store(vector, gradients, emit.add(emit.add(base, pixel), at));
      });
    });
  }

  /// `rows` filters with all channels and taps, in tiles of tileVectors taps.
  void emitFilterRows(Value filter, int64_t rows, Value imageCount) {
    auto all = plane.tapsOf(0);
    if (taps * 2 > schedule.tileVectors) {
      emit.loop(emit.index(0), channelCount, 1, [&](Value channel) {
        for (int64_t first = 0; first < taps; first += schedule.tileVectors)
          emitTile(filter, rows, channel, 1,
                   ArrayRef(all).slice(first, std::min(schedule.tileVectors, taps - first)),
                   imageCount);
      });
      return;
    }
    int64_t together = schedule.tileVectors / taps;
    emit.tiles(channelCount, together,
               schedule.blockReduction % together == 0
                   ? std::optional<int64_t>(channels.reduced % together)
                   : std::nullopt,
               [&](Value channel, int64_t count) {
                 emitTile(filter, rows, channel, count, all, imageCount);
               });
  }

  void emitTile(Value filter, int64_t rows, Value channel, int64_t channelsAtOnce,
                ArrayRef<PlaneTap> tileTaps, Value imageCount) {
    int64_t width = channelsAtOnce * tileTaps.size(), images = schedule.images;
    RegisterTile tile{rows, width, type};
    Value firstGradient = emit.mul(filter, images * pixels);
    Value firstPlane = emit.mul(channel, images * plane.elements());
    Values totals = emit.loop(
        emit.index(0), imageCount, 1, tile.zeros(emit), [&](Value image, ValueRange carried) {
          Value gradient = emit.add(firstGradient, emit.mul(image, pixels));
          Value source = emit.add(firstPlane, emit.mul(image, plane.elements()));
          return emit.loop(
              emit.index(0), emit.index(pixels), schedule.lanes, carried,
              [&](Value pixel, ValueRange accumulators) {
                return emitDotStep(
                    emit, tile, accumulators,
                    [&](int64_t i) {
                      return emit.load(type, gradients,
                                       emit.add(emit.add(gradient, pixel), i * images * pixels));
                    },
                    [&](int64_t j) {
                      int64_t c = j / tileTaps.size();
                      int64_t place = tileTaps[j % tileTaps.size()].place;
                      return emit.load(type, slab,
                                       emit.add(emit.add(source, pixel),
                                                c * images * plane.elements() + place));
                    });
              });
        });
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < width; ++j) {
        int64_t c = j / tileTaps.size();
        Value at = emit.add(
            emit.mul(emit.add(filter, i), sumsPitch),
            emit.add(emit.mul(channel, taps), c * taps + tileTaps[j % tileTaps.size()].filter));
        Value sum = emitHorizontalSum(emit, totals[i * width + j]);
        Value total =
            arith::AddFOp::create(emit.builder, emit.loc, emit.loadScalar(sums, at), sum);
        emit.storeScalar(total, sums, at);
      }
  }

  void finish() {
    emit.loop(emit.index(0), filterCount, 1, [&](Value k) {
      Value filter = emit.add(emit.add(emit.mul(group, channels.result), firstFilter), k);
      Value to = emit.mul(emit.add(emit.mul(filter, channels.reduced), firstChannel), taps);
      Value from = emit.mul(k, sumsPitch);
      emit.vectors(emit.mul(channelCount, taps), schedule.lanes, [&](Value at, Value active) {
        Value vector = emit.load(type, sums, emit.add(from, at));
        if (schedule.splits == 1)
          problem.store(emit.builder, emit.loc, emit.index(0), emit.index(0), emit.add(to, at),
                        vector, active);
        else
          emit.store(vector, partials,
                     emit.add(emit.mul(split, filterElements(problem)), emit.add(to, at)), active);
      });
    });
  }

  void combine(Value task) {
    int64_t all = filterElements(problem);
    Value first = emit.mul(task, combinedElements);
    Value count =
        emit.min(emit.index(combinedElements), emit.sub(emit.index(all), first));
    emit.vectors(count, schedule.lanes, [&](Value at, Value active) {
      Value position = emit.add(first, at);
      Values sum = emit.loop(emit.index(0), emit.index(schedule.splits), 1, {emit.zero(type)},
                             [&](Value part, ValueRange carried) {
                               Value from = emit.add(emit.mul(part, all), position);
                               Value next = emit.load(type, partials, from);
                               return Values{arith::AddFOp::create(emit.builder, emit.loc,
                                                                   carried[0], next)};
                             });
      problem.store(emit.builder, emit.loc, emit.index(0), emit.index(0), position, sum[0],
                    active);
    });
  }
};

} // namespace

FilterScratch::FilterScratch(const ConvolutionProblem &problem,
                             const ConvolutionSchedule &schedule, const Plane &plane) {
  int64_t pixels = plane.vectors() * plane.lanes;
  slab = plane.slabElements(schedule.blockReduction * schedule.images);
  gradients =
      llvm::alignTo(schedule.blockChannels * schedule.images * pixels + plane.lanes, 64);
  sumsPitch = llvm::alignTo(schedule.blockReduction * plane.taps(), plane.lanes);
  sums = llvm::alignTo(schedule.blockChannels * sumsPitch, 64);
}

Values filterTaskGrid(LoopEmitter &emit, const ConvolutionProblem &problem,
                      const ConvolutionSchedule &schedule) {
  return FilterTask(emit, problem, schedule).grid();
}

void emitFilterTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                    const ConvolutionSchedule &schedule, Value task, Value workerScratch,
                    Value sharedScratch) {
  FilterTask emitter(emit, problem, schedule);
  emitter.takeScratch(workerScratch);
  emitter.takePartials(sharedScratch);
  emitter.run(task);
}

void emitFilterCombineTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                           const ConvolutionSchedule &schedule, Value task,
                           Value sharedScratch) {
  FilterTask emitter(emit, problem, schedule);
  emitter.takePartials(sharedScratch);
  emitter.combine(task);
}

} // namespace nnc::cpu
