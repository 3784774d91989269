// Forward and input gradient: a block's results of one channel are sums in registers.
// Rows of data follow each other, each loaded once and added to all results that
// it contributes to.
#include "codegen/cpu/DepthwiseBlocks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <map>
#include <numeric>

using namespace mlir;

namespace nnc::cpu {

namespace {

struct DataTask {
  LoopEmitter &emit;
  const ConvolutionProblem &problem;
  const DepthwiseSchedule &schedule;
  DepthwiseAxes axes;
  Value image, channel; // of the result
  int64_t taps, multiplier;
  Values dataSize, resultSize;
  Values weights; // of all taps as splats; none: loaded where they are used

  DataTask(LoopEmitter &emit, const ConvolutionProblem &problem, const DepthwiseSchedule &schedule,
           Value image, Value channel)
      : emit(emit), problem(problem), schedule(schedule), axes(depthwiseAxes(problem)),
        image(image), channel(channel),
        taps(axes[0].kernel * axes[1].kernel * axes[2].kernel),
        multiplier(problem.geometry.outChannels / problem.geometry.inChannels) {
    for (const DepthwiseAxis &axis : axes) {
      dataSize.push_back(valueOf(emit, axis.data));
      resultSize.push_back(valueOf(emit, axis.result));
    }
  }

  bool inputGradient() const { return axes[2].inputGradient; }

  VectorType vectorOf(int64_t lanes) { return VectorType::get({lanes}, problem.elementType); }

  Value weight(Value filter, Value tap) {
    Value at = emit.add(emit.mul(filter, taps), tap);
    Value one = problem.filter(emit.builder, emit.loc, vectorOf(1), at, {});
    Value scalar = vector::ExtractOp::create(emit.builder, emit.loc, one, 0);
    return vector::BroadcastOp::create(emit.builder, emit.loc, vectorOf(schedule.lanes), scalar);
  }

  void run() {
    // As splats all the time; more than that would not stay in registers.
    if (taps <= 27 && axes[0].kernel == 1 && (!inputGradient() || multiplier == 1))
      for (int64_t tap = 0; tap < taps; ++tap)
        weights.push_back(weight(channel, emit.index(tap)));
    emit.loop(emit.index(0), resultSize[0], 1, [&](Value depth) {
      auto inRows = [&](const UnitBlock &rows, ValueRange) {
        auto inColumns = [&](const UnitBlock &columns, ValueRange) {
          Block{*this, depth, rows, columns}.run();
          return Values();
        };
        return forEachBlock(emit, axes[2], columnBlocks(schedule), {}, inColumns);
      };
      forEachBlock(emit, axes[1], rowBlocks(schedule, axes[1]), {}, inRows);
    });
  }

  /// Results at one depth, of some rows and of a vector's columns.
  struct Block {
    DataTask &task;
    Value depth;
    const UnitBlock &rows, &columns;
    LoopEmitter &emit = task.emit;
    VectorType type = task.vectorOf(columns.units);
    // Sums: [row][phase of the columns].
    int64_t resultRows = rows.units * task.axes[1].unit(), phases = task.axes[2].unit();

    void run() {
      Values sums(resultRows * phases);
      if (!task.inputGradient()) {
        Value dataChannel = emit.div(task.channel, task.multiplier);
        addChannel(dataChannel, task.channel, sums);
      } else {
        if (task.multiplier > 1)
          fillWithZeros(sums);
        sums = emit.loop(emit.index(0), emit.index(task.multiplier), 1, sums,
                         [&](Value m, ValueRange carried) {
                           Values next(carried);
                           Value from = emit.add(emit.mul(task.channel, task.multiplier), m);
                           addChannel(from, from, next);
                           return next;
                         });
      }
      fillWithZeros(sums);
      store(sums);
    }

    void fillWithZeros(Values &sums) {
      for (Value &sum : sums)
        if (!sum)
          sum = emit.zero(type);
    }

    /// Adds one channel of the data times its filter.
    void addChannel(Value dataChannel, Value filter, Values &sums) {
      const DepthwiseAxis &d = task.axes[0];
      if (d.kernel == 1 && d.padding == 0 && d.unit() == 1)
        return addPlane(dataChannel, filter, emit.mul(depth, d.step()), emit.index(0), sums);
      fillWithZeros(sums);
      auto addTap = [&](Value tap, ValueRange carried) {
        // The plane's number times the unit.
        Value from = emit.sub(emit.mul(depth, d.step()), emit.index(d.padding));
        Value place = emit.add(from, emit.mul(tap, d.dilation));
        if (d.inputGradient)
          place = emit.sub(emit.add(depth, d.padding), emit.mul(tap, d.dilation));
        Value exists = within(emit, place, emit.mul(task.dataSize[0], d.unit()), false);
        exists = both(emit, exists, emit.lessEqual(emit.rem(place, d.unit()), emit.index(0)));
        auto add = [&] {
          Values next(carried);
          addPlane(dataChannel, filter, emit.div(place, d.unit()), tap, next);
          return next;
        };
        return exists ? emit.choose(exists, carried, add) : add();
      };
      sums = emit.loop(emit.index(0), emit.index(d.kernel), 1, sums, addTap);
    }

    /// Adds what the filter gives at one tap of the depth.
    void addPlane(Value dataChannel, Value filter, Value plane, Value depthTap, Values &sums) {
      // Rounds of the filter's rows, and what is left of them.
      int64_t round = task.schedule.kernelRows, all = task.axes[1].kernel, rest = all % round;
      auto add = [&](Value firstTap, int64_t count, Values &sums) {
        addRows(dataChannel, filter, plane, depthTap, firstTap, count, sums);
      };
      if (all - rest > round) {
        fillWithZeros(sums);
        sums = emit.loop(emit.index(0), emit.index(all - rest), round, sums,
                         [&](Value firstTap, ValueRange carried) {
                           Values next(carried);
                           add(firstTap, round, next);
                           return next;
                         });
      } else {
        add(emit.index(0), round, sums);
      }
      if (rest)
        add(emit.index(all - rest), rest, sums);
    }

    /// Adds what `count` rows of the filter give.
    void addRows(Value dataChannel, Value filter, Value plane, Value depthTap, Value firstTap,
                 int64_t count, Values &sums) {
      const DepthwiseAxis &h = task.axes[1], &w = task.axes[2];
      // Rows of data from the block's first on, and the (result row, filter row) that read each.
      std::map<int64_t, SmallVector<std::pair<int64_t, int64_t>>> contributions;
      for (int64_t unit = 0; unit < rows.units; ++unit)
        for (int64_t tap = 0; tap < count; ++tap)
          contributions[unit * h.step() + h.at(tap)].push_back(
              {unit * h.unit() + h.phase(tap), tap});
      Value origin = emit.mul(rows.start, h.step());
      // firstTap is a multiple of the unit: the phases stay, the places move.
      Value moved = emit.mul(emit.div(firstTap, h.unit()), h.dilation);
      origin = task.inputGradient() ? emit.sub(origin, moved) : emit.add(origin, moved);
      for (auto &[place, readers] : contributions) {
        Value index = emit.add(origin, place);
        Value exists = within(emit, index, task.dataSize[1], rows.inside);
        if (constantIndex(exists) == 0)
          continue;
        Value line = emit.add(emit.mul(plane, task.dataSize[1]), index);
        DepthwiseRow row(emit, task.problem.data, w, type, columns, task.image, dataChannel,
                         emit.mul(line, task.dataSize[2]), exists);
        for (int64_t column = 0; column < w.kernel; ++column) {
          Value data = row.tap(column);
          for (auto [resultRow, tap] : readers)
            accumulate(sums[resultRow * phases + w.phase(column)], data,
                       weightOf(filter, depthTap, emit.add(firstTap, tap), column));
        }
      }
    }

    Value weightOf(Value filter, Value depthTap, Value rowTap, int64_t column) {
      const DepthwiseAxis &h = task.axes[1], &w = task.axes[2];
      Value row = emit.add(emit.mul(depthTap, h.kernel), rowTap);
      Value tap = emit.add(emit.mul(row, w.kernel), column);
      auto known = constantIndex(tap);
      bool kept = known && !task.weights.empty();
      Value splat = kept ? task.weights[*known] : task.weight(filter, tap);
      if (columns.units == task.schedule.lanes)
        return splat;
      SmallVector<int64_t> firstLanes(columns.units);
      std::iota(firstLanes.begin(), firstLanes.end(), 0);
      return vector::ShuffleOp::create(emit.builder, emit.loc, splat, splat, firstLanes);
    }

    void accumulate(Value &sum, Value data, Value weight) {
      sum = sum ? Value(math::FmaOp::create(emit.builder, emit.loc, data, weight, sum))
                : Value(arith::MulFOp::create(emit.builder, emit.loc, data, weight));
    }

    void store(ArrayRef<Value> sums) {
      const DepthwiseAxis &h = task.axes[1], &w = task.axes[2];
      Value first = emit.mul(columns.start, w.unit());
      Value left = emit.sub(task.resultSize[2], first);
      for (int64_t row = 0; row < resultRows; ++row) {
        Value index = emit.add(emit.mul(rows.start, h.unit()), row);
        Value line = emit.add(emit.mul(depth, task.resultSize[1]), index);
        Value position = emit.add(emit.mul(line, task.resultSize[2]), first);
        Value exists = rows.inside ? Value() : emit.less(index, task.resultSize[1]);
        auto storeRow = [&] {
          for (int64_t part = 0; part < phases; ++part)
            storeVector(interleaved(sums.slice(row * phases, phases), part),
                        emit.add(position, part * columns.units),
                        emit.sub(left, emit.index(part * columns.units)));
        };
        exists ? emit.branch(exists, storeRow) : storeRow();
      }
    }

    /// Vector number `part` of the results, whose phases lie in one vector each.
    Value interleaved(ArrayRef<Value> sums, int64_t part) {
      if (phases == 1)
        return sums[0];
      int64_t lanes = columns.units;
      Value joined = sums[0];
      for (int64_t phase = 0; phase < phases; ++phase) {
        SmallVector<int64_t> pick(lanes);
        for (int64_t lane = 0; lane < lanes; ++lane) {
          int64_t element = part * lanes + lane;
          pick[lane] = element % phases == phase ? lanes + element / phases : lane;
        }
        joined = vector::ShuffleOp::create(emit.builder, emit.loc, joined, sums[phase], pick);
      }
      return joined;
    }

    void storeVector(Value vector, Value position, Value left) {
      auto known = constantIndex(left);
      if (known && *known <= 0)
        return;
      bool whole = columns.inside || (known && *known >= columns.units);
      task.problem.store(emit.builder, emit.loc, task.image, task.channel, position, vector,
                         whole ? Value() : left);
    }
  };
};

} // namespace

void emitDepthwiseData(LoopEmitter &emit, const ConvolutionProblem &problem,
                       const DepthwiseSchedule &schedule, Value image, Value channel) {
  DataTask(emit, problem, schedule, image, channel).run();
}

} // namespace nnc::cpu
