// The Map family: results of one shape whose elements depend on nothing but
// operand elements. Axes that every operand treats alike are joined, so that most
// kernels are one flat loop; the others are rows with lanes along the last axis.
// A result may lie over an operand of its shape: what an iteration writes, it has
// read before.
#include "codegen/cpu/Families.h"
#include "codegen/cpu/ScheduleFamily.h"
#include "codegen/cpu/VectorReader.h"
#include "dialects/nn/Dims.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

namespace {

/// The iteration space: groups of adjacent axes, each walked as one, outer to
/// inner. Unit axes are in none.
struct Space {
  Dims dims;
  SmallVector<SmallVector<int64_t>> groups;

  AffineExpr size(size_t group) const {
    AffineExpr total = getAffineConstantExpr(1, dims[0].getContext());
    for (int64_t axis : groups[group])
      total = total * dims[axis];
    return simplify(total);
  }
};

/// The size of `value` along an axis of the space: its own where it has the axis.
bool isFull(Value value, const Dims &space, size_t axis) {
  Dims dims = dimsOf(value);
  size_t skip = space.size() - dims.size();
  return axis >= skip && !isOne(dims[axis - skip]);
}

Space spaceOf(KernelOp kernel) {
  Block &body = kernel.getBody().front();
  Space space{dimsOf(body.getTerminator()->getOperand(0)), {}};
  bool pointwise = true;
  SmallVector<Value> values(body.getArguments());
  for (Operation &op : body.without_terminator()) {
    pointwise &= isa<MapOp, BroadcastOp, SizeOp, UniformOp>(op);
    llvm::append_range(values, op.getResults());
  }
  for (size_t axis = 0; axis < space.dims.size(); ++axis) {
    if (isOne(space.dims[axis]))
      continue;
    bool joins = pointwise && !space.groups.empty() && llvm::all_of(values, [&](Value value) {
      return rankOf(value) <= (int64_t)space.dims.size() &&
             isFull(value, space.dims, axis) == isFull(value, space.dims, space.groups.back().back());
    });
    if (!joins)
      space.groups.emplace_back();
    space.groups.back().push_back(axis);
  }
  return space;
}

/// What one element costs, in vector instructions.
int64_t costOf(KernelOp kernel) {
  int64_t cost = 0;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    auto map = dyn_cast<MapOp>(op);
    if (!map) {
      cost += isa<BroadcastOp, SizeOp, IotaOp, SliceOp, TransposeOp, ReshapeOp>(op) ? 1 : 60;
      continue;
    }
    for (unsigned r = 0; r < map.getNumResults(); ++r)
      for (Expr e : map.getExpr(r).postOrder())
        cost += e.primitive() >= Primitive::Pow && e.primitive() <= Primitive::LogSigmoid ? 20 : 1;
  }
  return cost;
}

struct Blocks {
  Value rows, columns;       // sizes of the space
  Value rowsPerTask;
  Value rowBlocks, columnBlocks;
  int64_t columnsPerTask;
};

Blocks blocksOf(KernelContext &c, const Space &space, int64_t elementsPerTask) {
  Blocks blocks;
  AffineExpr rows = getAffineConstantExpr(1, c.b.getContext()), columns = rows;
  for (size_t g = 0; g < space.groups.size(); ++g)
    (g + 1 == space.groups.size() ? columns : rows) = g + 1 == space.groups.size() ? space.size(g) : rows * space.size(g);
  rows = simplify(rows);
  blocks.rows = c.size(rows);
  blocks.columns = c.size(columns);
  blocks.columnsPerTask = elementsPerTask;
  blocks.columnBlocks = c.ceilDiv(blocks.columns, elementsPerTask);
  if (std::optional<int64_t> constant = constantSize(columns)) {
    int64_t rowsPerTask = std::max<int64_t>(1, elementsPerTask / std::max<int64_t>(1, *constant));
    blocks.rowsPerTask = c.index(rowsPerTask);
    blocks.rowBlocks = c.ceilDiv(blocks.rows, rowsPerTask);
    return blocks;
  }
  Value one = c.index(1);
  Value some = arith::MaxSIOp::create(c.b, c.loc, blocks.columns, one);
  blocks.rowsPerTask = arith::MaxSIOp::create(c.b, c.loc, one,
                                              arith::DivUIOp::create(c.b, c.loc, c.index(elementsPerTask), some));
  Value rounded = c.add(blocks.rows, c.sub(blocks.rowsPerTask, one));
  blocks.rowBlocks = arith::DivUIOp::create(c.b, c.loc, rounded, blocks.rowsPerTask);
  return blocks;
}

class MapFamily : public ScheduleFamily {
public:
  Value emitTaskCount(KernelContext &c, unsigned phase) const override {
    if (!accepts(c.kernel))
      return naiveFamily().emitTaskCount(c, phase);
    Blocks blocks = blocksOf(c, spaceOf(c.kernel), elementsPerTask(c.kernel));
    return c.mul(blocks.rowBlocks, blocks.columnBlocks);
  }

  void emitTask(KernelContext &c, Value task, unsigned phase) const override {
    if (!accepts(c.kernel)) {
      c.kernel.emitWarning("a map kernel whose results differ in shape is computed element by element: "
                           "split it into one kernel for each shape");
      return naiveFamily().emitTask(c, task, phase);
    }
    Space space = spaceOf(c.kernel);
    Blocks blocks = blocksOf(c, space, elementsPerTask(c.kernel));
    Value rowBlock = b(c).createOrFold<arith::DivUIOp>(c.loc, task, blocks.columnBlocks);
    Value columnBlock = b(c).createOrFold<arith::RemUIOp>(c.loc, task, blocks.columnBlocks);
    Value firstRow = c.mul(rowBlock, blocks.rowsPerTask);
    Value lastRow = c.minimum(c.add(firstRow, blocks.rowsPerTask), blocks.rows);
    Value firstColumn = c.mulAdd(columnBlock, blocks.columnsPerTask, 0);
    Value lastColumn = c.minimum(c.mulAdd(firstColumn, 1, blocks.columnsPerTask), blocks.columns);
    if (constantOf(blocks.columnBlocks) == 1) {
      firstColumn = c.index(0);
      lastColumn = blocks.columns;
    }
    if (space.groups.size() <= 1)
      return emitRow(c, space, {}, firstColumn, lastColumn);
    c.forLoop(firstRow, lastRow, 1, [&](Value row) {
      Dims sizes;
      for (size_t g = 0; g + 1 < space.groups.size(); ++g)
        sizes.push_back(space.size(g));
      emitRow(c, space, c.delinearize(row, sizes), firstColumn, lastColumn);
    });
  }

private:
  static OpBuilder &b(KernelContext &c) { return c.b; }

  static bool accepts(KernelOp kernel) {
    OperandRange results = kernel.getBody().front().getTerminator()->getOperands();
    return llvm::all_of(results, [&](Value result) { return sameSizes(dimsOf(result), dimsOf(results[0])); });
  }

  static int64_t elementsPerTask(KernelOp kernel) {
    int64_t cost = costOf(kernel);
    return cost < 40 ? 32768 : cost < 200 ? 8192 : 2048;
  }

  /// Columns [from, to) of one row; `outer` has an index for every group but the last.
  void emitRow(KernelContext &c, const Space &space, ArrayRef<Value> outer, Value from, Value to) const {
    OperandRange results = c.yield().getValues();
    // A group's index goes to its innermost axis: row-major positions come out right.
    auto indexAt = [&](Value column) {
      SmallVector<LaneIndex> index(space.dims.size());
      for (size_t g = 0; g < outer.size(); ++g)
        index[space.groups[g].back()] = LaneIndex::uniform(outer[g]);
      if (!space.groups.empty())
        index[space.groups.back().back()] = LaneIndex::consecutive(column);
      return index;
    };
    if (space.groups.empty()) { // one element
      VectorReader reader(c, 1);
      SmallVector<Value> values;
      for (Value result : results)
        values.push_back(reader.read(result, indexAt({})));
      for (auto [value, buffer] : llvm::zip(values, c.outputBuffers))
        c.storeElement(value, buffer, c.index(0));
      return;
    }
    int64_t unroll = costOf(c.kernel) < 20 ? 4 : costOf(c.kernel) < 60 ? 2 : 1;
    Value rowStart = VectorReader(c, 1).position(space.dims, indexAt(c.index(0)));
    emitLaneLoop(c, lanesOf(c.kernel, c.target), unroll, from, to,
        [&](VectorReader &reader, Value column) {
          SmallVector<Value> values;
          for (Value result : results)
            values.push_back(reader.read(result, indexAt(column)));
          return values;
        },
        [&](VectorReader &reader, Value column, ArrayRef<Value> values) {
          for (auto [value, buffer] : llvm::zip(values, c.outputBuffers))
            reader.store(value, buffer, c.add(rowStart, column));
        });
  }
};

} // namespace

const ScheduleFamily &mapFamily() {
  static const MapFamily family;
  return family;
}

} // namespace nnc::cpu
