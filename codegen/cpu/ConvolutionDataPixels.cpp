// Forward convolutions and input gradients with lanes along flat pixels p:
// result[m][p] += filter[m][(c, tap)] * plane[c][p + place(tap)]. The planes
// are read in place by the register tiles, so that no tap is ever copied.
#include "codegen/cpu/ConvolutionData.h"

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

struct PixelLanesTask : DataTask {
  FilterLayout layout;
  Value sliver, block;

  PixelLanesTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                 const ConvolutionSchedule &schedule)
      : DataTask(emit, problem, schedule), layout(problem, schedule, taps) {}

  void run(Value task, Value workerScratch) {
    DataScratch sizes(problem, schedule, plane);
    ScratchCutter cutter{emit, workerScratch, problem.elementType};
    slab = cutter.take(sizes.slab);
    sliver = cutter.take(sizes.filter);
    block = cutter.take(sizes.block);
    row = cutter.take(sizes.row);
    begin(task, sizes.slab);
    forEachImage([&] {
      if (!oneReductionBlock)
        clearBlock();
      emit.loop(emit.index(0), emit.index(channels.reduced), schedule.blockReduction,
                [&](Value firstReduced) { reduceBlock(firstReduced); });
      if (!oneReductionBlock)
        emit.loop(emit.index(0), channelCount, 1, [&](Value channel) {
          finishRow(block, emit.mul(channel, planarPitch(plane)), emit.add(firstChannel, channel));
        });
    });
  }

  void clearBlock() {
    emit.loop(emit.index(0), emit.mul(channelCount, planarPitch(plane)), schedule.lanes,
              [&](Value at) { emit.store(emit.zero(type), block, at); });
  }

  /// Reduced channels from firstReduced on: planes, then all tiles.
  void reduceBlock(Value firstReduced) {
    Value count = reducedCount(firstReduced);
    fillPlanes(firstReduced, count);
    std::optional<int64_t> remainder = channels.result % schedule.tileRows;
    emit.tiles(channelCount, schedule.tileRows, remainder, [&](Value channel, int64_t rows) {
      packFilter(emit.add(firstChannel, channel), rows, firstReduced, count);
      Value blockRow = oneReductionBlock ? emit.index(0) : channel;
      for (int64_t phase = 0; phase < phases; ++phase)
        emit.tiles(emit.index(plane.vectors()), schedule.tileVectors, std::nullopt,
                   [&](Value vector, int64_t vectors) {
                     emitTile(phase, rows, vectors, count, vector, blockRow);
                   });
      if (oneReductionBlock)
        emit.loop(emit.index(0), emit.index(rows), 1, [&](Value i) {
          finishRow(block, emit.mul(i, planarPitch(plane)),
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
      Value at = emit.mul(emit.add(blockRow, i), planarPitch(plane));
      return emit.add(emit.add(at, pixel),
                      phase * plane.vectors() * schedule.lanes + j * schedule.lanes);
    };
    Values sums = tile.zeros(emit);
    if (!oneReductionBlock)
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
};

} // namespace

DataScratch::DataScratch(const ConvolutionProblem &problem, const ConvolutionSchedule &schedule,
                         const Plane &plane) {
  int64_t lanes = plane.lanes;
  bool oneBlock = schedule.blockReduction >= GroupChannels(problem).reduced;
  slab = plane.slabElements(schedule.blockReduction);
  row = joinedRowElements(plane);
  FilterLayout layout(problem, schedule, plane.taps());
  filter = llvm::alignTo(std::max(schedule.tileRows * layout.rowStride,
                                  schedule.blockReduction * layout.channelStride) +
                             2 * lanes + schedule.tileRows,
                         64);
  int64_t rows = oneBlock ? schedule.tileRows : schedule.blockChannels;
  block = llvm::alignTo(rows * planarPitch(plane) + lanes, 64);
}

void emitDataTask(LoopEmitter &emit, const ConvolutionProblem &problem,
                  const ConvolutionSchedule &schedule, Value task, Value workerScratch) {
  PixelLanesTask(emit, problem, schedule).run(task, workerScratch);
}

} // namespace nnc::cpu
