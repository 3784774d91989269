// Loops over lanes: whole vectors, then one masked rest.
#include "codegen/cpu/VectorReader.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace nnc::cpu {

namespace {

/// Where the parts of [from, to) end: the unrolled vectors, then the single ones.
struct Parts {
  Value unrolledEnd, vectorsEnd;
};

Parts partsOf(KernelContext &c, int64_t lanes, int64_t unroll, Value from, Value to) {
  auto wholeEnd = [&](int64_t step) -> Value {
    auto low = constantOf(from), high = constantOf(to);
    if (low && high)
      return c.index(*low + (*high - *low) / step * step);
    Value count = c.sub(to, from);
    Value rest = arith::RemUIOp::create(c.b, c.loc, count, c.index(step));
    return c.sub(to, rest);
  };
  return {wholeEnd(lanes * unroll), wholeEnd(lanes)};
}

/// `for` that carries values; not emitted where it is known to be empty.
SmallVector<Value> carryingLoop(KernelContext &c, Value from, Value to, int64_t step, ValueRange initial,
                                function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto low = constantOf(from), high = constantOf(to);
  if (low && high && *low >= *high)
    return SmallVector<Value>(initial);
  if (low && high && *low + step >= *high)
    return body(from, initial);
  auto loop = scf::ForOp::create(c.b, c.loc, from, to, c.index(step), initial);
  OpBuilder::InsertionGuard guard(c.b);
  c.b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!next.empty())
    scf::YieldOp::create(c.b, c.loc, next);
  return SmallVector<Value>(loop.getResults());
}

/// What is left behind the whole vectors, if anything.
SmallVector<Value> maskedRest(KernelContext &c, int64_t lanes, Value from, Value to, ValueRange initial,
                              function_ref<SmallVector<Value>(Value position, Value active)> body) {
  auto low = constantOf(from), high = constantOf(to);
  if (low && high && *low >= *high)
    return SmallVector<Value>(initial);
  auto emit = [&] {
    auto type = VectorType::get({lanes}, c.b.getI1Type());
    return body(from, vector::CreateMaskOp::create(c.b, c.loc, type, c.sub(to, from)));
  };
  if (low && high)
    return emit();
  Value some = arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::slt, from, to);
  auto branch = scf::IfOp::create(c.b, c.loc, initial.getTypes(), some, !initial.empty());
  OpBuilder::InsertionGuard guard(c.b);
  c.b.setInsertionPointToStart(&branch.getThenRegion().front());
  SmallVector<Value> values = emit();
  if (!initial.empty()) {
    scf::YieldOp::create(c.b, c.loc, values);
    c.b.setInsertionPointToStart(&branch.getElseRegion().front());
    scf::YieldOp::create(c.b, c.loc, initial);
  }
  return SmallVector<Value>(branch.getResults());
}

} // namespace

void emitLaneLoop(KernelContext &c, int64_t lanes, int64_t unroll, Value from, Value to, LaneRead read,
                  LaneWrite write) {
  Parts parts = partsOf(c, lanes, unroll, from, to);
  auto wholeVectors = [&](Value begin, Value end, int64_t count) {
    carryingLoop(c, begin, end, lanes * count, {}, [&](Value first, ValueRange) -> SmallVector<Value> {
      SmallVector<SmallVector<Value>> values;
      SmallVector<Value> positions;
      SmallVector<VectorReader> readers;
      for (int64_t u = 0; u < count; ++u) {
        positions.push_back(c.mulAdd(first, 1, u * lanes));
        readers.emplace_back(c, lanes);
        values.push_back(read(readers.back(), positions.back()));
      }
      for (int64_t u = 0; u < count; ++u)
        write(readers[u], positions[u], values[u]);
      return {};
    });
  };
  wholeVectors(from, parts.unrolledEnd, unroll);
  if (unroll > 1)
    wholeVectors(parts.unrolledEnd, parts.vectorsEnd, 1);
  maskedRest(c, lanes, parts.vectorsEnd, to, {}, [&](Value position, Value active) -> SmallVector<Value> {
    VectorReader reader(c, lanes, active);
    SmallVector<Value> values = read(reader, position);
    write(reader, position, values);
    return {};
  });
}

SmallVector<Value> emitLaneReduction(KernelContext &c, int64_t lanes, int64_t unroll, Value from, Value to,
                                     ValueRange initial, LaneCombine combine) {
  Parts parts = partsOf(c, lanes, unroll, from, to);
  SmallVector<Value> sets;
  for (int64_t u = 0; u < unroll; ++u)
    llvm::append_range(sets, initial);
  size_t width = initial.size();
  sets = carryingLoop(c, from, parts.unrolledEnd, lanes * unroll, sets, [&](Value first, ValueRange carried) {
    SmallVector<Value> next;
    for (int64_t u = 0; u < unroll; ++u) {
      VectorReader reader(c, lanes);
      llvm::append_range(next, combine(reader, c.mulAdd(first, 1, u * lanes), {}, carried.slice(u * width, width)));
    }
    return next;
  });
  // The rest goes to the first set.
  SmallVector<Value> front(ArrayRef(sets).take_front(width));
  if (unroll > 1)
    front = carryingLoop(c, parts.unrolledEnd, parts.vectorsEnd, lanes, front, [&](Value position, ValueRange carried) {
      VectorReader reader(c, lanes);
      return combine(reader, position, {}, carried);
    });
  front = maskedRest(c, lanes, parts.vectorsEnd, to, front, [&](Value position, Value active) {
    VectorReader reader(c, lanes, active);
    return combine(reader, position, active, front);
  });
  llvm::copy(front, sets.begin());
  return sets;
}

} // namespace nnc::cpu
