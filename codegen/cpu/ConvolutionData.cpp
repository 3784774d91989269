// Forward convolutions and input gradients: result[m][p] += filter[m][(c, tap)]
// * plane[c][p + place(tap)], lanes along the flat pixels p. The planes are read
// in place by the register tiles, so that no tap is ever copied.
#include "codegen/cpu/ConvolutionTask.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;

namespace nnc::cpu {

namespace {

/// Filter values of a register tile's rows: (row, c, tap) at row * rowStride +
/// c * channelStride + tap, constants all.
struct FilterLayout {
  int64_t rowStride, channelStride;

  FilterLayout(const ConvolutionProblem &problem, const ConvolutionSchedule &schedule,
               int64_t taps) {
    if (transposed(problem, taps)) {
      rowStride = 1;
      channelStride = schedule.tileRows;
      return;
    }
    // An odd number of vectors between rows spreads them over the cache's sets.
    rowStride = (llvm::divideCeil(schedule.blockReduction * taps, schedule.lanes) | 1) *
                schedule.lanes;
    channelStride = taps;
  }
  /// The rows of an input gradient's 1x1 filter lie side by side.
  static bool transposed(const ConvolutionProblem &problem, int64_t taps) {
    return problem.direction == ConvolutionDirection::InputGradient && taps == 1;
  }
};

bool oneReductionBlock(const ConvolutionProblem &problem, const ConvolutionSchedule &schedule) {
  return schedule.blockReduction >= GroupChannels(problem).reduced;
}

/// Flat pixels of a result row in scratch, all phases.
int64_t blockPitch(const Plane &plane) {
  return plane.resultPhases() * plane.vectors() * plane.lanes + 16;
}

struct DataTask {
  LoopEmitter &emit;
  const ConvolutionProblem &problem;
  const ConvolutionSchedule &schedule;
  Plane plane;
  PlaneEmitter planes;
  GroupChannels channels;
  FilterLayout layout;
  VectorType type;
  bool inputGradient;
  int64_t taps, phases;
  Value slab, sliver, block, row;

  // Of the task at hand.
  Value image, group, firstChannel, channelCount;
  Values tileStart;

  DataTask(LoopEmitter &emit, const ConvolutionProblem &problem,
           const ConvolutionSchedule &schedule)
      : emit(emit), problem(problem), schedule(schedule),
        plane(problem, schedule.tile, schedule.lanes), planes(emit, plane, problem.elementType),
        channels(problem), layout(problem, schedule, plane.taps()), type(planes.type),
        inputGradient(problem.direction == ConvolutionDirection::InputGradient),
        taps(plane.taps()), phases(plane.resultPhases()) {}

  Value batch() {
    const Extent &size = problem.geometry.batch;
    return size.isStatic() ? emit.index(size.fixed) : size.value;
  }

  Values grid() {
    Values sizes = {emit.ceilDiv(batch(), schedule.images), emit.index(problem.geometry.groups),
                    emit.index(llvm::divideCeil(channels.result, schedule.blockChannels))};
    sizes.append(planes.tileGrid());
    return sizes;
  }

  void takeScratch(Value workerScratch) {
    DataScratch sizes(problem, schedule, plane);
    int64_t offset = 0, bytes = problem.elementType.getIntOrFloatBitWidth() / 8;
    auto take = [&](int64_t count) {
      Value part = emit.view(workerScratch, emit.index(offset), count, problem.elementType);
      offset += count * bytes;
      return part;
    };
    slab = take(sizes.slab);
    sliver = take(sizes.sliver);
    block = take(sizes.block);
    row = take(sizes.row);
  }

  void run(Value task) {
    Values at = emit.delinearize(task, grid());
    group = at[1];
    firstChannel = emit.mul(at[2], schedule.blockChannels);
    channelCount = schedule.blockChannels >= channels.result
                       ? emit.index(channels.result)
                       : emit.min(emit.index(schedule.blockChannels),
                                  emit.sub(emit.index(channels.result), firstChannel));
    for (int i = 0; i < 3; ++i)
      tileStart.push_back(emit.mul(at[3 + i], plane.axis[i].tile));
    // What lies outside the source stays zero for every image and channel of the task.
    planes.clear(slab, DataScratch(problem, schedule, plane).slab);
    Value first = emit.mul(at[0], schedule.images);
    Value last = schedule.images == 1 ? emit.add(first, 1)
                                      : emit.min(emit.add(first, schedule.images), batch());
    auto oneImage = [&](Value index) {
      image = index;
      if (!oneReductionBlock(problem, schedule))
        clearBlock();
      emit.loop(emit.index(0), emit.index(channels.reduced), schedule.blockReduction,
                [&](Value firstReduced) { reduceBlock(firstReduced); });
      if (!oneReductionBlock(problem, schedule))
        emit.loop(emit.index(0), channelCount, 1, [&](Value channel) {
          finishRow(emit.mul(channel, blockPitch(plane)), emit.add(firstChannel, channel));
        });
    };
    if (schedule.images == 1)
      oneImage(first);
    else
      emit.loop(first, last, 1, oneImage);
  }

  void clearBlock() {
    emit.loop(emit.index(0), emit.mul(channelCount, blockPitch(plane)), schedule.lanes,
              [&](Value at) { emit.store(emit.zero(type), block, at); });
  }

  /// Reduced channels from firstReduced on: planes, then all tiles.
  void reduceBlock(Value firstReduced) {
    Value count = oneReductionBlock(problem, schedule)
                      ? emit.index(channels.reduced)
                      : emit.min(emit.index(schedule.blockReduction),
                                 emit.sub(emit.index(channels.reduced), firstReduced));
    emit.loop(emit.index(0), count, 1, [&](Value channel) {
      Value source = emit.add(emit.add(emit.mul(group, channels.reduced), firstReduced), channel);
      planes.fill(problem.data, image, source, tileStart, slab,
                  emit.mul(channel, plane.elements()));
    });
    std::optional<int64_t> remainder = channels.result % schedule.tileRows;
    emit.tiles(channelCount, schedule.tileRows, remainder, [&](Value channel, int64_t rows) {
      packFilter(emit.add(firstChannel, channel), rows, firstReduced, count);
      Value blockRow = oneReductionBlock(problem, schedule) ? emit.index(0) : channel;
      for (int64_t phase = 0; phase < phases; ++phase)
        emit.tiles(emit.index(plane.vectors()), schedule.tileVectors, std::nullopt,
                   [&](Value vector, int64_t vectors) {
                     emitTile(phase, rows, vectors, count, vector, blockRow);
                   });
      if (oneReductionBlock(problem, schedule))
        emit.loop(emit.index(0), emit.index(rows), 1, [&](Value i) {
          finishRow(emit.mul(i, blockPitch(plane)),
                    emit.add(emit.add(firstChannel, channel), i));
        });
    });
  }

  void packFilter(Value channel, int64_t rows, Value firstReduced, Value count) {
    int64_t lanes = schedule.lanes;
    auto read = [&](Value index, Value active) {
      return problem.filter(emit.builder, emit.loc, type, index, active);
    };
    if (!inputGradient) {
      // w [m][c][taps]: a row's channels follow each other.
      emit.loop(emit.index(0), emit.index(rows), 1, [&](Value i) {
        Value filter = emit.add(emit.add(emit.mul(group, channels.result), channel), i);
        Value from = emit.mul(emit.add(emit.mul(filter, channels.reduced), firstReduced), taps);
        Value to = emit.mul(i, layout.rowStride);
        emit.vectors(emit.mul(count, taps), lanes, [&](Value at, Value active) {
          emit.store(read(emit.add(from, at), active), sliver, emit.add(to, at));
        });
      });
      return;
    }
    // w [c][m][taps]: taps of one (c, m), or for 1x1 filters the rows m, follow each other.
    auto start = [&](Value reduced) {
      Value filter = emit.add(emit.add(emit.mul(group, channels.reduced), firstReduced), reduced);
      return emit.mul(emit.add(emit.mul(filter, channels.result), channel), taps);
    };
    bool transposed = FilterLayout::transposed(problem, taps);
    auto copy = [&](Value from, Value to, int64_t length) {
      for (int64_t at = 0; at < length; at += lanes) {
        Value active = at + lanes <= length ? Value() : emit.index(length - at);
        emit.store(read(emit.add(from, at), active), sliver, emit.add(to, at));
      }
    };
    if (transposed) {
      emit.loop(emit.index(0), count, 1, [&](Value reduced) {
        copy(start(reduced), emit.mul(reduced, layout.channelStride), rows);
      });
      return;
    }
    emit.loop(emit.index(0), emit.index(rows), 1, [&](Value i) {
      emit.loop(emit.index(0), count, 1, [&](Value reduced) {
        copy(emit.add(start(reduced), emit.mul(i, taps)),
             emit.add(emit.mul(i, layout.rowStride), emit.mul(reduced, layout.channelStride)),
             taps);
      });
    });
  }

  void emitTile(int64_t phase, int64_t rows, int64_t vectors, Value count, Value vector,
                Value blockRow) {
    RegisterTile tile{rows, vectors, type};
    Value pixel = emit.mul(vector, schedule.lanes);
    auto position = [&](int64_t i, int64_t j) {
      Value at = emit.mul(emit.add(blockRow, i), blockPitch(plane));
      return emit.add(emit.add(at, pixel),
                      phase * plane.vectors() * schedule.lanes + j * schedule.lanes);
    };
    Values sums = tile.zeros(emit);
    if (!oneReductionBlock(problem, schedule))
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < vectors; ++j)
          sums[i * vectors + j] = emit.load(type, block, position(i, j));
    auto loops = plane.tapLoops(phase, 12);
    sums = emit.loop(emit.index(0), count, 1, sums, [&](Value channel, ValueRange carried) {
      Values current(carried);
      Value place = emit.add(emit.mul(channel, plane.elements()), pixel);
      Value filter = emit.mul(channel, layout.channelStride);
      for (const TapLoop &taps : loops)
        current = emit.loop(
            emit.index(0), emit.index(taps.count), 1, current,
            [&](Value round, ValueRange carried) {
              Values inner(carried);
              Value from = emit.add(place, emit.mul(round, taps.placeStep));
              Value with = emit.add(filter, emit.mul(round, taps.filterStep));
              for (const PlaneTap &tap : taps.taps)
                inner = emitOuterStep(
                    emit, tile, inner,
                    [&](int64_t i) {
                      return emit.loadScalar(
                          sliver, emit.add(with, i * layout.rowStride + tap.filter));
                    },
                    [&](int64_t j) {
                      return emit.load(type, slab,
                                       emit.add(from, tap.place + j * schedule.lanes));
                    });
              return inner;
            });
      return current;
    });
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < vectors; ++j)
        emit.store(sums[i * vectors + j], block, position(i, j));
  }

  /// Hands the tile's pixels of one result channel to `store`. `from` is their place in the block.
  void finishRow(Value from, Value channel) {
    Value resultChannel = emit.add(emit.mul(group, channels.result), channel);
    auto storeRow = [&](Value buffer, Value start, Value position, Value count) {
      emit.vectors(count, schedule.lanes, [&](Value at, Value active) {
        Value vector = emit.load(type, buffer, emit.add(start, at));
        problem.store(emit.builder, emit.loc, image, resultChannel, emit.add(position, at), vector,
                      active);
      });
    };
    planes.resultRows(tileStart, [&](Value pixel, Value placeD, Value placeH, Value count) {
      Value start = emit.add(from, pixel);
      if (!inputGradient) {
        Value line = emit.add(emit.mul(placeD, planes.grid[1]), placeH);
        storeRow(block, start, emit.add(emit.mul(line, planes.grid[2]), tileStart[2]), count);
        return;
      }
      for (int64_t d = 0; d < plane.axis[0].resultPhases; ++d)
        for (int64_t h = 0; h < plane.axis[1].resultPhases; ++h)
          withResultIndex(0, placeD, d, [&](Value indexD) {
            withResultIndex(1, placeH, h, [&](Value indexH) {
              Value line = emit.add(emit.mul(indexD, planes.result[1]), indexH);
              int64_t phase =
                  (d * plane.axis[1].resultPhases + h) * plane.axis[2].resultPhases;
              finishInterleaved(emit.add(start, phase * plane.vectors() * schedule.lanes), count,
                                emit.mul(line, planes.result[2]), storeRow);
            });
          });
    });
  }

  /// The result index of a place and phase of an input gradient, where it exists.
  void withResultIndex(int axis, Value place, int64_t phase,
                       llvm::function_ref<void(Value)> body) {
    const PlaneAxis &a = plane.axis[axis];
    int64_t offset = a.padding / a.stride * a.stride + phase - a.padding;
    Value index = emit.add(emit.mul(place, a.stride), offset);
    if (a.stride == 1)
      return body(index);
    emit.branch(emit.lessEqual(emit.index(0), index),
                [&] { emit.branch(emit.less(index, planes.result[axis]), [&] { body(index); }); });
  }

  /// Joins the phases of one row and stores what lies inside the result.
  void finishInterleaved(Value start, Value count, Value line,
                         llvm::function_ref<void(Value, Value, Value, Value)> storeRow) {
    const PlaneAxis &w = plane.axis[2];
    int64_t stride = w.stride, lanes = schedule.lanes;
    if (stride == 1)
      return storeRow(block, start, emit.add(line, tileStart[2]), count);
    int64_t apart = plane.vectors() * lanes;
    emit.loop(emit.index(0), count, lanes, [&](Value at) {
      for (int64_t part = 0; part < stride; ++part) {
        Value joined;
        for (int64_t phase = 0; phase < stride; ++phase) {
          Value vector = emit.load(type, block, emit.add(emit.add(start, at), phase * apart));
          llvm::SmallVector<int64_t> pick(lanes);
          for (int64_t lane = 0; lane < lanes; ++lane) {
            int64_t element = part * lanes + lane;
            bool here = element % stride == phase;
            pick[lane] = here ? lanes + element / stride : lane;
          }
          joined = vector::ShuffleOp::create(emit.builder, emit.loc, joined ? joined : vector,
                                             vector, pick);
        }
        emit.store(joined, row, emit.add(emit.mul(at, stride), part * lanes));
      }
    });
    // The row's first element has result index `first`, which may be negative.
    Value first =
        emit.sub(emit.mul(tileStart[2], stride), emit.index(w.padding % stride));
    Value skip = emit.max(emit.sub(emit.index(0), first), emit.index(0));
    Value end = emit.min(emit.mul(count, stride), emit.sub(planes.result[2], first));
    storeRow(row, skip, emit.add(line, emit.add(first, skip)), emit.sub(end, skip));
  }
};

} // namespace

DataScratch::DataScratch(const ConvolutionProblem &problem, const ConvolutionSchedule &schedule,
                         const Plane &plane) {
  FilterLayout layout(problem, schedule, plane.taps());
  slab = plane.slabElements(schedule.blockReduction);
  sliver = llvm::alignTo(std::max(schedule.tileRows * layout.rowStride,
                                  schedule.blockReduction * layout.channelStride) +
                             2 * schedule.lanes + schedule.tileRows,
                         64);
  int64_t rows = oneReductionBlock(problem, schedule) ? schedule.tileRows : schedule.blockChannels;
  block = llvm::alignTo(rows * blockPitch(plane) + plane.lanes, 64);
  row = llvm::alignTo((plane.axis[2].tile + plane.lanes) * plane.axis[2].resultPhases, 64);
}

Values dataTaskGrid(LoopEmitter &emit, const ConvolutionProblem &problem,
                    const ConvolutionSchedule &schedule) {
  return DataTask(emit, problem, schedule).grid();
}

void emitDataTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                  const ConvolutionSchedule &schedule, Value task, Value workerScratch) {
  DataTask emitter(emit, problem, schedule);
  emitter.takeScratch(workerScratch);
  emitter.run(task);
}

} // namespace nnc::cpu
