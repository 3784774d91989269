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
  Value slab, gradients, sums, ordered, partials;

  Value split, group, firstFilter, filterCount, firstChannel, channelCount;

  FilterTask(LoopEmitter &emit, const ConvolutionProblem &problem,
             const ConvolutionSchedule &schedule)
      : emit(emit), problem(problem), schedule(schedule),
        plane(problem, schedule), planes(emit, plane, problem.elementType),
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
    ordered = emit.view(workerScratch,
                        emit.index((sizes.slab + sizes.gradients + sizes.sums) * bytes),
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
    forEachTile([&](const Tile &tile) { addTile(tile, imageCount); });
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

  /// A register tile: filters times taps of one channel, or all taps of several.
  struct Tile {
    Value filter, channel;
    int64_t rows, channels, firstTap, taps;
    int64_t width() const { return channels * taps; }
  };

  void forEachTile(llvm::function_ref<void(const Tile &)> body) {
    emit.tiles(filterCount, schedule.tileRows, channels.result % schedule.tileRows,
               [&](Value filter, int64_t rows) {
                 if (taps * 2 > schedule.tileVectors) {
                   emit.loop(emit.index(0), channelCount, 1, [&](Value channel) {
                     for (int64_t first = 0; first < taps; first += schedule.tileVectors)
                       body({filter, channel, rows, 1, first,
                             std::min(schedule.tileVectors, taps - first)});
                   });
                   return;
                 }
                 int64_t together = schedule.tileVectors / taps;
                 emit.tiles(channelCount, together,
                            schedule.blockReduction % together == 0
                                ? std::optional<int64_t>(channels.reduced % together)
                                : std::nullopt,
                            [&](Value channel, int64_t count) {
                              body({filter, channel, rows, count, 0, taps});
                            });
               });
  }

  /// A tile's sums lie together, rows of the tile one after the other.
  Value sumsOf(const Tile &tile) {
    Value columns = emit.add(emit.mul(tile.channel, taps), tile.firstTap);
    return emit.add(emit.mul(tile.filter, schedule.blockReduction * taps),
                    emit.mul(columns, tile.rows));
  }

  void addTile(const Tile &at, Value imageCount) {
    int64_t images = schedule.images;
    RegisterTile tile{at.rows, at.width(), type};
    auto all = plane.tapsOf(0);
    Value firstGradient = emit.mul(at.filter, images * pixels);
    Value firstPlane = emit.mul(at.channel, images * plane.elements());
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
                      int64_t place = all[at.firstTap + j % at.taps].place;
                      return emit.load(type, slab,
                                       emit.add(emit.add(source, pixel),
                                                j / at.taps * images * plane.elements() + place));
                    });
              });
        });
    int64_t lanes = schedule.lanes, count = totals.size();
    for (int64_t first = 0; first < count; first += lanes) {
      int64_t active = std::min(lanes, count - first);
      Value mask = active == lanes ? Value() : emit.index(active);
      Value to = emit.add(sumsOf(at), first);
      Value added = emitHorizontalSums(emit, ArrayRef(totals).slice(first, active));
      Value old = emit.load(type, sums, to, mask);
      emit.store(arith::AddFOp::create(emit.builder, emit.loc, old, added), sums, to, mask);
    }
  }

  /// Brings the tiles' sums into the filter's order.
  void orderSums() {
    forEachTile([&](const Tile &tile) {
      Value from = sumsOf(tile);
      Value column = emit.add(emit.mul(tile.channel, taps), tile.firstTap);
      emit.loop(emit.index(0), emit.index(tile.rows), 1, [&](Value i) {
        Value to = emit.add(emit.mul(emit.add(tile.filter, i), sumsPitch), column);
        emit.loop(emit.index(0), emit.index(tile.width()), 1, [&](Value j) {
          Value sum =
              emit.loadScalar(sums, emit.add(emit.add(from, emit.mul(i, tile.width())), j));
          emit.storeScalar(sum, ordered, emit.add(to, j));
        });
      });
    });
  }

  void finish() {
    orderSums();
    emit.loop(emit.index(0), filterCount, 1, [&](Value k) {
      Value filter = emit.add(emit.add(emit.mul(group, channels.result), firstFilter), k);
      Value to = emit.mul(emit.add(emit.mul(filter, channels.reduced), firstChannel), taps);
      Value from = emit.mul(k, sumsPitch);
      emit.vectors(emit.mul(channelCount, taps), schedule.lanes, [&](Value at, Value active) {
        Value vector = emit.load(type, ordered, emit.add(from, at));
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
