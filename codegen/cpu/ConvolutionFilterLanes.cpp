// Weight gradients with lanes along dy's channels: dw[(c, tap)][k] = sum over
// images and pixels of plane[c][place(pixel) + place(tap)] * dy[pixel][k]. dy is
// transposed once per copy; no sum crosses lanes. For 16 filters and more.
#include "codegen/cpu/ConvolutionTask.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;

namespace nnc::cpu {

namespace {

/// Pixels of a tile without gaps.
int64_t tilePixels(const Plane &plane) {
  return plane.axis[0].tile * plane.axis[1].tile * plane.axis[2].tile;
}

struct FilterLanesTask {
  LoopEmitter &emit;
  const ConvolutionProblem &problem;
  const ConvolutionSchedule &schedule;
  Plane plane;
  PlaneEmitter planes;
  GroupChannels channels;
  VectorType type;
  int64_t taps, width, pixels, channelPitch;
  Value slab, gradients, sums, partials;

  Value split, group, firstFilter, filterCount, firstChannel, channelCount;
  Value rowCount[3]; // of the tile at hand, along each axis

  FilterLanesTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                  const ConvolutionSchedule &schedule)
      : emit(emit), problem(problem), schedule(schedule),
        plane(problem, schedule), planes(emit, plane, problem.elementType),
        channels(problem), type(planes.type), taps(plane.taps()),
        width(schedule.tileVectors * schedule.lanes), pixels(tilePixels(plane)),
        channelPitch(FilterLanesScratch(problem, schedule, plane).channelPitch) {}

  Value batch() {
    const Extent &size = problem.geometry.batch;
    return size.isStatic() ? emit.index(size.fixed) : size.value;
  }

  void takeScratch(Value workerScratch, Value sharedScratch) {
    FilterLanesScratch sizes(problem, schedule, plane);
    int64_t bytes = problem.elementType.getIntOrFloatBitWidth() / 8;
    slab = emit.view(workerScratch, emit.index(0), sizes.slab, problem.elementType);
    gradients = emit.view(workerScratch, emit.index(sizes.slab * bytes), sizes.gradients,
                          problem.elementType);
    sums = emit.view(workerScratch, emit.index((sizes.slab + sizes.gradients) * bytes),
                     sizes.sums, problem.elementType);
    if (schedule.splits > 1)
      partials = emit.view(
          sharedScratch, emit.index(0),
          llvm::alignTo(schedule.splits * filterElements(problem) + schedule.lanes, 64),
          problem.elementType);
  }

  Value blockSize(int64_t block, int64_t all, Value first) {
    return block >= all ? emit.index(all)
                        : emit.min(emit.index(block), emit.sub(emit.index(all), first));
  }

  void run(Value task) {
    Values at = emit.delinearize(task, filterTaskGrid(emit, problem, schedule));
    split = at[0];
    group = at[1];
    firstFilter = emit.mul(at[2], schedule.blockChannels);
    firstChannel = emit.mul(at[3], schedule.blockReduction);
    filterCount = blockSize(schedule.blockChannels, channels.result, firstFilter);
    channelCount = blockSize(schedule.blockReduction, channels.reduced, firstChannel);

    emit.loop(emit.index(0), emit.mul(channelCount, taps * channelPitch), schedule.lanes,
              [&](Value at) { emit.store(emit.zero(type), sums, at); });
    FilterLanesScratch sizes(problem, schedule, plane);
    if (plane.oneTile())
      planes.clear(slab, sizes.slab);
    // Copies: image blocks times tiles, shared out evenly to the splits.
    Values copies = {emit.ceilDiv(batch(), schedule.images)};
    copies.append(planes.tileGrid());
    Value count = copies[0];
    for (Value size : ArrayRef(copies).drop_front())
      count = emit.mul(count, size);
    Value each = emit.ceilDiv(count, schedule.splits);
    Value first = emit.min(emit.mul(split, each), count);
    emit.loop(first, emit.min(emit.add(first, each), count), 1, [&](Value copy) {
      if (!plane.oneTile())
        planes.clear(slab, sizes.slab);
      addCopy(emit.delinearize(copy, copies));
    });
    finish();
  }

  void addCopy(Values copy) {
    Values tileStart;
    for (int i = 0; i < 3; ++i) {
      const PlaneAxis &a = plane.axis[i];
      tileStart.push_back(emit.mul(copy[1 + i], a.tile));
      rowCount[i] = planes.grid[i];
      if (!a.oneTile)
        rowCount[i] = emit.min(emit.index(a.tile), emit.sub(planes.grid[i], tileStart[i]));
    }
    Value firstImage = emit.mul(copy[0], schedule.images);
    Value imageCount = schedule.images == 1
                           ? emit.index(1)
                           : emit.min(emit.index(schedule.images), emit.sub(batch(), firstImage));
    emit.loop(emit.index(0), channelCount, 1, [&](Value c) {
      Value channel = emit.add(emit.add(emit.mul(group, channels.reduced), firstChannel), c);
      emit.loop(emit.index(0), imageCount, 1, [&](Value i) {
        Value at = emit.add(emit.mul(c, schedule.images), i);
        planes.fill(problem.data, emit.add(firstImage, i), channel, tileStart, slab,
                    emit.mul(at, plane.elements()));
      });
    });
    emit.vectors(filterCount, schedule.lanes, [&](Value filter, Value active) {
      emit.loop(emit.index(0), imageCount, 1, [&](Value image) {
        transposeGradient(emit.add(firstImage, image), image, filter, active, tileStart);
      });
    });
    emit.tiles(emit.ceilDiv(filterCount, schedule.lanes), schedule.tileVectors,
               llvm::divideCeil(channels.result, schedule.lanes) % schedule.tileVectors,
               [&](Value vector, int64_t vectors) {
                 forEachRows([&](Value channel, int64_t together, TapPiece piece) {
                   addTile(vector, vectors, channel, together, piece, imageCount);
                 });
               });
  }

  /// Where the dy of (vector of channels, image, pixel 0) lies.
  Value gradientPlace(Value vector, Value image) {
    Value panel = emit.div(vector, schedule.tileVectors);
    Value at = emit.add(emit.mul(panel, schedule.images * pixels), emit.mul(image, pixels));
    return emit.add(emit.mul(at, width),
                    emit.mul(emit.rem(vector, schedule.tileVectors), schedule.lanes));
  }

  /// One vector of channels: rows of pixels become columns. What overruns a row
  /// is overwritten by the next.
  void transposeGradient(Value image, Value imageInCopy, Value filter, Value activeFilters,
                         ValueRange tileStart) {
    int64_t lanes = schedule.lanes;
    Value first = emit.add(emit.add(emit.mul(group, channels.result), firstFilter), filter);
    Value base = gradientPlace(emit.div(filter, lanes), imageInCopy);
    planes.resultRows(tileStart, [&](Value, Value placeD, Value placeH, Value count) {
      Value line = emit.add(emit.mul(placeD, planes.grid[1]), placeH);
      Value from = emit.add(emit.mul(line, planes.grid[2]), tileStart[2]);
      Value row = emit.add(emit.mul(emit.sub(placeD, tileStart[0]), plane.axis[1].tile),
                           emit.sub(placeH, tileStart[1]));
      Value to = emit.add(base, emit.mul(row, plane.axis[2].tile * width));
      emit.vectors(count, lanes, [&](Value at, Value active) {
        Values lines;
        for (int64_t i = 0; i < lanes; ++i) {
          Value length = active, channel = emit.index(i);
          if (activeFilters) {
            Value exists = emit.less(channel, activeFilters);
            length = arith::SelectOp::create(emit.builder, emit.loc, exists,
                                             active ? active : emit.index(lanes), emit.index(0));
            channel = emit.min(channel, emit.sub(activeFilters, emit.index(1)));
          }
          lines.push_back(problem.outputGradient(emit.builder, emit.loc, type, image,
                                                 emit.add(first, channel), emit.add(from, at),
                                                 length));
        }
        Values turned = emitTranspose(emit, lines);
        for (int64_t i = 0; i < lanes; ++i)
          emit.store(turned[i], gradients,
                     emit.add(to, emit.mul(emit.add(at, i), width)));
      });
    });
  }

  /// Some taps: places[i] is that of the i-th relative to `place`; `number` of them come before.
  struct TapPiece {
    Value number, place;
    llvm::SmallVector<int64_t> places;
  };
  TapPiece pieceOf(int64_t first, int64_t count) {
    TapPiece piece{emit.index(first), emit.index(0), {}};
    auto all = plane.tapsOf(0);
    for (int64_t i = 0; i < count; ++i)
      piece.places.push_back(all[first + i].place);
    return piece;
  }

  /// How far apart the same taps of one piece and the next are, if that is the same everywhere:
  /// of rows of a filter with stride 1, say.
  std::optional<int64_t> distanceOfPieces(int64_t piece) {
    auto all = plane.tapsOf(0);
    int64_t distance = all[piece].place - all[0].place;
    bool same = taps % piece == 0;
    for (int64_t i = piece; same && i < taps; ++i)
      same = all[i].place - all[i - piece].place == distance;
    return same ? std::optional(distance) : std::nullopt;
  }

  /// Rows of register tiles: taps of one channel, or all taps of several.
  void forEachRows(llvm::function_ref<void(Value channel, int64_t together, TapPiece piece)> body) {
    if (taps > schedule.tileRows) {
      // Even pieces of the taps.
      int64_t count = llvm::divideCeil(taps, llvm::divideCeil(taps, schedule.tileRows));
      std::optional<int64_t> distance = distanceOfPieces(count);
      emit.loop(emit.index(0), channelCount, 1, [&](Value channel) {
        if (!distance) {
          for (int64_t first = 0; first < taps; first += count)
            body(channel, 1, pieceOf(first, std::min(count, taps - first)));
          return;
        }
        emit.loop(emit.index(0), emit.index(taps / count), 1, [&](Value number) {
          TapPiece piece = pieceOf(0, count);
          piece.number = emit.mul(number, count);
          piece.place = emit.mul(number, *distance);
          body(channel, 1, piece);
        });
      });
      return;
    }
    int64_t together = schedule.tileRows / taps;
    emit.tiles(channelCount, together,
               schedule.blockReduction % together == 0
                   ? std::optional<int64_t>(channels.reduced % together)
                   : std::nullopt,
               [&](Value channel, int64_t count) { body(channel, count, pieceOf(0, taps)); });
  }

  void addTile(Value vector, int64_t vectors, Value channel, int64_t together, const TapPiece &piece,
               Value imageCount) {
    int64_t tapCount = piece.places.size();
    RegisterTile tile{together * tapCount, vectors, type};
    auto step = [&](Value source, Value gradient, ValueRange accumulators) {
      return emitOuterStep(
          emit, tile, accumulators,
          [&](int64_t i) {
            int64_t place = i / tapCount * schedule.images * plane.elements() + piece.places[i % tapCount];
            return emit.loadScalar(slab, emit.add(source, place));
          },
          [&](int64_t j) {
            return emit.load(type, gradients, emit.add(gradient, j * schedule.lanes));
          });
    };
    Value zero = emit.index(0);
    Value firstPlane = emit.add(emit.mul(channel, schedule.images * plane.elements()), piece.place);
    const auto &[depth, height, columns] = plane.axis;
    // Four pixels a round. Neighbouring pixels share elements of x, of which LLVM would keep too
    // many in registers: it must not see how far apart they are.
    int64_t inRound = vectors > 1 ? 4 : 1;
    Values distances;
    for (int64_t distance = 0; distance < inRound; ++distance)
      distances.push_back(emit.opaque(distance * columns.spread));
    Values totals = emit.loop(zero, imageCount, 1, tile.zeros(emit), [&](Value image,
                                                                         ValueRange carried) {
      Value source = emit.add(firstPlane, emit.mul(image, plane.elements()));
      Value gradient = gradientPlace(vector, image);
      return emit.loop(zero, rowCount[0], 1, carried, [&](Value d, ValueRange carried) {
        return emit.loop(zero, rowCount[1], 1, carried, [&](Value h, ValueRange carried) {
          Value line = emit.add(emit.mul(d, depth.spread * height.places), emit.mul(h, height.spread));
          Value fromX = emit.add(source, emit.mul(line, columns.places));
          Value row = emit.add(emit.mul(d, height.tile), h);
          Value fromY = emit.add(gradient, emit.mul(row, columns.tile * width));
          return emit.unrolled(zero, rowCount[2], inRound, carried, [&](Value w, int64_t place, ValueRange carried) {
            Value first = emit.mul(emit.sub(w, emit.index(place)), columns.spread);
            Value x = emit.add(emit.add(fromX, first), distances[place]);
            return step(x, emit.add(fromY, emit.mul(w, width)), carried);
          });
        });
      });
    });
    Value line = emit.add(emit.mul(channel, taps), piece.number);
    Value to = emit.add(emit.mul(line, channelPitch), emit.mul(vector, schedule.lanes));
    for (int64_t i = 0; i < tile.rows; ++i)
      for (int64_t j = 0; j < vectors; ++j) {
        Value at = emit.add(to, i * channelPitch + j * schedule.lanes);
        Value sum = arith::AddFOp::create(emit.builder, emit.loc, emit.load(type, sums, at),
                                          totals[i * vectors + j]);
        emit.store(sum, sums, at);
      }
  }

  /// Transposes the sums to rows of filters and hands them on.
  void finish() {
    int64_t lanes = schedule.lanes;
    emit.vectors(filterCount, lanes, [&](Value filter, Value activeFilters) {
      emit.vectors(emit.mul(channelCount, taps), lanes, [&](Value column, Value activeColumns) {
        Values lines;
        for (int64_t i = 0; i < lanes; ++i)
          lines.push_back(emit.load(
              type, sums, emit.add(emit.mul(emit.add(column, i), channelPitch), filter)));
        Values turned = emitTranspose(emit, lines);
        for (int64_t i = 0; i < lanes; ++i) {
          auto storeLine = [&] {
            finishLine(emit.add(filter, i), column, turned[i], activeColumns);
          };
          if (activeFilters)
            emit.branch(emit.less(emit.index(i), activeFilters), storeLine);
          else
            storeLine();
        }
      });
    });
  }

  void finishLine(Value filter, Value column, Value vector, Value active) {
    Value row = emit.add(emit.add(emit.mul(group, channels.result), firstFilter), filter);
    Value to = emit.mul(emit.add(emit.mul(row, channels.reduced), firstChannel), taps);
    Value at = emit.add(to, column);
    if (schedule.splits == 1)
      problem.store(emit.builder, emit.loc, emit.index(0), emit.index(0), at, vector, active);
    else
      emit.store(vector, partials,
                 emit.add(emit.mul(split, filterElements(problem)), at), active);
  }
};

} // namespace

FilterLanesScratch::FilterLanesScratch(const ConvolutionProblem &problem,
                                       const ConvolutionSchedule &schedule, const Plane &plane) {
  int64_t width = schedule.tileVectors * plane.lanes;
  int64_t panels = llvm::divideCeil(schedule.blockChannels, width);
  slab = plane.slabElements(schedule.blockReduction * schedule.images);
  gradients = llvm::alignTo(
      (panels * schedule.images * tilePixels(plane) + plane.lanes) * width, 64);
  channelPitch = panels * width;
  sums = llvm::alignTo((schedule.blockReduction * plane.taps() + plane.lanes) * channelPitch, 64);
}

void emitFilterLanesTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                         const ConvolutionSchedule &schedule, Value task, Value workerScratch,
                         Value sharedScratch) {
  FilterLanesTask emitter(emit, problem, schedule);
  emitter.takeScratch(workerScratch, sharedScratch);
  emitter.run(task);
}

} // namespace nnc::cpu
