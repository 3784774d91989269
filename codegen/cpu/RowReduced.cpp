// The Row family with lanes along the reduced axis: a row's reductions are scalars.
#include "codegen/cpu/RowEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

//===-- lanes along the reduced axis ---------------------------------------------===//

// Loops over the row for each pass, then one for the full results.
void RowEmitter::emitAlongReduced() {
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
        return combineSets(
            reduces,
            emitLaneReduction(
                c, plan.lanes, unroll, low, high, identities(reduces),
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
      emitLaneLoop(
          c, plan.lanes, unroll, from, to,
          [&](VectorReader &reader, Value position) {
            bind(reader, known);
            useCached(reader, position);
            return llvm::map_to_vector(plan.fullResults,
                                       [&](unsigned r) { return reader.read(result(r), lanesAt(position)); });
          },
          [&](VectorReader &reader, Value position, ArrayRef<Value> values) {
            for (auto [r, value] : llvm::zip(plan.fullResults, values))
              reader.store(value, c.outputBuffers[r], c.add(rowStart, position));
          });
    });
  storeReducedScalars(known);
}

// One reader a vector lives through all passes: nothing is computed twice.
void RowEmitter::emitInRegisters() {
  int64_t width = *constantSize(plan.reducedSize);
  SmallVector<VectorReader> readers;
  SmallVector<Value> positions, masks;
  for (int64_t v = 0; v < plan.registerVectors; ++v) {
    int64_t left = width - v * plan.lanes;
    Value active;
    if (left < plan.lanes)
      active = vector::CreateMaskOp::create(c.b, c.loc, VectorType::get({plan.lanes}, c.b.getI1Type()),
                                            Value(c.index(left)));
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

void RowEmitter::storeReducedScalars(const Bindings &known) {
  if (plan.reducedResults.empty())
    return;
  VectorReader reader(c, plan.lanes);
  bind(reader, known);
  SmallVector<LaneIndex> at = reducedAt({});
  Value position = reader.position(plan.reducedDims, at);
  for (unsigned r : plan.reducedResults)
    c.storeElement(reader.read(result(r), at), c.outputBuffers[r], position);
}

//===-- values kept between passes ---------------------------------------------===//

Value RowEmitter::cacheOf(size_t slot) {
  Type type = elementTypeOf(plan.cached[slot].first);
  auto memref = MemRefType::get({ShapedType::kDynamic}, type);
  return memref::ViewOp::create(c.b, c.loc, memref, c.workerScratch, c.index(plan.cacheOffset(slot)),
                                ValueRange{c.size(plan.reducedSize)});
}

// Row-major position within the reduced axes.
Value RowEmitter::cachePosition(Value lane) {
  Value position;
  for (const RowPlan::Group *group : outerReduced()) {
    Value i = index[group->axes.back()].base;
    position = position ? c.add(c.mul(position, c.size(group->size)), i) : i;
  }
  return position ? c.add(c.mul(position, c.size(plan.groups.back().size)), lane) : lane;
}

void RowEmitter::useCached(VectorReader &reader, Value lane) {
  for (auto [slot, entry] : llvm::enumerate(plan.cached))
    if (entry.second < pass)
      reader.bind(entry.first,
                  reader.load(cacheOf(slot), elementTypeOf(entry.first), LaneIndex::consecutive(cachePosition(lane))));
}

void RowEmitter::storeCached(VectorReader &reader, Value lane) {
  for (auto [slot, entry] : llvm::enumerate(plan.cached))
    if (entry.second == pass)
      reader.store(reader.readVector(entry.first, lanesAt(lane)), cacheOf(slot), cachePosition(lane));
}
} // namespace nnc::cpu
