// The Row family: reductions with pointwise ops before and after.
//
// Accepted: any number of nn.reduce (sum, max, min, prod) over the same axes of
// inputs of one shape S, which may depend on each other through maps; maps,
// broadcasts, iotas, constants and views anywhere; operands of any shape that
// broadcasts; results of shape S or of the reductions' shape. Anything else is
// computed by the naive family.
//
// Reductions that do not depend on each other share a pass over the row. Where the
// innermost axis is reduced, lanes lie along it and a row's reductions end as
// scalars; otherwise lanes lie along the innermost kept axis and the reductions of
// a block of columns are vectors. Sums have a fixed order: lanes, then a tree, then
// outer axes, then partial results.
#include "codegen/cpu/Families.h"
#include "codegen/cpu/RowEmitter.h"
#include "codegen/cpu/ScheduleFamily.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

Value RowEmitter::emitTaskCount(unsigned phase) {
  layOutTasks();
  if (phase == 1)
    return c.index(1);
  return plan.split ? c.mul(tasks, partials) : tasks;
}

void RowEmitter::emitTask(Value task, unsigned phase) {
  layOutTasks();
  if (phase == 1)
    return emitRows(c.index(0), rows, c.index(0), columns, /*combine=*/true);
  Value part = c.index(0);
  if (plan.split) {
    part = arith::RemUIOp::create(c.b, c.loc, task, partials);
    task = arith::DivUIOp::create(c.b, c.loc, task, partials);
    partial = part;
    Value size = c.size(splitGroup().size);
    Value chunk = arith::DivUIOp::create(c.b, c.loc, c.add(size, c.sub(partials, c.index(1))), partials);
    if (&splitGroup() == &plan.groups.back()) // whole vectors
      chunk = c.mulAdd(c.ceilDiv(chunk, 4 * plan.lanes), 4 * plan.lanes, 0);
    splitFrom = c.minimum(c.mul(part, chunk), size);
    splitTo = c.minimum(c.add(splitFrom, chunk), size);
  }
  Value rowBlock = task, from = c.index(0), to = columns;
  if (constantOf(columnBlocks) != 1) {
    rowBlock = arith::DivUIOp::create(c.b, c.loc, task, columnBlocks);
    from = c.mul(arith::RemUIOp::create(c.b, c.loc, task, columnBlocks), columnsPerTask);
    to = c.minimum(c.add(from, columnsPerTask), columns);
  }
  Value first = c.mul(rowBlock, rowsPerTask);
  emitRows(first, c.minimum(c.add(first, rowsPerTask), rows), from, to, /*combine=*/false);
}

//===-- tasks ------------------------------------------------------------------===//

// Rows are the kept positions, without the lanes' axis where that is kept: it gives
// the columns.
void RowEmitter::layOutTasks() {
  AffineExpr rowCount = getAffineConstantExpr(1, c.b.getContext()), columnCount = rowCount;
  for (auto [g, group] : llvm::enumerate(plan.groups)) {
    if (group.reduced)
      continue;
    bool isLanes = !plan.lanesReduced && g + 1 == plan.groups.size();
    (isLanes ? columnCount : rowCount) = isLanes ? group.size : simplify(rowCount * group.size);
  }
  rows = c.size(rowCount);
  columns = c.size(columnCount);
  Value one = c.index(1), work = c.index(plan.elementsPerTask());
  auto atLeastOne = [&](Value v) { return c.b.createOrFold<arith::MaxSIOp>(c.loc, v, one); };
  auto divide = [&](Value a, Value b) { return c.b.createOrFold<arith::DivUIOp>(c.loc, a, b); };
  auto ceilDivide = [&](Value a, Value b) { return divide(c.add(a, c.sub(b, one)), b); };
  Value reduced = atLeastOne(c.size(plan.reducedSize));
  int64_t block = 4 * plan.lanes;
  columnsPerTask = c.mulAdd(c.ceilDiv(atLeastOne(divide(work, reduced)), block), block, 0);
  columnBlocks = ceilDivide(columns, columnsPerTask);
  Value width = atLeastOne(c.minimum(columns, columnsPerTask));
  rowsPerTask = atLeastOne(divide(work, c.mul(reduced, width)));
  tasks = c.mul(ceilDivide(rows, rowsPerTask), columnBlocks);
  if (plan.split) {
    Value total = c.mul(reduced, c.mul(rows, columns)), enough = c.index(plan.elementsPerTask() / 2);
    partials = ceilDivide(total, c.mul(atLeastOne(tasks), enough));
    partials = c.minimum(partials, c.index(RowPlan::mostPartials));
    partials = atLeastOne(c.minimum(partials, c.size(splitGroup().size)));
  }
}

const RowPlan::Group &RowEmitter::splitGroup() const {
  return *llvm::find_if(plan.groups, [](const RowPlan::Group &group) { return group.reduced; });
}

void RowEmitter::emitRows(Value first, Value last, Value from, Value to, bool combine) {
  Dims sizes;
  SmallVector<const RowPlan::Group *> kept;
  for (const RowPlan::Group &group : plan.groups)
    if (!group.reduced && (plan.lanesReduced || &group != &plan.groups.back())) {
      sizes.push_back(group.size);
      kept.push_back(&group);
    }
  auto row = [&](Value number) {
    index.assign(plan.dims.size(), LaneIndex());
    if (number)
      for (auto [group, position] : llvm::zip(kept, c.delinearize(number, sizes)))
        index[group->axes.back()] = LaneIndex::uniform(position);
    if (combine)
      combinePartials(from, to);
    else if (plan.registerVectors)
      emitInRegisters();
    else if (plan.lanesReduced)
      emitAlongReduced();
    else
      overColumns(from, to, [&](ArrayRef<Value> positions, Value active) { emitColumnBlock(positions, active); });
  };
  if (kept.empty())
    return row({});
  c.forLoop(first, last, 1, row);
}
std::pair<Value, Value> RowEmitter::rangeOf(const RowPlan::Group &group) {
  if (splitFrom && &group == &splitGroup())
    return {splitFrom, splitTo};
  return {c.index(0), c.size(group.size)};
}

SmallVector<const RowPlan::Group *> RowEmitter::outerReduced() const {
  SmallVector<const RowPlan::Group *> groups;
  for (const RowPlan::Group &group : plan.groups)
    if (group.reduced && !(plan.lanesReduced && &group == &plan.groups.back()))
      groups.push_back(&group);
  return groups;
}

SmallVector<LaneIndex> RowEmitter::lanesAt(Value position) {
  SmallVector<LaneIndex> at(index);
  at[plan.groups.back().axes.back()] = LaneIndex::consecutive(position);
  return at;
}
SmallVector<LaneIndex> RowEmitter::reducedAt(Value position) {
  SmallVector<LaneIndex> at = plan.lanesReduced ? index : lanesAt(position);
  for (const RowPlan::Group &group : plan.groups)
    if (group.reduced)
      at[group.axes.back()] = LaneIndex();
  return at;
}

namespace {

class RowFamily : public ScheduleFamily {
  std::string scheduleText(KernelOp kernel, const Target &target) const override {
    auto plan = RowPlan::make(kernel, target);
    return plan ? plan->describe() : naiveFamily().scheduleText(kernel, target);
  }

  std::string fallback(KernelOp kernel, const Target &target) const override {
    std::string why;
    RowPlan::make(kernel, target, &why);
    return why;
  }

  KernelMemory memory(KernelOp kernel, const Target &target) const override {
    auto plan = RowPlan::make(kernel, target);
    return plan ? plan->memory() : KernelMemory();
  }

  unsigned phases(KernelOp kernel, const Target &target) const override {
    auto plan = RowPlan::make(kernel, target);
    return plan && plan->split ? 2 : 1;
  }

  Value emitTaskCount(KernelContext &c, unsigned phase) const override {
    auto plan = RowPlan::make(c.kernel, c.target);
    return plan ? RowEmitter(c, *plan).emitTaskCount(phase) : naiveFamily().emitTaskCount(c, phase);
  }

  void emitTask(KernelContext &c, Value task, unsigned phase) const override {
    auto plan = RowPlan::make(c.kernel, c.target);
    return plan ? RowEmitter(c, *plan).emitTask(task, phase) : naiveFamily().emitTask(c, task, phase);
  }
};

} // namespace

const ScheduleFamily &rowFamily() {
  static const RowFamily family;
  return family;
}

} // namespace nnc::cpu
