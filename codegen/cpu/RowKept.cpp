// The Row family with lanes along a kept axis: reductions of a block of columns are
// vectors; and partial results of split reductions, of both kinds.
#include "codegen/cpu/RowEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

//===-- lanes along the kept axis ------------------------------------------------===//

// Four vectors at a time, then single ones, then a masked one.
void RowEmitter::overColumns(Value from, Value to, function_ref<void(ArrayRef<Value>, Value active)> block) {
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

void RowEmitter::emitColumnBlock(ArrayRef<Value> positions, Value active) {
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

void RowEmitter::storeReducedVectors(const Bindings &known, Value position, Value active) {
  VectorReader reader(c, plan.lanes, active);
  bind(reader, known);
  SmallVector<LaneIndex> at = reducedAt(position);
  Value start = reader.position(plan.reducedDims, at);
  for (unsigned r : plan.reducedResults)
    reader.store(reader.read(result(r), at), c.outputBuffers[r], start);
}

//===-- partial results --------------------------------------------------------------===//

// Shared scratch: [reduction][partial][kept position], eight bytes a place.
Value RowEmitter::partialsOf(size_t i) {
  Type type = elementTypeOf(resultOf(plan.passes[0][i]));
  int64_t bytes = RowPlan::mostPartials * *constantSize(plan.keptSize) * 8;
  auto memref = MemRefType::get({ShapedType::kDynamic}, type);
  return memref::ViewOp::create(c.b, c.loc, memref, c.sharedScratch, c.index(i * bytes),
                                ValueRange{c.index(bytes / 8)});
}

Value RowEmitter::partialPosition(Value number, Value keptPosition) {
  return c.add(c.mul(number, c.size(plan.keptSize)), keptPosition);
}

// Lanes along the reduced axis: a scalar each.
void RowEmitter::storePartials(const Bindings &known) {
  Value kept = VectorReader(c, 1).position(plan.reducedDims, reducedAt({}));
  for (auto [i, entry] : llvm::enumerate(known))
    c.storeElement(entry.second, partialsOf(i), partialPosition(partial, kept));
}

void RowEmitter::storePartials(const Bindings &known, Value position, Value active) {
  VectorReader reader(c, plan.lanes, active);
  Value kept = reader.position(plan.reducedDims, reducedAt(position));
  for (auto [i, entry] : llvm::enumerate(known))
    reader.store(entry.second, partialsOf(i), partialPosition(partial, kept));
}

void RowEmitter::combinePartials(Value from, Value to) {
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
    Value kept = VectorReader(c, 1).position(plan.reducedDims, reducedAt({}));
    Values initial = llvm::map_to_vector(reduces, [&](ReduceOp reduce) { return identity(reduce); });
    return storeReducedScalars(fold(initial, [&](size_t i, Value number) -> Value {
      return memref::LoadOp::create(c.b, c.loc, partialsOf(i), partialPosition(number, kept));
    }));
  }
  overColumns(from, to, [&](ArrayRef<Value> positions, Value active) {
    for (Value position : positions) {
      Value kept = VectorReader(c, 1).position(plan.reducedDims, reducedAt(position));
      Bindings known = fold(identities(reduces), [&](size_t i, Value number) {
        VectorReader reader(c, plan.lanes, active);
        return reader.load(partialsOf(i), elementTypeOf(resultOf(reduces[i])),
                           LaneIndex::consecutive(partialPosition(number, kept)));
      });
      storeReducedVectors(known, position, active);
    }
  });
}
} // namespace nnc::cpu
