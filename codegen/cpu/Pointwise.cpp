#include "codegen/cpu/Pointwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

// Whether `value`, aligned to the right, has more than one element along an axis.
static bool isFull(Value value, const Dims &space, size_t axis) {
  Dims dims = dimsOf(value);
  size_t skip = space.size() - dims.size();
  return axis >= skip && !isOne(dims[axis - skip]);
}

SmallVector<SmallVector<int64_t>> joinAxes(KernelOp kernel, const Dims &space) {
  Block &body = kernel.getBody().front();
  SmallVector<SmallVector<int64_t>> groups;
  SmallVector<Value> values(body.getArguments()), counters;
  bool pointwise = true;
  for (Operation &op : body.without_terminator()) {
    pointwise &= isa<MapOp, BroadcastOp, SizeOp, UniformOp, IotaOp>(op) ||
                 (isa<ReduceOp>(op) && kernel.getFamily() == Family::row);
    llvm::append_range(values, op.getResults());
    if (isa<IotaOp>(op))
      counters.push_back(op.getResult(0));
  }
  for (size_t axis = 0; axis < space.size(); ++axis) {
    if (isOne(space[axis]))
      continue;
    bool joins = pointwise && !groups.empty() && llvm::all_of(values, [&](Value value) {
                   return rankOf(value) <= (int64_t)space.size() &&
                          isFull(value, space, axis) == isFull(value, space, groups.back().back());
                 });
    // A count along one of the two would have to tell them apart.
    joins = joins && llvm::none_of(counters, [&](Value counter) { return isFull(counter, space, axis); });
    if (!joins)
      groups.emplace_back();
    groups.back().push_back(axis);
  }
  return groups;
}

int64_t elementCost(KernelOp kernel) {
  int64_t cost = 0;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (auto taps = op.getAttrOfType<DenseI64ArrayAttr>("kernel")) {
      int64_t count = 4;
      for (int64_t k : taps.asArrayRef())
        count *= k;
      cost += std::min<int64_t>(count, 200);
      continue;
    }
    auto map = dyn_cast<MapOp>(op);
    if (!map) {
      cost += isa<BroadcastOp, SizeOp, IotaOp, SliceOp, TransposeOp, ReshapeOp, ReduceOp>(op) ? 1 : 60;
      continue;
    }
    for (unsigned r = 0; r < map.getNumResults(); ++r)
      for (Expr e : map.getExpr(r).postOrder())
        cost += e.primitive() >= Primitive::Pow && e.primitive() <= Primitive::LogSigmoid ? 20 : 1;
  }
  return cost;
}

bool hasOneResultShape(KernelOp kernel) {
  OperandRange results = kernel.getBody().front().getTerminator()->getOperands();
  return llvm::all_of(results, [&](Value result) { return sameSizes(dimsOf(result), dimsOf(results[0])); });
}

static int64_t chooseLanes(KernelOp kernel, const Target &target, const Dims &dims,
                           ArrayRef<SmallVector<int64_t>> groups) {
  int64_t lanes = lanesOf(kernel, target);
  if (groups.empty())
    return lanes;
  AffineExpr width = getAffineConstantExpr(1, kernel.getContext());
  for (int64_t axis : groups.back())
    width = width * dims[axis];
  if (auto constant = constantSize(simplify(width)))
    lanes = std::min<int64_t>(lanes, llvm::PowerOf2Ceil(*constant));
  return lanes;
}

std::string describePointwiseLoops(KernelOp kernel, const Target &target) {
  Dims dims = dimsOf(kernel.getBody().front().getTerminator()->getOperand(0));
  auto groups = joinAxes(kernel, dims);
  std::string text = groups.empty() ? "one element" : "vectors of " + std::to_string(chooseLanes(kernel, target, dims, groups));
  if (groups.size() == 1)
    text += ", flat";
  else if (groups.size() > 1)
    text += ", rows in " + std::to_string(groups.size() - 1) + " loops";
  return text + ", about " + std::to_string(elementCost(kernel)) + " instructions each";
}

PointwiseLoops::PointwiseLoops(KernelContext &context)
    : c(context), dims(dimsOf(c.yield().getValues()[0])), groups(joinAxes(c.kernel, dims)), cost(elementCost(c.kernel)),
      lanes(chooseLanes(c.kernel, c.target, dims, groups)) {
  // About 20 to 100 us.
  columnsPerTask = cost < 40 ? 32768 : cost < 200 ? 8192 : 2048;
}

AffineExpr PointwiseLoops::groupSize(size_t group) const {
  AffineExpr total = getAffineConstantExpr(1, c.b.getContext());
  for (int64_t axis : groups[group])
    total = total * dims[axis];
  return simplify(total);
}

void PointwiseLoops::layOutTasks() {
  AffineExpr rowCount = getAffineConstantExpr(1, c.b.getContext()), columnCount = rowCount;
  for (size_t g = 0; g < groups.size(); ++g)
    (g + 1 == groups.size() ? columnCount : rowCount) = g + 1 == groups.size() ? groupSize(g) : rowCount * groupSize(g);
  rows = c.size(simplify(rowCount));
  columns = c.size(columnCount);
  columnBlocks = c.ceilDiv(columns, columnsPerTask);
  if (std::optional<int64_t> width = constantSize(columnCount)) {
    int64_t count = std::max<int64_t>(1, columnsPerTask / std::max<int64_t>(1, *width));
    rowsPerTask = c.index(count);
    rowBlocks = c.ceilDiv(rows, count);
    return;
  }
  Value one = c.index(1);
  Value some = arith::MaxSIOp::create(c.b, c.loc, columns, one);
  Value fit = arith::DivUIOp::create(c.b, c.loc, c.index(columnsPerTask), some);
  rowsPerTask = arith::MaxSIOp::create(c.b, c.loc, one, fit);
  rowBlocks = arith::DivUIOp::create(c.b, c.loc, c.add(rows, c.sub(rowsPerTask, one)), rowsPerTask);
}

Value PointwiseLoops::emitTaskCount() {
  layOutTasks();
  return c.mul(rowBlocks, columnBlocks);
}

void PointwiseLoops::emitTask(Value task) {
  layOutTasks();
  Value rowBlock = task, from = c.index(0), to = columns;
  if (constantOf(columnBlocks) != 1) {
    rowBlock = arith::DivUIOp::create(c.b, c.loc, task, columnBlocks);
    from = c.mulAdd(arith::RemUIOp::create(c.b, c.loc, task, columnBlocks), columnsPerTask, 0);
    to = c.minimum(c.mulAdd(from, 1, columnsPerTask), columns);
  }
  if (groups.size() <= 1)
    return emitRow({}, from, to);
  Value first = c.mul(rowBlock, rowsPerTask);
  Value last = c.minimum(c.add(first, rowsPerTask), rows);
  Dims sizes;
  for (size_t g = 0; g + 1 < groups.size(); ++g)
    sizes.push_back(groupSize(g));
  c.forLoop(first, last, 1, [&](Value row) { emitRow(c.delinearize(row, sizes), from, to); });
}

void PointwiseLoops::emitRow(ArrayRef<Value> outer, Value from, Value to) {
  if (groups.empty()) { // one element
    VectorReader reader(c, 1);
    SmallVector<LaneIndex> index(dims.size());
    SmallVector<Value> values;
    for (Value result : c.yield().getValues())
      values.push_back(reader.read(result, index));
    for (auto [value, buffer] : llvm::zip(values, c.outputBuffers))
      c.storeElement(value, buffer, c.index(0));
    return;
  }
  if (!interior)
    return emitColumns(outer, from, to, true);
  auto largest = [&](Value a, Value b) { return c.b.createOrFold<arith::MaxSIOp>(c.loc, a, b); };
  // Whole vectors at the low border: a few lanes would cost as much.
  Value border = c.mulAdd(c.ceilDiv(interior->low, lanes), lanes, 0);
  Value low = c.minimum(largest(from, border), to), high = largest(low, c.minimum(to, interior->high));
  emitColumns(outer, from, low, false);
  emitColumns(outer, low, high, true);
  emitColumns(outer, high, to, false);
}

void PointwiseLoops::emitColumns(ArrayRef<Value> outer, Value from, Value to, bool insideWindows) {
  // A group's index goes to its innermost axis: row-major positions come out right.
  auto indexAt = [&](Value column) {
    SmallVector<LaneIndex> index(dims.size());
    for (size_t g = 0; g < outer.size(); ++g)
      index[groups[g].back()] = LaneIndex::uniform(outer[g]);
    index[groups.back().back()] = LaneIndex::consecutive(column);
    return index;
  };
  int64_t unroll = cost < 20 ? 4 : cost < 60 ? 2 : 1;
  Value rowStart = VectorReader(c, 1).position(dims, indexAt(c.index(0)));
  emitLaneLoop(
      c, lanes, unroll, from, to,
      [&](VectorReader &reader, Value column) {
        reader.insideWindows = insideWindows;
        reader.startsAtMultiples = !interior;
        SmallVector<Value> values;
        for (Value result : c.yield().getValues())
          values.push_back(reader.read(result, indexAt(column)));
        return values;
      },
      [&](VectorReader &reader, Value column, ArrayRef<Value> values) {
        for (auto [value, buffer] : llvm::zip(values, c.outputBuffers))
          reader.store(value, buffer, c.add(rowStart, column));
      });
}

} // namespace nnc::cpu
