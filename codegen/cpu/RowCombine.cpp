// The Row family's arithmetic: how elements, lanes and blocks are combined.
#include "codegen/cpu/RowEmitter.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

//===-- combining ----------------------------------------------------------------===//

Value RowEmitter::identity(ReduceOp reduce) {
  Type type = elementTypeOf(reduce.getInput());
  double infinity =
      isa<FloatType>(type) ? std::numeric_limits<double>::infinity() : static_cast<double>(int64_t(1) << 62);
  switch (reduce.getKind()) {
  case ReduceKind::max:
    return c.constant(type, -infinity);
  case ReduceKind::min:
    return c.constant(type, infinity);
  default:
    return c.constant(type, reduce.getKind() == ReduceKind::prod ? 1 : 0);
  }
}

Value RowEmitter::combine(ReduceOp reduce, Value a, Value b) {
  Expr x = Expr::input(0), y = Expr::input(1);
  auto expr = [&] {
    switch (reduce.getKind()) {
    case ReduceKind::max:
      return Expr::make(Primitive::Maximum, {x, y});
    case ReduceKind::min:
      return Expr::make(Primitive::Minimum, {x, y});
    case ReduceKind::prod:
      return x * y;
    default:
      return x + y;
    }
  };
  return c.evaluate(expr(), {a, b}, elementTypeOf(reduce.getInput()))[0];
}

// Halves are combined until one element is left.
Value RowEmitter::combineLanes(ReduceOp reduce, Value vector) {
  for (int64_t width = plan.lanes / 2; width >= 1; width /= 2) {
    Value low = vector::ExtractStridedSliceOp::create(c.b, c.loc, vector, {0}, {width}, {1});
    Value high = vector::ExtractStridedSliceOp::create(c.b, c.loc, vector, {width}, {width}, {1});
    vector = combine(reduce, low, high);
  }
  return vector::ExtractOp::create(c.b, c.loc, vector, ArrayRef<int64_t>{0});
}

RowEmitter::Values RowEmitter::combineSets(Reduces reduces, Values sets) {
  size_t width = reduces.size();
  for (size_t count = sets.size() / width; count > 1; count = (count + 1) / 2)
    for (size_t s = 0; s < count / 2; ++s)
      for (size_t i = 0; i < width; ++i)
        sets[s * width + i] = combine(reduces[i], sets[s * width + i], sets[(s + (count + 1) / 2) * width + i]);
  sets.resize(width);
  return sets;
}

Value RowEmitter::broadcast(Value scalar) {
  return vector::BroadcastOp::create(c.b, c.loc, VectorType::get({plan.lanes}, scalar.getType()), scalar);
}

RowEmitter::Values RowEmitter::identities(Reduces reduces) {
  return llvm::map_to_vector(reduces, [&](ReduceOp reduce) { return broadcast(identity(reduce)); });
}

//===-- reading --------------------------------------------------------------------===//

using Bindings = SmallVector<std::pair<Value, Value>>;
void RowEmitter::bind(VectorReader &reader, const Bindings &known) {
  for (auto [tensor, value] : known)
    reader.bind(tensor, value);
}

void RowEmitter::overGroups(Groups groups, function_ref<void()> body) {
  if (groups.empty())
    return body();
  c.forLoop(c.index(0), c.size(groups.front()->size), 1, [&](Value position) {
    index[groups.front()->axes.back()] = LaneIndex::uniform(position);
    overGroups(groups.drop_front(), body);
  });
}

RowEmitter::Values RowEmitter::inBlocks(Value from, Value to, int64_t blockSize, Values carried, Reduces reduces,
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

RowEmitter::Values RowEmitter::cascade(Groups groups, Reduces reduces, size_t copies,
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

} // namespace nnc::cpu
