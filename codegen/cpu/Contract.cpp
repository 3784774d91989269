#include "codegen/cpu/Contract.h"
#include "codegen/cpu/ContractScratch.h"
#include "codegen/cpu/MicroKernel.h"
#include "codegen/cpu/Packing.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;

namespace nnc::cpu {

namespace {

/// The code of one task.
struct TaskEmitter {
  LoopEmitter emit;
  const ContractProblem &problem;
  const ContractSchedule &schedule;
  Type element;
  VectorType type;
  Value batchSize, m, n, k;
  Value panels, sliver, block, partials;
  int64_t pitch, dotPitch, sliverApart;

  // The block of C at hand.
  Value sliverStart, batch, split, firstRow, rows, firstColumn, columns, firstStep, lastStep;

  TaskEmitter(OpBuilder &builder, Location loc, const ContractProblem &problem,
              const ContractSchedule &schedule)
      : emit(builder, loc), problem(problem), schedule(schedule), element(problem.elementType),
        type(VectorType::get({schedule.lanes}, problem.elementType)) {
    auto value = [&](const Extent &extent) {
      return extent.isStatic() ? emit.index(extent.fixed) : extent.value;
    };
    batchSize = value(problem.batch);
    m = value(problem.m);
    n = value(problem.n);
    k = value(problem.k);
  }

  Values taskGrid() {
    return {emit.ceilDiv(batchSize, schedule.batchPerTask), emit.index(schedule.splits),
            emit.ceilDiv(m, schedule.blockRows), emit.ceilDiv(n, schedule.blockColumns)};
  }
  Value combineTasks() {
    return emit.ceilDiv(emit.mul(batchSize, m), combinedRows(problem, schedule));
  }

  void takeScratch(Value workerScratch, Value sharedScratch) {
    ContractScratch layout(problem, schedule);
    int64_t offset = 0;
    auto take = [&](int64_t count) {
      Value part = emit.view(workerScratch, emit.index(offset), count, element);
      offset += count * layout.elementBytes;
      return part;
    };
    if (layout.panels)
      panels = take(layout.panels);
    if (layout.sliver)
      sliver = take(layout.sliver);
    block = take(layout.block);
    pitch = layout.pitch;
    dotPitch = layout.dotPitch;
    sliverApart = layout.sliverApart;
    if (schedule.splits > 1)
      partials = emit.view(sharedScratch, emit.index(0), partialElements(problem, schedule),
                           element);
  }

  bool singlePanel() const { return isSinglePanel(problem, schedule); }

  /// Size modulo tile of the last block, where known.
  static std::optional<int64_t> remainderOf(const Extent &size, int64_t unit, int64_t tile) {
    if (!size.isStatic())
      return std::nullopt;
    return llvm::divideCeil(size.fixed, unit) % tile;
  }

  void emitTask(Value task) {
    Values at = emit.delinearize(task, taskGrid());
    split = at[1];
    firstRow = emit.mul(at[2], schedule.blockRows);
    firstColumn = emit.mul(at[3], schedule.blockColumns);
    rows = problem.m.isStatic() && problem.m.fixed <= schedule.blockRows
               ? m
               : emit.min(emit.index(schedule.blockRows), emit.sub(m, firstRow));
    columns = problem.n.isStatic() && problem.n.fixed <= schedule.blockColumns
                  ? n
                  : emit.min(emit.index(schedule.blockColumns), emit.sub(n, firstColumn));
    if (schedule.splits == 1) {
      firstStep = emit.index(0);
      lastStep = k;
    } else {
      int64_t each = llvm::alignTo(llvm::divideCeil(problem.k.fixed, schedule.splits),
                                   schedule.blockReduction);
      firstStep = emit.min(emit.mul(split, each), k);
      lastStep = emit.min(emit.add(firstStep, each), k);
    }
    Value firstItem = emit.mul(at[0], schedule.batchPerTask);
    Value lastItem = schedule.batchPerTask == 1
                         ? emit.add(firstItem, 1)
                         : emit.min(emit.add(firstItem, schedule.batchPerTask), batchSize);
    auto item = [&](Value index) {
      batch = index;
      if (schedule.kind == ContractSchedule::Kind::Dot)
        emitDotBlock(schedule.tileRows, schedule.tileVectors);
      else if (schedule.dotRows == 0)
        emitOuterBlock();
      else
        emit.branch(
            emit.lessEqual(m, emit.index(schedule.dotRows)),
            [&] { emitDotBlock(std::min<int64_t>(schedule.dotRows, 2), 6); },
            [&] { emitOuterBlock(); });
    };
    if (schedule.batchPerTask == 1)
      item(firstItem);
    else
      emit.loop(firstItem, lastItem, 1, item);
  }

  // ---- lanes along n

  void emitOuterBlock() {
    if (!singlePanel())
      clearBlock();
    auto panel = [&](Value firstOfPanel) {
      Value steps = singlePanel() ? k
                                  : emit.min(emit.index(schedule.blockReduction),
                                             emit.sub(lastStep, firstOfPanel));
      if (schedule.packB)
        emitPackPanels(emit, problem.b, type, schedule.tileColumns(), schedule.blockReduction,
                       batch, firstColumn, columns, firstOfPanel, steps, panels);
      if (schedule.columnsOutermost)
        return emitColumnsOfTiles(firstOfPanel, steps);
      emitRowsOfTiles(firstOfPanel, steps);
    };
    if (singlePanel())
      panel(firstStep);
    else
      emit.loop(firstStep, lastStep, schedule.blockReduction, panel);
    if (!singlePanel())
      finishBlock(emit.index(0), emit.index(0), rows, emit.index(0), columns);
  }

  void clearBlock() {
    Value pitchValue = emit.index(pitch);
    emit.loop(emit.index(0), emit.mul(rows, pitchValue), schedule.lanes,
              [&](Value at) { emit.store(emit.zero(type), block, at); });
  }

  SliverLayout layoutOfSlivers() const {
    return sliverLayout(problem.a, schedule.tileRows, schedule.blockReduction, schedule.lanes);
  }

  void packAllSlivers(Value firstOfPanel, Value steps) {
    if (problem.a.contiguous == ProductOperand::Contiguous::Outer)
      return emitPackAllSlivers(emit, problem.a, type, schedule.tileRows, sliverApart, batch, firstRow,
                                rows, firstOfPanel, steps, sliver);
    emit.loop(emit.index(0), rows, schedule.tileRows, [&](Value row) {
      emitPackSliver(emit, problem.a, type, layoutOfSlivers(), emit.min(emit.index(schedule.tileRows), emit.sub(rows, row)),
                     batch, emit.add(firstRow, row), firstOfPanel, steps, sliver, startOfSliver(row));
    });
  }

  /// Where the sliver of a row of tiles starts; tiles of what is left at a dynamic edge
  /// start inside one.
  Value startOfSliver(Value row) {
    return emit.add(emit.mul(emit.div(row, schedule.tileRows), sliverApart),
                    emit.mul(emit.rem(row, schedule.tileRows), layoutOfSlivers().rowStride));
  }

  /// Where the panel of B starts that holds a vector of the block's columns.
  Value startOfPanel(Value vector) {
    return emit.add(emit.mul(emit.div(vector, schedule.tileVectors), schedule.blockReduction * schedule.tileColumns()),
                    emit.mul(emit.rem(vector, schedule.tileVectors), schedule.lanes));
  }

  void emitColumnsOfTiles(Value firstOfPanel, Value steps) {
    SliverLayout layout = layoutOfSlivers();
    // Results that are stored transposed leave by strips of columns. Others have rows that may be long:
    // a few elements of each at a time would be slow.
    bool strips = singlePanel() && problem.storesTransposed;
    packAllSlivers(firstOfPanel, steps);
    emit.tiles(emit.ceilDiv(columns, schedule.lanes), schedule.tileVectors,
               remainderOf(problem.n, schedule.lanes, schedule.tileVectors), [&](Value vector, int64_t tileVectors) {
      int64_t width = tileVectors * schedule.lanes;
      Value panel = startOfPanel(vector);
      Value column = emit.mul(vector, schedule.lanes), first = emit.add(firstColumn, column);
      Value left = isWhole() ? emit.index(width) : emit.min(emit.index(width), emit.sub(columns, column));
      emit.tiles(rows, schedule.tileRows, remainderOf(problem.m, 1, schedule.tileRows), [&](Value row, int64_t tileRows) {
        sliverStart = startOfSliver(row);
        if (problem.b.packed)
          prefetchNextPanel(emit.add(first, width), tileVectors, firstOfPanel, steps, row);
        emitTile(layout, tileRows, tileVectors, steps, row, strips ? emit.index(0) : column,
                 [&](Value step, int64_t j) {
                   if (schedule.packB)
                     return emit.load(type, panels, emit.add(panel, emit.add(emit.mul(step, schedule.tileColumns()), j * schedule.lanes)));
                   return problem.b.vector(emit.builder, emit.loc, type, batch, emit.add(first, j * schedule.lanes),
                                           emit.add(firstOfPanel, step), Value());
                 });
      });
      if (strips)
        finishBlock(emit.index(0), emit.index(0), rows, column, left);
    });
    if (singlePanel() && !strips)
      finishBlock(emit.index(0), emit.index(0), rows, emit.index(0), columns);
  }

  /// Asks for the part of the panel of B at `column` that falls to the row of tiles at hand,
  /// so that all of it arrives while the panel before it is used.
  void prefetchNextPanel(Value column, int64_t vectors, Value firstOfPanel, Value steps, Value row) {
    int64_t stepsPerLine = vectorsPerLine(type);
    Value tiles = emit.ceilDiv(rows, schedule.tileRows);
    Value part = emit.div(emit.add(steps, emit.sub(tiles, emit.index(1))), tiles);
    part = emit.mul(emit.ceilDiv(part, stepsPerLine), stepsPerLine);
    Value begin = emit.min(emit.mul(emit.div(row, schedule.tileRows), part), steps);
    emit.loop(begin, emit.min(emit.add(begin, part), steps), stepsPerLine, [&](Value step) {
      for (int64_t j = 0; j < vectors; ++j)
        problem.b.prefetch(emit.builder, emit.loc, batch, emit.add(column, j * schedule.lanes), emit.add(firstOfPanel, step));
    });
  }

  /// All vectors along n are full.
  bool isWhole() const { return problem.n.isStatic() && problem.n.fixed % schedule.lanes == 0; }

  void emitRowsOfTiles(Value firstOfPanel, Value steps) {
    SliverLayout layout = layoutOfSlivers();
    bool allSlivers = packsAllSlivers(problem, schedule);
    if (allSlivers)
      packAllSlivers(firstOfPanel, steps);
    emit.loop(emit.index(0), rows, schedule.tileRows, [&](Value row) {
      Value height = remainderOf(problem.m, 1, schedule.tileRows) == 0
                         ? emit.index(schedule.tileRows)
                         : emit.min(emit.index(schedule.tileRows), emit.sub(rows, row));
      Value start = allSlivers ? startOfSliver(row) : emit.index(0);
      if (!allSlivers)
        emitPackSliver(emit, problem.a, type, layout, height, batch, emit.add(firstRow, row), firstOfPanel, steps,
                       sliver, start);
      emitRowOfTiles(firstOfPanel, steps, layout, start, row, height);
    });
  }

  /// Covers a row of tiles of `height` rows: one tile, or where fewer are left those of their rest.
  void coverHeight(Value height, function_ref<void(Value row, int64_t tileRows)> tile) {
    std::optional<int64_t> rest = remainderOf(problem.m, 1, schedule.tileRows);
    emit.branch(
        emit.lessEqual(emit.index(schedule.tileRows), height), [&] { tile(emit.index(0), schedule.tileRows); },
        [&] {
          if (rest && *rest > 0)
            tile(emit.index(0), *rest);
          else if (!rest)
            emit.tiles(height, llvm::bit_floor(uint64_t(schedule.tileRows - 1)), std::nullopt, tile);
        });
  }

  /// Where all of k is at hand, each tile leaves as it is made: what is stored lies beside what
  /// the tile before it stored, and gets to memory while the next is computed.
  void emitRowOfTiles(Value firstOfPanel, Value steps, SliverLayout layout, Value firstSliver, Value row, Value height) {
    auto tile = [&](Value column, int64_t tileVectors, function_ref<Value(Value step, int64_t vector)> right,
                    function_ref<void(Value step, int64_t vector)> prefetch) {
      Value blockRow = singlePanel() ? emit.index(0) : row, blockColumn = singlePanel() ? emit.index(0) : column;
      coverHeight(height, [&](Value below, int64_t tileRows) {
        sliverStart = emit.add(firstSliver, emit.mul(below, layout.rowStride));
        emitTile(layout, tileRows, tileVectors, steps, emit.add(blockRow, below), blockColumn, right, prefetch);
      });
      Value width = emit.index(tileVectors * schedule.lanes);
      if (singlePanel())
        finishBlock(row, blockRow, height, column, isWhole() ? width : emit.min(width, emit.sub(columns, column)));
    };
    if (schedule.packB) {
      emit.tiles(emit.ceilDiv(columns, schedule.lanes), schedule.tileVectors,
                 remainderOf(problem.n, schedule.lanes, schedule.tileVectors),
                 [&](Value vector, int64_t tileVectors) {
                   Value start = startOfPanel(vector);
                   auto right = [&](Value step, int64_t j) {
                     Value at = emit.add(start, emit.mul(step, schedule.tileColumns()));
                     return emit.load(type, panels, emit.add(at, j * schedule.lanes));
                   };
                   tile(emit.mul(vector, schedule.lanes), tileVectors, right, nullptr);
                 });
      return;
    }
    // Packed weights come from memory in a large network. Many rows of tiles find them in cache.
    constexpr int64_t stepsAhead = 64;
    bool streams = problem.b.packed && (!problem.m.isStatic() || problem.m.fixed <= 2 * schedule.tileRows);
    auto inPlace = [&](Value column, int64_t tileVectors, Value active) {
      Value first = emit.add(firstColumn, column);
      auto right = [&](Value step, int64_t j) {
        return problem.b.vector(emit.builder, emit.loc, type, batch, emit.add(first, j * schedule.lanes),
                                emit.add(firstOfPanel, step), active);
      };
      auto ahead = [&](Value step, int64_t j) {
        problem.b.prefetch(emit.builder, emit.loc, batch, emit.add(first, j * schedule.lanes),
                           emit.add(emit.add(firstOfPanel, step), stepsAhead));
      };
      if (streams)
        tile(column, tileVectors, right, ahead);
      else
        tile(column, tileVectors, right, nullptr);
    };
    // Packed weights fill their last panel with zeros: nothing to mask.
    Value readable = columns;
    if (problem.b.packed)
      readable = emit.mul(emit.ceilDiv(columns, schedule.lanes), schedule.lanes);
    std::optional<int64_t> remainder;
    if (problem.n.isStatic())
      remainder = (problem.b.packed ? llvm::divideCeil(problem.n.fixed, schedule.lanes)
                                    : problem.n.fixed / schedule.lanes) %
                  schedule.tileVectors;
    Value full = emit.div(readable, schedule.lanes);
    emit.tiles(full, schedule.tileVectors, remainder, [&](Value vector, int64_t tileVectors) {
      inPlace(emit.mul(vector, schedule.lanes), tileVectors, {});
    });
    if (problem.b.packed || isWhole())
      return;
    Value end = emit.mul(full, schedule.lanes);
    emit.branch(emit.less(end, columns), [&] { inPlace(end, 1, emit.sub(columns, end)); });
  }

  /// One register tile over `steps`, into the block of C at (row, column).
  void emitTile(SliverLayout layout, int64_t tileRows, int64_t tileVectors, Value steps, Value row,
                Value column, function_ref<Value(Value step, int64_t vector)> right,
                function_ref<void(Value step, int64_t vector)> prefetch = nullptr) {
    RegisterTile tile{tileRows, tileVectors, type};
    auto position = [&](int64_t i, int64_t j) {
      return emit.add(emit.add(emit.mul(emit.add(row, i), pitch), column), j * schedule.lanes);
    };
    Values initial = tile.zeros(emit);
    if (!singlePanel())
      for (int64_t i = 0; i < tileRows; ++i)
        for (int64_t j = 0; j < tileVectors; ++j)
          initial[i * tileVectors + j] = emit.load(type, block, position(i, j));
    auto left = [&](Value step, int64_t i) {
      return emit.loadScalar(sliver, emit.add(emit.add(sliverStart, emit.mul(step, layout.stepStride)), i * layout.rowStride));
    };
    Values sums = emitOuterProduct(emit, tile, initial, steps, {left, right, prefetch});
    for (int64_t i = 0; i < tileRows; ++i)
      for (int64_t j = 0; j < tileVectors; ++j)
        emit.store(sums[i * tileVectors + j], block, position(i, j));
  }

  // ---- lanes along k

  void emitDotBlock(int64_t tileRows, int64_t tileColumns) {
    int64_t outerPitch = std::exchange(pitch, dotPitch);
    std::optional<int64_t> columnRemainder =
        schedule.blockColumns % tileColumns == 0
            ? remainderOf(problem.n, 1, tileColumns)
            : std::nullopt;
    emit.tiles(columns, tileColumns, columnRemainder, [&](Value column, int64_t width) {
      emit.tiles(rows, tileRows, remainderOf(problem.m, 1, tileRows),
                 [&](Value row, int64_t height) { emitDotTile(row, height, column, width); });
    });
    finishBlock(emit.index(0), emit.index(0), rows, emit.index(0), columns);
    pitch = outerPitch;
  }

  void emitDotTile(Value row, int64_t height, Value column, int64_t width) {
    RegisterTile tile{height, width, type};
    auto step = [&](Value at, Value active, ValueRange accumulators) {
      auto read = [&](const ProductOperand &operand, Value first, int64_t index) {
        return operand.vector(emit.builder, emit.loc, type, batch, emit.add(first, index), at,
                              active);
      };
      return emitDotStep(
          emit, tile, accumulators,
          [&](int64_t i) { return read(problem.a, emit.add(firstRow, row), i); },
          [&](int64_t j) { return read(problem.b, emit.add(firstColumn, column), j); });
    };
    Value length = emit.sub(lastStep, firstStep);
    Value rest = emit.rem(length, schedule.lanes);
    Value full = emit.sub(lastStep, rest);
    Values sums = emit.loop(
        firstStep, full, schedule.lanes, tile.zeros(emit),
        [&](Value at, ValueRange accumulators) { return step(at, {}, accumulators); });
    if (constantIndex(rest) != 0)
      sums = step(full, rest, sums);
    for (int64_t i = 0; i < height; ++i)
      for (int64_t j = 0; j < width; ++j) {
        Value at = emit.add(emit.mul(emit.add(row, i), pitch), emit.add(column, j));
        emit.storeScalar(emitHorizontalSum(emit, sums[i * width + j]), block, at);
      }
  }

  // ---- out of the block

  /// Hands rows x columns of the task on, which start at (row, column) and in the block at
  /// (blockRow, 0): to `store`, or to the partial sums.
  void finishBlock(Value row, Value blockRow, Value rowCount, Value column, Value columnCount) {
    if (problem.storesTransposed)
      return finishTransposed(row, blockRow, rowCount, column, columnCount);
    emit.loop(emit.index(0), rowCount, 1, [&](Value i) {
      Value from = emit.mul(emit.add(blockRow, i), emit.index(pitch));
      Value to = emit.add(firstRow, emit.add(row, i));
      emit.vectors(columnCount, schedule.lanes, [&](Value offset, Value active) {
        if (active && problem.n.isStatic())
          active = emit.index(problem.n.fixed % schedule.lanes);
        Value vector = emit.load(type, block, emit.add(from, offset));
        Value at = emit.add(firstColumn, emit.add(column, offset));
        if (schedule.splits == 1)
          problem.store(emit.builder, emit.loc, batch, to, at, vector, active);
        else
          emit.store(vector, partials, emit.add(partialRow(split, batch, to), at));
      });
    });
  }

  void finishTransposed(Value row, Value blockRow, Value rowCount, Value column, Value columnCount) {
    emit.loop(emit.index(0), columnCount, schedule.lanes, [&](Value offset) {
      emit.vectors(rowCount, schedule.lanes, [&](Value below, Value active) {
        if (active && problem.m.isStatic())
          active = emit.index(problem.m.fixed % schedule.lanes);
        Value from = emit.add(emit.mul(emit.add(blockRow, below), emit.index(pitch)), offset);
        Values lines;
        for (int64_t i = 0; i < schedule.lanes; ++i)
          lines.push_back(emit.load(type, block, emit.add(from, i * pitch)));
        Value to = emit.add(firstRow, emit.add(row, below)), at = emit.add(firstColumn, emit.add(column, offset));
        for (auto [i, line] : llvm::enumerate(emitTranspose(emit, lines)))
          problem.store(emit.builder, emit.loc, batch, to, emit.add(at, i), line, active);
      });
    });
  }

  Value partialRow(Value split, Value batch, Value row) {
    Value item = emit.add(emit.mul(split, batchSize), batch);
    return emit.mul(emit.add(emit.mul(item, m), row), partialPitch(problem, schedule));
  }

  void emitCombineTask(Value task) {
    int64_t each = combinedRows(problem, schedule);
    Value first = emit.mul(task, each);
    Value last = emit.min(emit.add(first, each), emit.mul(batchSize, m));
    emit.loop(first, last, 1, [&](Value line) {
      Value item = emit.div(line, m), row = emit.rem(line, m);
      emit.vectors(n, schedule.lanes, [&](Value column, Value active) {
        Values sum = emit.loop(
            emit.index(0), emit.index(schedule.splits), 1, {emit.zero(type)},
            [&](Value part, ValueRange carried) {
              Value at = emit.add(partialRow(part, item, row), column);
              return Values{arith::AddFOp::create(emit.builder, emit.loc, carried[0],
                                                  emit.load(type, partials, at))};
            });
        problem.store(emit.builder, emit.loc, item, row, column, sum[0], active);
      });
    });
  }
};

} // namespace

Value emitTaskCount(OpBuilder &builder, Location loc, const ContractProblem &problem,
                    const ContractSchedule &schedule, unsigned phase) {
  TaskEmitter emitter(builder, loc, problem, schedule);
  if (phase == 1)
    return emitter.combineTasks();
  Values grid = emitter.taskGrid();
  Value count = grid[0];
  for (Value size : ArrayRef(grid).drop_front())
    count = emitter.emit.mul(count, size);
  return count;
}

void emitContractTask(OpBuilder &builder, Location loc, const ContractProblem &problem,
                      const ContractSchedule &schedule, Value task, Value workerScratch,
                      Value sharedScratch, unsigned phase) {
  TaskEmitter emitter(builder, loc, problem, schedule);
  emitter.takeScratch(workerScratch, sharedScratch);
  if (phase == 1)
    emitter.emitCombineTask(task);
  else
    emitter.emitTask(task);
}

} // namespace nnc::cpu
