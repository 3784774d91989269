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
#include "codegen/cpu/RowPlan.h"
#include "codegen/cpu/Families.h"
#include "codegen/cpu/ScheduleFamily.h"
#include "codegen/cpu/VectorReader.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

namespace {

using Values = SmallVector<Value>;

Value inputOf(ReduceOp reduce) { return reduce.getInput(); }
Value resultOf(ReduceOp reduce) { return reduce.getResult(); }

class RowEmitter {
public:
  RowEmitter(KernelContext &c, const RowPlan &plan) : c(c), plan(plan), pass(0) {}

  Value emitTaskCount(unsigned phase) {
    layOutTasks();
    if (phase == 1)
      return c.index(1);
    return plan.split ? c.mul(tasks, partials) : tasks;
  }

  void emitTask(Value task, unsigned phase) {
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

private:
  //===-- tasks ------------------------------------------------------------------===//

  // Rows are the kept positions, without the lanes' axis where that is kept: it gives
  // the columns.
  void layOutTasks() {
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
      Value total = c.mul(reduced, c.mul(rows, columns));
      partials = c.minimum(c.ceilDiv(total, plan.elementsPerTask() / 2), c.index(RowPlan::mostPartials));
      partials = atLeastOne(c.minimum(partials, c.size(splitGroup().size)));
    }
  }

  /// The outermost reduced group.
  const RowPlan::Group &splitGroup() const {
    return *llvm::find_if(plan.groups, [](const RowPlan::Group &group) { return group.reduced; });
  }

  void emitRows(Value first, Value last, Value from, Value to, bool combine) {
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
        emitAlongKept(from, to);
    };
    if (kept.empty())
      return row({});
    c.forLoop(first, last, 1, row);
  }

  //===-- combining ----------------------------------------------------------------===//

  Value identity(ReduceOp reduce) {
    Type type = elementTypeOf(reduce.getInput());
    double infinity = isa<FloatType>(type) ? std::numeric_limits<double>::infinity() : static_cast<double>(int64_t(1) << 62);
    switch (reduce.getKind()) {
    case ReduceKind::max: return c.constant(type, -infinity);
    case ReduceKind::min: return c.constant(type, infinity);
    default: return c.constant(type, reduce.getKind() == ReduceKind::prod ? 1 : 0);
    }
  }

  Value combine(ReduceOp reduce, Value a, Value b) {
    Expr x = Expr::input(0), y = Expr::input(1);
    auto expr = [&] {
      switch (reduce.getKind()) {
      case ReduceKind::max: return Expr::make(Primitive::Maximum, {x, y});
      case ReduceKind::min: return Expr::make(Primitive::Minimum, {x, y});
      case ReduceKind::prod: return x * y;
      default: return x + y;
      }
    };
    return c.evaluate(expr(), {a, b}, elementTypeOf(reduce.getInput()))[0];
  }

  // Halves are combined until one element is left.
  Value combineLanes(ReduceOp reduce, Value vector) {
    for (int64_t width = plan.lanes / 2; width >= 1; width /= 2) {
      Value low = vector::ExtractStridedSliceOp::create(c.b, c.loc, vector, {0}, {width}, {1});
      Value high = vector::ExtractStridedSliceOp::create(c.b, c.loc, vector, {width}, {width}, {1});
      vector = combine(reduce, low, high);
    }
    return vector::ExtractOp::create(c.b, c.loc, vector, ArrayRef<int64_t>{0});
  }

  /// Sets of accumulators, one after the other, into one set.
  Values combineSets(ArrayRef<ReduceOp> reduces, Values sets) {
    size_t width = reduces.size();
    for (size_t count = sets.size() / width; count > 1; count = (count + 1) / 2)
      for (size_t s = 0; s < count / 2; ++s)
        for (size_t i = 0; i < width; ++i)
          sets[s * width + i] = combine(reduces[i], sets[s * width + i], sets[(s + (count + 1) / 2) * width + i]);
    sets.resize(width);
    return sets;
  }

  Value broadcast(Value scalar) {
    return vector::BroadcastOp::create(c.b, c.loc, VectorType::get({plan.lanes}, scalar.getType()), scalar);
  }

  Values identities(ArrayRef<ReduceOp> reduces) {
    return llvm::map_to_vector(reduces, [&](ReduceOp reduce) { return broadcast(identity(reduce)); });
  }

  //===-- reading --------------------------------------------------------------------===//

  /// What is known so far about the row.
  using Bindings = SmallVector<std::pair<Value, Value>>;

  static void bind(VectorReader &reader, const Bindings &known) {
    for (auto [tensor, value] : known)
      reader.bind(tensor, value);
  }

  /// `for` nests over groups; each sets its index.
  void overGroups(ArrayRef<const RowPlan::Group *> groups, function_ref<void()> body) {
    if (groups.empty())
      return body();
    c.forLoop(c.index(0), c.size(groups.front()->size), 1, [&](Value position) {
      index[groups.front()->axes.back()] = LaneIndex::uniform(position);
      overGroups(groups.drop_front(), body);
    });
  }

  // A sum is cut into blocks of this many steps: its error grows with the steps
  // within a block and the number of blocks, not with their product.
  static constexpr int64_t blockSteps = 128;

  /// Accumulators (for each of `copies` vectors, one a reduction) over [from, to): `body`
  /// gives those of a block, which are combined with `carried`.
  Values inBlocks(Value from, Value to, int64_t blockSize, Values carried, ArrayRef<ReduceOp> reduces,
                  function_ref<Values(Value low, Value high)> body) {
    auto combineAll = [&](ValueRange before, Values values) {
      for (size_t i = 0; i < values.size(); ++i)
        values[i] = combine(reduces[i % reduces.size()], before[i], values[i]);
      return values;
    };
    auto low = constantOf(from), high = constantOf(to);
    if (low && high && *high - *low <= blockSize)
      return combineAll(carried, body(from, to));
    auto loop = scf::ForOp::create(c.b, c.loc, from, to, c.index(blockSize), carried);
    OpBuilder::InsertionGuard guard(c.b);
    c.b.setInsertionPointToStart(loop.getBody());
    Value start = loop.getInductionVar();
    Values next = combineAll(loop.getRegionIterArgs(), body(start, c.minimum(c.mulAdd(start, 1, blockSize), to)));
    scf::YieldOp::create(c.b, c.loc, next);
    return Values(loop.getResults());
  }

  /// Reduction nests over groups: each level sums what the level within has summed.
  Values cascade(ArrayRef<const RowPlan::Group *> groups, ArrayRef<ReduceOp> reduces, size_t copies,
                 function_ref<Values(ValueRange)> body) {
    Values initial;
    for (size_t i = 0; i < copies; ++i)
      llvm::append_range(initial, identities(reduces));
    if (groups.empty())
      return body(initial);
    auto [from, to] = rangeOf(*groups.front());
    return inBlocks(from, to, blockSteps, initial, reduces, [&](Value low, Value high) {
      auto loop = scf::ForOp::create(c.b, c.loc, low, high, c.index(1), initial);
      OpBuilder::InsertionGuard guard(c.b);
      c.b.setInsertionPointToStart(loop.getBody());
      index[groups.front()->axes.back()] = LaneIndex::uniform(loop.getInductionVar());
      Values next;
      if (groups.size() == 1) {
        next = body(loop.getRegionIterArgs());
      } else {
        next = cascade(groups.drop_front(), reduces, copies, body);
        for (size_t i = 0; i < next.size(); ++i)
          next[i] = combine(reduces[i % reduces.size()], loop.getRegionIterArgs()[i], next[i]);
      }
      scf::YieldOp::create(c.b, c.loc, next);
      return Values(loop.getResults());
    });
  }

  std::pair<Value, Value> rangeOf(const RowPlan::Group &group) {
    if (splitFrom && &group == &splitGroup())
      return {splitFrom, splitTo};
    return {c.index(0), c.size(group.size)};
  }

  /// Reduced groups that lanes do not lie along.
  SmallVector<const RowPlan::Group *> outerReduced() const {
    SmallVector<const RowPlan::Group *> groups;
    for (const RowPlan::Group &group : plan.groups)
      if (group.reduced && !(plan.lanesReduced && &group == &plan.groups.back()))
        groups.push_back(&group);
    return groups;
  }

  SmallVector<LaneIndex> lanesAt(Value position) {
    SmallVector<LaneIndex> at(index);
    at[plan.groups.back().axes.back()] = LaneIndex::consecutive(position);
    return at;
  }

  Value result(unsigned r) { return c.yield().getValues()[r]; }

  //===-- lanes along the reduced axis ---------------------------------------------===//

  // Loops over the row for each pass, then one for the full results.
  void emitAlongReduced() {
    Bindings known;
    const RowPlan::Group &lanesGroup = plan.groups.back();
    auto [from, to] = rangeOf(lanesGroup);
    int64_t unroll = plan.cost < 60 ? 4 : 2;
    if (auto width = constantSize(lanesGroup.size))
      unroll = std::clamp<int64_t>(*width / plan.lanes, 1, unroll);
    for (pass = 0; pass < plan.passes.size(); ++pass) {
      ArrayRef<ReduceOp> reduces = plan.passes[pass];
      Values sums = cascade(outerReduced(), reduces, 1, [&](ValueRange outer) -> Values {
        return inBlocks(from, to, blockSteps * unroll * plan.lanes, Values(outer), reduces, [&](Value low, Value high) {
          return combineSets(reduces, emitLaneReduction(c, plan.lanes, unroll, low, high, identities(reduces),
              [&](VectorReader &reader, Value position, Value active, ValueRange held) -> Values {
            bind(reader, known);
            useCached(reader, position);
            Values next;
            for (auto [reduce, before] : llvm::zip(reduces, held)) {
              Value after = combine(reduce, before, reader.readVector(inputOf(reduce), lanesAt(position)));
              next.push_back(active ? Value(arith::SelectOp::create(c.b, c.loc, active, after, before)) : after);
            }
            storeCached(reader, position);
            return next;
          }));
        });
      });
      for (auto [reduce, sum] : llvm::zip(reduces, sums))
        known.push_back({resultOf(reduce), combineLanes(reduce, sum)});
    }
    if (partial)
      return storePartials(known);
    if (!plan.fullResults.empty())
      overGroups(outerReduced(), [&] {
        Value rowStart = VectorReader(c, 1).position(plan.dims, lanesAt(c.index(0)));
        emitLaneLoop(c, plan.lanes, unroll, from, to,
            [&](VectorReader &reader, Value position) {
              bind(reader, known);
              useCached(reader, position);
              return llvm::map_to_vector(plan.fullResults, [&](unsigned r) { return reader.read(result(r), lanesAt(position)); });
            },
            [&](VectorReader &reader, Value position, ArrayRef<Value> values) {
              for (auto [r, value] : llvm::zip(plan.fullResults, values))
                reader.store(value, c.outputBuffers[r], c.add(rowStart, position));
            });
      });
    storeReducedScalars(known);
  }

  // One reader a vector lives through all passes: nothing is computed twice.
  void emitInRegisters() {
    int64_t width = *constantSize(plan.reducedSize);
    SmallVector<VectorReader> readers;
    SmallVector<Value> positions, masks;
    for (int64_t v = 0; v < plan.registerVectors; ++v) {
      int64_t left = width - v * plan.lanes;
      Value active;
      if (left < plan.lanes)
        active = vector::CreateMaskOp::create(c.b, c.loc, VectorType::get({plan.lanes}, c.b.getI1Type()), Value(c.index(left)));
      readers.emplace_back(c, plan.lanes, active);
      masks.push_back(active);
      positions.push_back(c.index(v * plan.lanes));
    }
    Bindings known;
    for (auto &reduces : plan.passes)
      for (ReduceOp reduce : reduces) {
        Values parts;
        for (auto [reader, position, active] : llvm::zip(readers, positions, masks)) {
          Value part = reader.readVector(inputOf(reduce), lanesAt(position));
          if (active)
            part = arith::SelectOp::create(c.b, c.loc, active, part, broadcast(identity(reduce)));
          parts.push_back(part);
        }
        known.push_back({resultOf(reduce), combineLanes(reduce, combineSets(reduce, parts)[0])});
        for (VectorReader &reader : readers)
          bind(reader, {known.back()});
      }
    Value rowStart = VectorReader(c, 1).position(plan.dims, lanesAt(c.index(0)));
    for (auto [reader, position] : llvm::zip(readers, positions))
      for (unsigned r : plan.fullResults)
        reader.store(reader.read(result(r), lanesAt(position)), c.outputBuffers[r], c.add(rowStart, position));
    storeReducedScalars(known);
  }

  void storeReducedScalars(const Bindings &known) {
    if (plan.reducedResults.empty())
      return;
    VectorReader reader(c, plan.lanes);
    bind(reader, known);
    SmallVector<LaneIndex> at(index);
    for (const RowPlan::Group &group : plan.groups)
      if (group.reduced)
        at[group.axes.back()] = LaneIndex();
    Value position = reader.position(plan.reducedDims, at);
    for (unsigned r : plan.reducedResults)
      c.storeElement(reader.read(result(r), at), c.outputBuffers[r], position);
  }

  //===-- values kept between passes ---------------------------------------------===//

  Value cacheOf(size_t slot) {
    Type type = elementTypeOf(plan.cached[slot].first);
    auto memref = MemRefType::get({ShapedType::kDynamic}, type);
    return memref::ViewOp::create(c.b, c.loc, memref, c.workerScratch, c.index(plan.cacheOffset(slot)),
                                  ValueRange{c.size(plan.reducedSize)});
  }

  // Row-major position within the reduced axes.
  Value cachePosition(Value lane) {
    Value position;
    for (const RowPlan::Group *group : outerReduced()) {
      Value i = index[group->axes.back()].base;
      position = position ? c.add(c.mul(position, c.size(group->size)), i) : i;
    }
    return position ? c.add(c.mul(position, c.size(plan.groups.back().size)), lane) : lane;
  }

  void useCached(VectorReader &reader, Value lane) {
    for (auto [slot, entry] : llvm::enumerate(plan.cached))
      if (entry.second < pass)
        reader.bind(entry.first, reader.load(cacheOf(slot), elementTypeOf(entry.first), LaneIndex::consecutive(cachePosition(lane))));
  }

  void storeCached(VectorReader &reader, Value lane) {
    for (auto [slot, entry] : llvm::enumerate(plan.cached))
      if (entry.second == pass)
        reader.store(reader.readVector(entry.first, lanesAt(lane)), cacheOf(slot), cachePosition(lane));
  }

  //===-- lanes along the kept axis ------------------------------------------------===//

  void emitAlongKept(Value from, Value to) {
    overColumns(from, to, [&](ArrayRef<Value> positions, Value active) { emitColumnBlock(positions, active); });
  }

  // Four vectors at a time, then single ones, then a masked one.
  void overColumns(Value from, Value to, function_ref<void(ArrayRef<Value>, Value active)> block) {
    constexpr int64_t together = 4;
    auto wholeEnd = [&](int64_t step) -> Value {
      auto low = constantOf(from), high = constantOf(to);
      if (low && high)
        return c.index(*low + (*high - *low) / step * step);
      return c.sub(to, arith::RemUIOp::create(c.b, c.loc, c.sub(to, from), c.index(step)));
    };
    Value start = from;
    for (int64_t count : {together, int64_t(1)}) {
      Value end = wholeEnd(count * plan.lanes);
      if (!(constantOf(start) && constantOf(start) == constantOf(end)))
        c.forLoop(start, end, count * plan.lanes, [&](Value column) {
          Values positions;
          for (int64_t v = 0; v < count; ++v)
            positions.push_back(c.mulAdd(column, 1, v * plan.lanes));
          block(positions, {});
        });
      start = end;
    }
    if (constantOf(start) && constantOf(start) == constantOf(to))
      return;
    auto rest = [&] {
      auto type = VectorType::get({plan.lanes}, c.b.getI1Type());
      block(start, vector::CreateMaskOp::create(c.b, c.loc, type, c.sub(to, start)));
    };
    if (constantOf(start) && constantOf(to))
      return rest();
    auto branch = scf::IfOp::create(c.b, c.loc, arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::slt, start, to));
    OpBuilder::InsertionGuard guard(c.b);
    c.b.setInsertionPointToStart(branch.thenBlock());
    rest();
  }

  void emitColumnBlock(ArrayRef<Value> positions, Value active) {
    SmallVector<Bindings> known(positions.size());
    for (auto &reduces : plan.passes) {
      Values sums = cascade(outerReduced(), reduces, positions.size(), [&](ValueRange held) {
        Values next;
        for (auto [v, position] : llvm::enumerate(positions)) {
          VectorReader reader(c, plan.lanes, active);
          bind(reader, known[v]);
          for (ReduceOp reduce : reduces)
            next.push_back(combine(reduce, held[next.size()], reader.readVector(inputOf(reduce), lanesAt(position))));
        }
        return next;
      });
      for (size_t s = 0; s < sums.size(); ++s)
        known[s / reduces.size()].push_back({resultOf(reduces[s % reduces.size()]), sums[s]});
    }
    if (partial) {
      for (auto [v, position] : llvm::enumerate(positions))
        storePartials(known[v], position, active);
      return;
    }
    if (!plan.fullResults.empty())
      overGroups(outerReduced(), [&] {
        for (auto [v, position] : llvm::enumerate(positions)) {
          VectorReader reader(c, plan.lanes, active);
          bind(reader, known[v]);
          Value start = reader.position(plan.dims, lanesAt(position));
          for (unsigned r : plan.fullResults)
            reader.store(reader.read(result(r), lanesAt(position)), c.outputBuffers[r], start);
        }
      });
    for (auto [v, position] : llvm::enumerate(positions))
      storeReducedVectors(known[v], position, active);
  }

  void storeReducedVectors(const Bindings &known, Value position, Value active) {
    VectorReader reader(c, plan.lanes, active);
    bind(reader, known);
    SmallVector<LaneIndex> at = reducedLanesAt(position);
    Value start = reader.position(plan.reducedDims, at);
    for (unsigned r : plan.reducedResults)
      reader.store(reader.read(result(r), at), c.outputBuffers[r], start);
  }

  SmallVector<LaneIndex> reducedLanesAt(Value position) {
    SmallVector<LaneIndex> at = lanesAt(position);
    for (const RowPlan::Group &group : plan.groups)
      if (group.reduced)
        at[group.axes.back()] = LaneIndex();
    return at;
  }

  //===-- partial results --------------------------------------------------------------===//

  // Shared scratch: [reduction][partial][kept position], eight bytes a place.
  Value partialsOf(size_t i) {
    Type type = elementTypeOf(resultOf(plan.passes[0][i]));
    int64_t bytes = RowPlan::mostPartials * *constantSize(plan.keptSize) * 8;
    auto memref = MemRefType::get({ShapedType::kDynamic}, type);
    return memref::ViewOp::create(c.b, c.loc, memref, c.sharedScratch, c.index(i * bytes), ValueRange{c.index(bytes / 8)});
  }

  Value partialPosition(Value number, Value keptPosition) {
    return c.add(c.mul(number, c.size(plan.keptSize)), keptPosition);
  }

  // Lanes along the reduced axis: a scalar each.
  void storePartials(const Bindings &known) {
    Value kept = keptPosition();
    for (auto [i, entry] : llvm::enumerate(known))
      c.storeElement(entry.second, partialsOf(i), partialPosition(partial, kept));
  }

  void storePartials(const Bindings &known, Value position, Value active) {
    VectorReader reader(c, plan.lanes, active);
    Value kept = reader.position(plan.reducedDims, reducedLanesAt(position));
    for (auto [i, entry] : llvm::enumerate(known))
      reader.store(entry.second, partialsOf(i), partialPosition(partial, kept));
  }

  Value keptPosition() {
    SmallVector<LaneIndex> at(index);
    for (const RowPlan::Group &group : plan.groups)
      if (group.reduced)
        at[group.axes.back()] = LaneIndex();
    return VectorReader(c, 1).position(plan.reducedDims, at);
  }

  void combinePartials(Value from, Value to) {
    ArrayRef<ReduceOp> reduces = plan.passes[0];
    auto fold = [&](Values initial, function_ref<Value(size_t, Value number)> load) {
      auto loop = scf::ForOp::create(c.b, c.loc, c.index(0), partials, c.index(1), initial);
      OpBuilder::InsertionGuard guard(c.b);
      c.b.setInsertionPointToStart(loop.getBody());
      Values next;
      for (size_t i = 0; i < reduces.size(); ++i)
        next.push_back(combine(reduces[i], loop.getRegionIterArgs()[i], load(i, loop.getInductionVar())));
      scf::YieldOp::create(c.b, c.loc, next);
      Bindings known;
      for (auto [reduce, value] : llvm::zip(reduces, loop.getResults()))
        known.push_back({resultOf(reduce), value});
      return known;
    };
    if (plan.lanesReduced) {
      Value kept = keptPosition();
      Values initial = llvm::map_to_vector(reduces, [&](ReduceOp reduce) { return identity(reduce); });
      return storeReducedScalars(fold(initial, [&](size_t i, Value number) -> Value {
        return memref::LoadOp::create(c.b, c.loc, partialsOf(i), partialPosition(number, kept));
      }));
    }
    overColumns(from, to, [&](ArrayRef<Value> positions, Value active) {
      for (Value position : positions) {
        Value kept = VectorReader(c, 1).position(plan.reducedDims, reducedLanesAt(position));
        Bindings known = fold(identities(reduces), [&](size_t i, Value number) {
          VectorReader reader(c, plan.lanes, active);
          return reader.load(partialsOf(i), elementTypeOf(resultOf(reduces[i])),
                             LaneIndex::consecutive(partialPosition(number, kept)));
        });
        storeReducedVectors(known, position, active);
      }
    });
  }

  KernelContext &c;
  const RowPlan &plan;
  size_t pass;
  SmallVector<LaneIndex> index; ///< of the kept and the outer reduced groups
  Value rows, columns, rowsPerTask, columnsPerTask, columnBlocks, tasks, partials;
  Value partial, splitFrom, splitTo; ///< null unless the reduction is split
};

class RowFamily : public ScheduleFamily {
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
    std::string why;
    auto plan = RowPlan::make(c.kernel, c.target, &why);
    if (plan)
      return RowEmitter(c, *plan).emitTask(task, phase);
    c.kernel.emitRemark("this row kernel is computed element by element: " + why);
    naiveFamily().emitTask(c, task, phase);
  }
};

} // namespace

const ScheduleFamily &rowFamily() {
  static const RowFamily family;
  return family;
}

} // namespace nnc::cpu
