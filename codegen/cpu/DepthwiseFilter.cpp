// Weight gradient: the sums of some taps stay in registers while all images pass.
// Rows of dy of a block are held, and each row of x is loaded once for all of them.
#include "codegen/cpu/DepthwiseBlocks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <map>

using namespace mlir;

namespace nnc::cpu {

namespace {

struct FilterTask {
  LoopEmitter &emit;
  const ConvolutionProblem &problem;
  const DepthwiseSchedule &schedule;
  DepthwiseAxes axes;
  Value channel; // of dy
  VectorType type;
  Values dataSize, resultSize;

  FilterTask(LoopEmitter &emit, const ConvolutionProblem &problem,
             const DepthwiseSchedule &schedule, Value channel)
      : emit(emit), problem(problem), schedule(schedule), axes(depthwiseAxes(problem)),
        channel(channel), type(VectorType::get({schedule.lanes}, problem.elementType)) {
    for (const DepthwiseAxis &axis : axes) {
      dataSize.push_back(valueOf(emit, axis.data));
      resultSize.push_back(valueOf(emit, axis.result));
    }
  }

  void run() {
    const DepthwiseAxis &h = axes[1], &w = axes[2];
    // Of a filter row too long for the registers, parts.
    int64_t width = llvm::divideCeil(w.kernel, llvm::divideCeil(w.kernel, 24));
    int64_t rest = h.kernel % schedule.kernelRows, whole = h.kernel - rest;
    emit.loop(emit.index(0), emit.index(axes[0].kernel), 1, [&](Value depthTap) {
      for (int64_t column = 0; column < w.kernel; column += width) {
        int64_t columns = std::min(width, w.kernel - column);
        emit.loop(emit.index(0), emit.index(whole), schedule.kernelRows, [&](Value rowTap) {
          Taps{*this, depthTap, rowTap, schedule.kernelRows, column, columns}.run();
        });
        if (rest)
          Taps{*this, depthTap, emit.index(whole), rest, column, columns}.run();
      }
    });
  }

  /// Some rows of the filter and some of their taps.
  struct Taps {
    FilterTask &task;
    Value depthTap, firstRow;
    int64_t rows, firstColumn, columns;
    LoopEmitter &emit = task.emit;

    void run() {
      Values sums(rows * columns, emit.zero(task.type));
      Value images = valueOf(emit, task.problem.geometry.batch);
      sums = emit.loop(emit.index(0), images, 1, sums, [&](Value image, ValueRange carried) {
        return addImage(image, carried);
      });
      store(sums);
    }

    Values addImage(Value image, ValueRange sums) {
      auto &axes = task.axes;
      const DepthwiseAxis &d = axes[0];
      const DepthwiseSchedule &schedule = task.schedule;
      // Depths that read an existing plane of x.
      Value moved = emit.sub(emit.mul(depthTap, d.dilation), emit.index(d.padding));
      auto firstFrom = [&](Value plane) {
        return emit.ceilDiv(emit.max(emit.sub(plane, moved), emit.index(0)), d.stride);
      };
      Value low = firstFrom(emit.index(0));
      Value high = emit.min(firstFrom(task.dataSize[0]), task.resultSize[0]);
      return emit.loop(low, high, 1, sums, [&](Value depth, ValueRange sums) {
        Value plane = emit.add(emit.mul(depth, d.stride), moved);
        auto inRows = [&](const UnitBlock &rows, ValueRange sums) {
          auto inColumns = [&](const UnitBlock &columns, ValueRange sums) {
            Values next(sums);
            addBlock(image, depth, plane, rows, columns, next);
            return next;
          };
          return forEachBlock(emit, axes[2], columnBlocks(schedule), sums, inColumns);
        };
        return forEachBlock(emit, axes[1], rowBlocks(schedule, axes[1]), sums, inRows);
      });
    }

    void addBlock(Value image, Value depth, Value plane, const UnitBlock &block,
                  const UnitBlock &columnBlock, Values &sums) {
      const DepthwiseAxis &h = task.axes[1], &w = task.axes[2];
      // Lanes beyond the row are zero, so all vectors can have the same length.
      UnitBlock lanes{columnBlock.start, task.schedule.lanes, columnBlock.inside};
      Values gradients;
      for (int64_t row = 0; row < block.units; ++row)
        gradients.push_back(
            gradientRow(image, depth, emit.add(block.start, row), block.inside, lanes));

      // Rows of x from the block's first on, and the (row of dy, filter row) that read each.
      std::map<int64_t, SmallVector<std::pair<int64_t, int64_t>>> contributions;
      for (int64_t row = 0; row < block.units; ++row)
        for (int64_t tap = 0; tap < rows; ++tap)
          contributions[row * h.step() + h.at(tap)].push_back({row, tap});
      Value origin = emit.add(emit.mul(block.start, h.step()), emit.mul(firstRow, h.dilation));
      const ConvolutionGeometry &geometry = task.problem.geometry;
      Value dataChannel = emit.div(task.channel, geometry.outChannels / geometry.inChannels);
      for (auto &[place, readers] : contributions) {
        Value index = emit.add(origin, place);
        Value exists = within(emit, index, task.dataSize[1], block.inside);
        if (constantIndex(exists) == 0)
          continue;
        Value line = emit.add(emit.mul(plane, task.dataSize[1]), index);
        DepthwiseRow row(emit, task.problem.data, w, task.type, lanes, image, dataChannel,
                         emit.mul(line, task.dataSize[2]), exists);
        for (int64_t column = 0; column < columns; ++column) {
          Value data = row.tap(firstColumn + column);
          for (auto [gradient, tap] : readers) {
            Value &sum = sums[tap * columns + column];
            sum = math::FmaOp::create(emit.builder, emit.loc, data, gradients[gradient], sum);
          }
        }
      }
    }

    /// A row of dy, zero where it does not exist.
    Value gradientRow(Value image, Value depth, Value index, bool inside,
                      const UnitBlock &lanes) {
      Value exists = inside ? Value() : emit.less(index, task.resultSize[1]);
      if (constantIndex(exists) == 0)
        return emit.zero(task.type);
      if (constantIndex(exists))
        exists = {};
      Value line = emit.add(emit.mul(depth, task.resultSize[1]), index);
      Value position = emit.add(emit.mul(line, task.resultSize[2]), lanes.start);
      Value active = emit.index(lanes.units);
      if (!lanes.inside)
        active = emit.sub(task.resultSize[2], lanes.start);
      if (exists)
        active = arith::SelectOp::create(emit.builder, emit.loc, exists, active, emit.index(0));
      auto count = constantIndex(active);
      if (count && *count >= lanes.units)
        active = {};
      return task.problem.outputGradient(emit.builder, emit.loc, task.type, image, task.channel,
                                         position, active);
    }

    void store(ArrayRef<Value> sums) {
      const DepthwiseAxis &h = task.axes[1], &w = task.axes[2];
      Value filter = emit.add(emit.mul(task.channel, task.axes[0].kernel), depthTap);
      Value row = emit.add(emit.mul(filter, h.kernel), firstRow);
      int64_t lanes = task.schedule.lanes;
      auto storeTaps = [&](ArrayRef<Value> taps, Value to) {
        for (size_t first = 0; first < taps.size(); first += lanes) {
          int64_t count = std::min<int64_t>(lanes, taps.size() - first);
          task.problem.store(emit.builder, emit.loc, emit.index(0), emit.index(0),
                             emit.add(to, first), emitHorizontalSums(emit, taps.slice(first, count)),
                             count == lanes ? Value() : emit.index(count));
        }
      };
      if (columns == w.kernel)
        return storeTaps(sums, emit.mul(row, w.kernel));
      for (int64_t i = 0; i < rows; ++i)
        storeTaps(sums.slice(i * columns, columns),
                  emit.add(emit.mul(emit.add(row, i), w.kernel), firstColumn));
    }
  };
};

} // namespace

void emitDepthwiseFilter(LoopEmitter &emit, const ConvolutionProblem &problem,
                         const DepthwiseSchedule &schedule, Value channel) {
  FilterTask(emit, problem, schedule, channel).run();
}

} // namespace nnc::cpu
