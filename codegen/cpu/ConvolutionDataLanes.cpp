// Forward convolutions and input gradients with lanes along the result's
// channels: result[p][m] += plane[c][place(p) + place(tap)] * filter[(c, tap)][m]. The
// filter is transposed once per task; no lane is lost to the width of an image.
#include "codegen/cpu/ConvolutionData.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;

namespace nnc::cpu {

namespace {

int64_t tilePixels(const Plane &plane) {
  return plane.axis[0].tile * plane.axis[1].tile * plane.axis[2].tile;
}

struct ChannelLanesTask : DataTask {
  DataLanesScratch sizes;
  int64_t width, pixels;
  Value filter, sums, planar;
  Value firstOfBlock; // channel reduced over

  ChannelLanesTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                   const ConvolutionSchedule &schedule)
      : DataTask(emit, problem, schedule), sizes(problem, schedule, plane),
        width(schedule.tileVectors * schedule.lanes), pixels(tilePixels(plane)) {}

  void run(Value task, Value workerScratch) {
    ScratchCutter cutter{emit, workerScratch, problem.elementType};
    slab = cutter.take(sizes.slab);
    if (!problem.packed)
      filter = cutter.take(sizes.filter);
    sums = cutter.take(sizes.sums);
    planar = cutter.take(sizes.planar);
    row = cutter.take(sizes.row);
    begin(task, sizes.slab);
    if (!oneReductionBlock)
      clearSums();
    emit.loop(emit.index(0), emit.index(channels.reduced), schedule.blockReduction,
              [&](Value firstReduced) {
                Value count = reducedCount(firstReduced);
                firstOfBlock = firstReduced;
                if (!problem.packed)
                  packFilter(firstReduced, count);
                forEachImage([&] {
                  fillPlanes(firstReduced, count);
                  reduceImage(count);
                  if (oneReductionBlock)
                    finishImage();
                });
              });
    if (!oneReductionBlock)
      forEachImage([&] { finishImage(); });
  }

  /// Where the sums of the image at hand start: all images of a task are kept
  /// only while reduction blocks follow each other.
  Value imageSums() {
    if (oneReductionBlock)
      return emit.index(0);
    return emit.mul(emit.sub(image, firstImage), phases * pixels * sizes.channelPitch);
  }

  void clearSums() {
    Value images = emit.sub(lastImage, firstImage);
    emit.loop(emit.index(0), emit.mul(images, phases * pixels * sizes.channelPitch),
              schedule.lanes, [&](Value at) { emit.store(emit.zero(type), sums, at); });
  }

  /// How the filter at hand lies: (c, tap) of vector j at start + (c * taps + tap) *
  /// step + j * apart.
  struct FilterPlace {
    Value start;
    int64_t step, apart;
  };
  FilterPlace filterPlace(Value vector) {
    if (!problem.packed)
      return {panelPlace(vector), width, schedule.lanes};
    int64_t panels = llvm::divideCeil(channels.result, schedule.lanes);
    Value panel = emit.add(emit.add(emit.mul(group, panels), emit.div(firstChannel, schedule.lanes)), vector);
    Value first = emit.add(emit.mul(panel, channels.reduced), firstOfBlock);
    return {emit.mul(first, taps * schedule.lanes), schedule.lanes,
            channels.reduced * taps * schedule.lanes};
  }
  /// The part that follows that of `vectors` vectors from `vector` on: of the task's next
  /// vectors, or of its first: for the next block of reduced channels, or for the next image.
  FilterPlace filterPlaceAfter(Value vector, int64_t vectors, Value count) {
    Value after = emit.add(vector, vectors);
    FilterPlace next = filterPlace(after), first = filterPlace(emit.index(0));
    Value isLast = emit.lessEqual(emit.ceilDiv(channelCount, schedule.lanes), after);
    if (schedule.images == 1)
      first.start = emit.add(first.start, emit.mul(count, taps * first.step));
    next.start = arith::SelectOp::create(emit.builder, emit.loc, isLast, first.start, next.start);
    return next;
  }
  Value loadFilter(Value at) {
    return problem.packed ? problem.filter(emit.builder, emit.loc, type, at, Value())
                          : emit.load(type, filter, at);
  }

  /// The panel place of (c, tap) = 0 of a vector of result channels.
  Value panelPlace(Value vector) {
    return emit.add(
        emit.mul(emit.div(vector, schedule.tileVectors), sizes.panelSteps * width),
        emit.mul(emit.rem(vector, schedule.tileVectors), schedule.lanes));
  }

  /// `lanes` lines of the filter, from `at` and `apart` from each other, of which
  /// activeLines exist (null: all), transposed; `active` elements of each.
  Values transposedLines(Value at, int64_t apart, Value activeLines, Value active) {
    Values lines;
    for (int64_t i = 0; i < schedule.lanes; ++i) {
      Value length = active, line = emit.index(i);
      if (activeLines) {
        Value exists = emit.less(line, activeLines);
        length = arith::SelectOp::create(emit.builder, emit.loc, exists,
                                         active ? active : emit.index(schedule.lanes),
                                         emit.index(0));
        line = emit.min(line, emit.sub(activeLines, emit.index(1)));
      }
      lines.push_back(problem.filter(emit.builder, emit.loc, type,
                                     emit.add(at, emit.mul(line, apart)), length));
    }
    return emitTranspose(emit, lines);
  }

  void packFilter(Value firstReduced, Value count) {
    int64_t lanes = schedule.lanes;
    emit.vectors(channelCount, lanes, [&](Value channel, Value activeChannels) {
      Value to = panelPlace(emit.div(channel, lanes));
      Value first = emit.add(firstChannel, channel);
      auto storeStep = [&](Value vector, Value step) {
        emit.store(vector, filter, emit.add(to, emit.mul(step, width)));
      };
      if (!inputGradient) {
        // w [m][c][taps]: what overruns the last c is never read.
        Value line = emit.add(emit.mul(group, channels.result), first);
        Value from = emit.mul(emit.add(emit.mul(line, channels.reduced), firstReduced), taps);
        emit.vectors(emit.mul(count, taps), lanes, [&](Value step, Value active) {
          Values turned = transposedLines(emit.add(from, step), channels.reduced * taps,
                                          activeChannels, active);
          for (int64_t i = 0; i < lanes; ++i)
            storeStep(turned[i], emit.add(step, i));
        });
        return;
      }
      // w [c][m][taps]
      emit.loop(emit.index(0), count, 1, [&](Value reduced) {
        Value line = emit.add(emit.add(emit.mul(group, channels.reduced), firstReduced), reduced);
        Value from = emit.mul(emit.add(emit.mul(line, channels.result), first), taps);
        Value step = emit.mul(reduced, taps);
        if (taps == 1) {
          storeStep(problem.filter(emit.builder, emit.loc, type, from, activeChannels), step);
          return;
        }
        for (int64_t tap = 0; tap < taps; tap += lanes) {
          int64_t here = std::min(lanes, taps - tap);
          Values turned = transposedLines(emit.add(from, tap), taps, activeChannels,
                                          here == lanes ? Value() : emit.index(here));
          for (int64_t i = 0; i < here; ++i)
            storeStep(turned[i], emit.add(step, tap + i));
        }
      });
    });
  }

  void reduceImage(Value count) {
    const auto &[depth, height, columns] = plane.axis;
    int64_t tileHeight = schedule.tileRows / schedule.tileWidth;
    std::optional<int64_t> remainder =
        llvm::divideCeil(channels.result, schedule.lanes) % schedule.tileVectors;
    emit.tiles(emit.ceilDiv(channelCount, schedule.lanes), schedule.tileVectors, remainder,
               [&](Value vector, int64_t vectors) {
                 emit.loop(emit.index(0), emit.index(depth.tile), 1, [&](Value d) {
                   emit.tiles(emit.index(height.tile), tileHeight, std::nullopt,
                              [&](Value h, int64_t rows) {
                                emit.tiles(emit.index(columns.tile), schedule.tileWidth,
                                           std::nullopt, [&](Value w, int64_t across) {
                                             for (int64_t phase = 0; phase < phases; ++phase)
                                               addTile(phase, vector, vectors, d, h, rows, w,
                                                       across, count);
                                           });
                              });
                 });
               });
  }

  int64_t tilesOfRows() const {
    return llvm::divideCeil(plane.axis[1].tile, schedule.tileRows / schedule.tileWidth);
  }
  int64_t tilesOfColumns() const { return llvm::divideCeil(plane.axis[2].tile, schedule.tileWidth); }

  /// The register tile at (d, h, w) in the order of tiles.
  Value registerTileTurn(Value d, Value h, Value w) {
    Value line = emit.add(emit.mul(d, tilesOfRows()), emit.div(h, schedule.tileRows / schedule.tileWidth));
    return emit.add(emit.mul(line, tilesOfColumns()), emit.div(w, schedule.tileWidth));
  }

  /// Asks for a share of a channel's part of the filter, at `start` and `apart` from a vector to
  /// the next: all turns together for all of it, while the part before it is used.
  void prefetchTurn(Value start, int64_t apart, int64_t vectors, Value turn) {
    int64_t line = 64 / (problem.elementType.getIntOrFloatBitWidth() / 8);
    int64_t linesOfVector = llvm::divideCeil(taps * schedule.lanes, line);
    int64_t turns = plane.axis[0].tile * tilesOfRows() * tilesOfColumns();
    int64_t share = llvm::divideCeil(linesOfVector * vectors, turns);
    for (int64_t i = 0; i < share; ++i) {
      Value at = emit.add(emit.mul(turn, share), i);
      Value place = emit.add(emit.mul(emit.div(at, linesOfVector), apart), emit.mul(emit.rem(at, linesOfVector), line));
      problem.prefetchFilter(emit.builder, emit.loc, emit.add(start, place));
    }
  }

  /// rows x across pixels at (d, h, w), and `vectors` vectors of channels.
  void addTile(int64_t phase, Value vector, int64_t vectors, Value d, Value h, int64_t rows,
               Value w, int64_t across, Value count) {
    const auto &[depth, height, columns] = plane.axis;
    RegisterTile tile{rows * across, vectors, type};
    Value line = emit.add(emit.mul(d, depth.spread * height.places), emit.mul(h, height.spread));
    Value pixel = emit.add(emit.mul(line, columns.places), emit.mul(w, columns.spread));
    Value denseLine = emit.add(emit.mul(d, height.tile), h);
    Value dense = emit.add(emit.mul(denseLine, columns.tile), w);
    Value to = emit.add(emit.add(imageSums(), emit.mul(dense, sizes.channelPitch)),
                        emit.mul(vector, schedule.lanes));
    auto sumPlace = [&](int64_t i, int64_t j) {
      int64_t at = phase * pixels + i / across * columns.tile + i % across;
      return emit.add(to, at * sizes.channelPitch + j * schedule.lanes);
    };
    Values totals = tile.zeros(emit);
    if (!oneReductionBlock)
      for (int64_t i = 0; i < tile.rows; ++i)
        for (int64_t j = 0; j < vectors; ++j)
          totals[i * vectors + j] = emit.load(type, sums, sumPlace(i, j));
    FilterPlace place = filterPlace(vector);
    FilterPlace next = schedule.keepsFilter ? filterPlaceAfter(vector, vectors, count) : place;
    Value turn = registerTileTurn(d, h, w);
    // A row of taps a round. Neighbouring taps of neighbouring pixels read the same element, of
    // which LLVM would keep too many in registers: it must not see how far apart such taps are.
    constexpr int64_t longestRow = 16;
    auto loops = plane.tapLoops(phase, columns.kernel <= longestRow && vectors > 1 ? 2 : 1);
    Values distances;
    int64_t reach = across * columns.spread;
    for (int64_t distance = 0; distance < reach; ++distance)
      distances.push_back(emit.opaque(distance));
    int64_t tapsPerLine = vectorsPerLine(type);
    totals = emit.loop(emit.index(0), count, 1, totals, [&](Value channel, ValueRange carried) {
      Values current(carried);
      Value source = emit.add(emit.mul(channel, plane.elements()), pixel);
      Value with = emit.add(place.start, emit.mul(channel, taps * place.step));
      if (schedule.keepsFilter)
        prefetchTurn(emit.add(next.start, emit.mul(channel, taps * next.step)), next.apart, vectors, turn);
      for (const TapLoop &loop : loops)
        current = emit.loop(
            emit.index(0), emit.index(loop.count), 1, current,
            [&](Value round, ValueRange carried) {
              Values inner(carried);
              Value from = emit.add(source, emit.mul(round, loop.placeStep));
              Value filterAt = emit.add(with, emit.mul(round, loop.filterStep * place.step));
              for (auto [number, tap] : llvm::enumerate(loop.taps)) {
                int64_t distance = tap.place % reach;
                Value first = emit.add(from, distances[distance]), filterOfTap = emit.add(filterAt, tap.filter * place.step);
                if (problem.packed && !schedule.keepsFilter && number % tapsPerLine == 0)
                  for (int64_t j = 0; j < vectors; ++j)
                    problem.prefetchFilter(emit.builder, emit.loc,
                                           emit.add(filterOfTap, j * place.apart + prefetchDistance * place.step));
                inner = emitOuterStep(
                    emit, tile, inner,
                    [&, place = tap.place - distance](int64_t i) {
                      return emit.loadScalar(slab, emit.add(first, place + plane.placeOf(0, i / across, i % across)));
                    },
                    [&](int64_t j) { return loadFilter(emit.add(filterOfTap, j * place.apart)); });
              }
              return inner;
            });
      return current;
    });
    for (int64_t i = 0; i < tile.rows; ++i)
      for (int64_t j = 0; j < vectors; ++j)
        emit.store(totals[i * vectors + j], sums, sumPlace(i, j));
  }

  /// Turns one vector of channels at a time into planar rows. What overruns a
  /// row is overwritten by the next.
  void finishImage() {
    const auto &[depth, height, columns] = plane.axis;
    int64_t lanes = schedule.lanes;
    emit.vectors(channelCount, lanes, [&](Value channel, Value activeChannels) {
      for (int64_t phase = 0; phase < phases; ++phase)
        emit.loop(emit.index(0), emit.index(depth.tile), 1, [&](Value d) {
          emit.loop(emit.index(0), emit.index(height.tile), 1, [&](Value h) {
            Value line = emit.add(emit.mul(d, height.tile), h);
            Value dense = emit.add(emit.mul(line, columns.tile), phase * pixels);
            Value from = emit.add(
                emit.add(imageSums(), emit.mul(dense, sizes.channelPitch)), channel);
            Value placesLine = emit.add(emit.mul(d, height.places), h);
            Value to = emit.add(emit.mul(placesLine, columns.places),
                                phase * plane.vectors() * lanes);
            emit.loop(emit.index(0), emit.index(columns.tile), lanes, [&](Value w) {
              Values lines;
              for (int64_t i = 0; i < lanes; ++i)
                lines.push_back(emit.load(
                    type, sums,
                    emit.add(from, emit.mul(emit.add(w, i), sizes.channelPitch))));
              Values turned = emitTranspose(emit, lines);
              for (int64_t i = 0; i < lanes; ++i)
                emit.store(turned[i], planar,
                           emit.add(emit.add(to, w), i * planarPitch(plane)));
            });
          });
        });
      emit.loop(emit.index(0), activeChannels ? activeChannels : emit.index(lanes), 1,
                [&](Value i) {
                  finishRow(planar, emit.mul(i, planarPitch(plane)),
                            emit.add(emit.add(firstChannel, channel), i));
                });
    });
  }
};

} // namespace

DataLanesScratch::DataLanesScratch(const ConvolutionProblem &problem,
                                   const ConvolutionSchedule &schedule, const Plane &plane) {
  int64_t width = schedule.tileVectors * plane.lanes;
  int64_t panels = llvm::divideCeil(schedule.blockChannels, width);
  bool oneBlock = schedule.blockReduction >= GroupChannels(problem).reduced;
  slab = plane.slabElements(schedule.blockReduction);
  panelSteps = llvm::alignTo(schedule.blockReduction * plane.taps(), plane.lanes);
  filter = problem.packed ? 0 : llvm::alignTo(panels * panelSteps * width, 64);
  // An odd number of cache lines: neighbouring pixels do not meet in the same sets.
  int64_t line = 64 / (problem.elementType.getIntOrFloatBitWidth() / 8);
  channelPitch = llvm::alignTo(panels * width, line);
  if (channelPitch / line % 2 == 0)
    channelPitch += line;
  int64_t images = oneBlock ? 1 : schedule.images;
  sums = llvm::alignTo((images * plane.resultPhases() * tilePixels(plane) + plane.lanes) *
                           channelPitch,
                       64);
  planar = llvm::alignTo(plane.lanes * planarPitch(plane) + plane.lanes, 64);
  row = joinedRowElements(plane);
}

void emitDataLanesTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                       const ConvolutionSchedule &schedule, Value task, Value workerScratch) {
  ChannelLanesTask(emit, problem, schedule).run(task, workerScratch);
}

} // namespace nnc::cpu
