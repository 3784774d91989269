#include "codegen/cpu/VectorReader.h"
#include "codegen/cpu/ExprEmitter.h"
#include "codegen/cpu/MicroKernel.h"
#include "dialects/nn/Dims.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

std::optional<int64_t> constantOf(Value index) {
  APInt value;
  if (matchPattern(index, m_ConstantInt(&value)))
    return value.getSExtValue();
  return std::nullopt;
}

int64_t lanesOf(KernelOp kernel, const Target &target) {
  unsigned narrowest = 64;
  auto look = [&](Value value) {
    unsigned width = elementTypeOf(value).getIntOrFloatBitWidth();
    if (width >= 32)
      narrowest = std::min(narrowest, width);
  };
  Block &body = kernel.getBody().front();
  llvm::for_each(body.getArguments(), look);
  for (Operation &op : body)
    llvm::for_each(op.getResults(), look);
  return target.vectorBytes * 8 / narrowest;
}

//===-- values ---------------------------------------------------------------===//

Value VectorReader::splat(Value value) {
  if (isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(c.b, c.loc, vectorOf(value.getType()), value);
}

Value VectorReader::laneNumbers(Type element) {
  SmallVector<int64_t> numbers = llvm::to_vector(llvm::seq<int64_t>(0, lanes));
  SmallVector<Attribute> values;
  for (int64_t n : numbers)
    values.push_back(c.b.getIntegerAttr(element, n));
  return arith::ConstantOp::create(c.b, c.loc, DenseElementsAttr::get(vectorOf(element), values));
}

Value VectorReader::scalarIndex(const LaneIndex &index) {
  if (!index.base)
    return c.index(index.offset);
  return c.mulAdd(index.base, 1, index.offset);
}

Value VectorReader::laneIndices(const LaneIndex &index) {
  if (index.lanes)
    return index.lanes;
  Value first = splat(scalarIndex(index));
  if (index.stride == 0)
    return first;
  Value steps = laneNumbers(c.b.getIndexType());
  if (index.stride != 1)
    steps = arith::MulIOp::create(c.b, c.loc, steps, splat(c.index(index.stride)));
  return arith::AddIOp::create(c.b, c.loc, first, steps);
}

LaneIndex VectorReader::scaled(const LaneIndex &index, int64_t scale, int64_t offset) {
  LaneIndex result = index;
  if (index.lanes) {
    if (scale != 1)
      result.lanes = arith::MulIOp::create(c.b, c.loc, result.lanes, splat(c.index(scale)));
    if (offset)
      result.lanes = arith::AddIOp::create(c.b, c.loc, result.lanes, splat(c.index(offset)));
    return result;
  }
  if (index.base && scale != 1)
    result.base = c.mul(index.base, c.index(scale));
  result.offset = index.offset * scale + offset;
  result.stride *= scale;
  return result;
}

LaneIndex VectorReader::linearize(ArrayRef<AffineExpr> dims, ArrayRef<LaneIndex> index) {
  LaneIndex result;
  Value vectors; // what lanes add beyond a constant stride
  auto addLanes = [&](Value term) {
    vectors = vectors ? Value(arith::AddIOp::create(c.b, c.loc, vectors, term)) : term;
  };
  AffineExpr inner = getAffineConstantExpr(1, c.b.getContext());
  for (size_t a = dims.size(); a-- > 0;) {
    const LaneIndex &i = index[a];
    std::optional<int64_t> constant = constantSize(inner);
    auto timesInner = [&](Value value) { return c.mul(value, c.size(inner)); };
    if (i.lanes) {
      addLanes(constant == 1 ? i.lanes : Value(arith::MulIOp::create(c.b, c.loc, i.lanes, splat(c.size(inner)))));
    } else {
      Value start = i.base;
      if (!constant && i.offset) {
        start = scalarIndex(i);
      } else if (constant) {
        result.offset += i.offset * *constant;
      }
      if (start) {
        Value term = constant == 1 ? start : timesInner(start);
        result.base = result.base ? c.add(result.base, term) : term;
      }
      if (i.stride && constant)
        result.stride += i.stride * *constant;
      else if (i.stride)
        addLanes(
            arith::MulIOp::create(c.b, c.loc, laneNumbers(c.b.getIndexType()), splat(timesInner(c.index(i.stride)))));
    }
    inner = simplify(inner * dims[a]);
  }
  if (vectors) {
    Value rest = laneIndices(result);
    return {{}, 0, 0, arith::AddIOp::create(c.b, c.loc, rest, vectors)};
  }
  return result;
}

//===-- memory ---------------------------------------------------------------===//

Value VectorReader::narrow(Value bytes, Type element) {
  return element.isInteger(1) ? arith::TruncIOp::create(c.b, c.loc, vectorOf(element), bytes).getResult() : bytes;
}

// Before the outermost loop that does not define the position: there a scalar
// operand is read once.
static void climbOut(OpBuilder &b, Value position) {
  for (Operation *parent = b.getInsertionBlock()->getParentOp(); isa<scf::ForOp>(parent);
       parent = b.getInsertionBlock()->getParentOp()) {
    if (position && parent->getRegion(0).isAncestor(position.getParentRegion()))
      return;
    b.setInsertionPoint(parent);
  }
}

Value VectorReader::load(Value memref, Type element, const LaneIndex &position, bool hoist) {
  OpBuilder &b = c.b;
  Type stored = element.isInteger(1) ? Type(b.getI8Type()) : element;
  VectorType type = vectorOf(stored);
  if (position.isUniform()) {
    OpBuilder::InsertionGuard guard(b);
    if (hoist)
      climbOut(b, position.base);
    Value value = memref::LoadOp::create(b, c.loc, memref, scalarIndex(position));
    return element.isInteger(1) ? arith::TruncIOp::create(b, c.loc, element, value).getResult() : value;
  }
  // Lanes that are not read hold 1: no division by zero may come of them.
  auto elsewhere = [&] { return splat(c.constant(stored, 1)); };
  if (position.stride == 1 && !position.lanes) {
    Value first = scalarIndex(position);
    Value value = active ? vector::MaskedLoadOp::create(b, c.loc, type, memref, first, active, elsewhere()).getResult()
                         : vector::LoadOp::create(b, c.loc, type, memref, first).getResult();
    return narrow(value, element);
  }
  if (position.stride == 2 && !position.lanes && lanes > 1)
    return narrow(loadEverySecond(memref, type, scalarIndex(position), elsewhere), element);
  Value base = position.lanes ? c.index(0) : scalarIndex(position), offsets = position.lanes;
  if (!offsets) {
    Type narrowIndex = std::abs(position.stride) * lanes < INT32_MAX ? b.getI32Type() : b.getI64Type();
    offsets =
        arith::MulIOp::create(b, c.loc, laneNumbers(narrowIndex), splat(c.constant(narrowIndex, position.stride)));
  } else {
    offsets = arith::IndexCastOp::create(b, c.loc, vectorOf(b.getI64Type()), offsets);
  }
  Value mask = active ? active : splat(c.constant(b.getI1Type(), 1));
  return narrow(vector::GatherOp::create(b, c.loc, type, memref, base, offsets, mask, elsewhere()), element);
}

// Two loads that end at the last element needed.
Value VectorReader::loadEverySecond(Value memref, VectorType type, Value first, function_ref<Value()> elsewhere) {
  Value middle = c.mulAdd(first, 1, lanes - 1);
  SmallVector<int64_t> picked, lowMask, highMask; // of the pair; `lanes`: none
  for (int64_t l = 0; l < lanes; ++l) {
    picked.push_back(2 * l < lanes ? 2 * l : 2 * l + 1);
    lowMask.push_back(l % 2 == 0 ? l / 2 : lanes);
    int64_t position = lanes - 1 + l;
    highMask.push_back(position % 2 == 0 && position >= lanes ? position / 2 : lanes);
  }
  Value low, high;
  if (active) {
    Value none = splat(c.constant(c.b.getI1Type(), 0));
    auto loadPart = [&](Value from, ArrayRef<int64_t> maskOf) -> Value {
      Value mask = vector::ShuffleOp::create(c.b, c.loc, active, none, maskOf);
      return vector::MaskedLoadOp::create(c.b, c.loc, type, memref, from, mask, elsewhere());
    };
    low = loadPart(first, lowMask);
    high = loadPart(middle, highMask);
  } else {
    low = vector::LoadOp::create(c.b, c.loc, type, memref, first);
    high = vector::LoadOp::create(c.b, c.loc, type, memref, middle);
  }
  return vector::ShuffleOp::create(c.b, c.loc, low, high, picked);
}

void VectorReader::store(Value value, Value memref, Value position) {
  value = splat(value);
  if (cast<VectorType>(value.getType()).getElementType().isInteger(1))
    value = arith::ExtUIOp::create(c.b, c.loc, vectorOf(c.b.getI8Type()), value);
  auto mask = active ? active.getDefiningOp<vector::CreateMaskOp>() : vector::CreateMaskOp();
  if (active && !mask)
    vector::MaskedStoreOp::create(c.b, c.loc, memref, position, active, value);
  else
    // Also because LLVM 22 stores a narrowed value under a constant mask of one lane (x86) at
    // the width before narrowing, and so overwrites what follows.
    storeLanes(c.b, c.loc, value, memref, position, mask ? mask.getOperands()[0] : Value());
}

//===-- ops ------------------------------------------------------------------===//

std::vector<const void *> VectorReader::keyOf(Value tensor, ArrayRef<LaneIndex> index) {
  std::vector<const void *> key{tensor.getAsOpaquePointer(), active.getAsOpaquePointer()};
  for (const LaneIndex &i : index) {
    key.push_back(i.base.getAsOpaquePointer());
    key.push_back(reinterpret_cast<const void *>(i.offset));
    key.push_back(reinterpret_cast<const void *>(i.stride));
    key.push_back(i.lanes.getAsOpaquePointer());
  }
  return key;
}

Value VectorReader::read(Value tensor, ArrayRef<LaneIndex> index) {
  if (Value value = bound.lookup(tensor))
    return value;
  std::vector<const void *> key = keyOf(tensor, index);
  if (auto found = known.find(key); found != known.end())
    return found->second;
  Value value = compute(tensor, index);
  known[key] = value;
  return value;
}

// The operand's index that broadcasts to `index`.
static SmallVector<LaneIndex> project(Value operand, ArrayRef<LaneIndex> index) {
  Dims dims = dimsOf(operand);
  SmallVector<LaneIndex> projected(dims.size());
  for (size_t a = 0; a < dims.size(); ++a)
    if (!isOne(dims[a]))
      projected[a] = index[index.size() - dims.size() + a];
  return projected;
}

Value VectorReader::compute(Value tensor, ArrayRef<LaneIndex> index) {
  if (Value memref = c.bufferOf(tensor))
    return load(memref, elementTypeOf(tensor), linearize(dimsOf(tensor), index), isa<BlockArgument>(tensor));
  Operation *op = tensor.getDefiningOp();
  if (auto map = dyn_cast<MapOp>(op))
    return readMap(map, cast<OpResult>(tensor).getResultNumber(), index);
  if (auto broadcast = dyn_cast<BroadcastOp>(op))
    return read(broadcast.getInput(), project(broadcast.getInput(), index));
  if (auto transpose = dyn_cast<TransposeOp>(op)) {
    SmallVector<LaneIndex> source(index.size());
    for (auto [i, p] : llvm::enumerate(transpose.getPermutation()))
      source[p] = index[i];
    return read(transpose.getInput(), source);
  }
  if (auto slice = dyn_cast<SliceOp>(op)) {
    SmallVector<LaneIndex> source;
    for (auto [i, start, step] : llvm::zip(index, slice.getStarts(), slice.getSteps()))
      source.push_back(scaled(i, step, start));
    return read(slice.getInput(), source);
  }
  if (auto reshape = dyn_cast<ReshapeOp>(op))
    return readReshape(reshape, index);
  if (auto pad = dyn_cast<PadOp>(op))
    return readPad(pad, index);
  if (auto concat = dyn_cast<ConcatOp>(op))
    return readConcat(concat, index);
  if (auto uniform = dyn_cast<UniformOp>(op))
    return readUniform(uniform, index);
  if (auto iota = dyn_cast<IotaOp>(op)) {
    const LaneIndex &i = index[iota.getAxis()];
    Type i64 = c.b.getI64Type();
    Value position = i.isUniform() ? arith::IndexCastOp::create(c.b, c.loc, i64, scalarIndex(i))
                                   : arith::IndexCastOp::create(c.b, c.loc, vectorOf(i64), laneIndices(i));
    return c.evaluate(Expr::input(0), position, elementTypeOf(tensor))[0];
  }
  if (llvm::all_of(index, [](const LaneIndex &i) { return i.isUniform(); })) {
    SmallVector<Value> scalar;
    for (const LaneIndex &i : index)
      scalar.push_back(scalarIndex(i));
    return c.element(tensor, scalar);
  }
  if (Value value = readWindowOp(op, cast<OpResult>(tensor).getResultNumber(), index))
    return value;
  return readEachLane(tensor, index);
}

// All results at once: they share most of their expressions.
Value VectorReader::readMap(MapOp map, unsigned result, ArrayRef<LaneIndex> index) {
  SmallVector<Expr> exprs;
  SmallVector<Type> types;
  SmallVector<Value> inputs(map.getInputs().size());
  for (unsigned r = 0; r < map.getNumResults(); ++r) {
    exprs.push_back(map.getExpr(r));
    types.push_back(elementTypeOf(map.getResult(r)));
    for (unsigned i : exprs.back().usedInputs())
      if (!inputs[i])
        inputs[i] = read(map.getInputs()[i], project(map.getInputs()[i], index));
  }
  // emitExprs looks at every input's type.
  for (Value &input : inputs)
    if (!input)
      input = c.constant(c.b.getF32Type(), 0);
  SmallVector<Value> values = c.evaluate(exprs, inputs, types);
  for (auto [r, value] : llvm::enumerate(values))
    known[keyOf(map.getResult(r), index)] = value;
  return values[result];
}

// Runs of axes with equal products on both sides are matched; within a run the
// position is linear. A buffer takes it as it is, as the index of its last axis.
Value VectorReader::readReshape(ReshapeOp reshape, ArrayRef<LaneIndex> index) {
  Value input = reshape.getInput();
  Dims from = dimsOf(input), to = dimsOf(reshape.getResult());
  SmallVector<LaneIndex> source(from.size());
  size_t i = 0, j = 0;
  AffineExpr one = getAffineConstantExpr(1, c.b.getContext());
  while (i < from.size() || j < to.size()) {
    size_t i0 = i, j0 = j;
    AffineExpr left = i < from.size() ? from[i++] : one, right = j < to.size() ? to[j++] : one;
    while (!sameSize(left, right)) {
      auto l = constantSize(simplify(left)), r = constantSize(simplify(right));
      bool growLeft = l && r ? *l < *r : (l.has_value() || j == to.size());
      if ((growLeft && i < from.size()) || j == to.size())
        left = left * from[i++];
      else
        right = right * to[j++];
    }
    LaneIndex linear = linearize(ArrayRef(to).slice(j0, j - j0), index.slice(j0, j - j0));
    SmallVector<size_t> axes;
    for (size_t k = i0; k < i; ++k)
      if (!isOne(from[k]))
        axes.push_back(k);
    if (axes.empty())
      continue;
    while (axes.size() > 1 && !c.bufferOf(input)) {
      size_t k = axes.pop_back_val();
      Value size = c.size(from[k]);
      if (linear.isUniform()) {
        Value position = scalarIndex(linear);
        source[k] = LaneIndex::uniform(arith::RemUIOp::create(c.b, c.loc, position, size));
        linear = LaneIndex::uniform(arith::DivUIOp::create(c.b, c.loc, position, size));
      } else {
        Value positions = laneIndices(linear), sizes = splat(size);
        source[k].lanes = arith::RemUIOp::create(c.b, c.loc, positions, sizes);
        linear = LaneIndex();
        linear.lanes = arith::DivUIOp::create(c.b, c.loc, positions, sizes);
      }
    }
    source[axes.back()] = linear;
  }
  return read(input, source);
}

Value VectorReader::withMask(Value mask, function_ref<Value()> readMasked) {
  Value before = active;
  active = before ? Value(arith::AndIOp::create(c.b, c.loc, before, mask)) : mask;
  Value value = readMasked();
  active = before;
  return value;
}

// low <= index < high, a scalar where the index is uniform; a null bound holds.
Value VectorReader::inRange(const LaneIndex &index, Value low, Value high) {
  Value position = index.isUniform() ? scalarIndex(index) : laneIndices(index);
  auto holds = [&](arith::CmpIPredicate predicate, Value bound) -> Value {
    return arith::CmpIOp::create(c.b, c.loc, predicate, position, index.isUniform() ? bound : splat(bound));
  };
  Value above = low ? holds(arith::CmpIPredicate::sge, low) : Value();
  Value below = high ? holds(arith::CmpIPredicate::slt, high) : Value();
  return above && below ? Value(arith::AndIOp::create(c.b, c.loc, above, below)) : above ? above : below;
}

// Indices that all lanes share are moved inside, so that they can be read
// anyway; lanes outside are masked.
Value VectorReader::readPad(PadOp pad, ArrayRef<LaneIndex> index) {
  Value input = pad.getInput();
  Dims from = dimsOf(input), to = dimsOf(pad.getResult());
  SmallVector<LaneIndex> source;
  Value insideAll, insideLanes;
  Value zero = c.index(0);
  auto both = [&](Value a, Value b) { return a ? Value(arith::AndIOp::create(c.b, c.loc, a, b)) : b; };
  for (size_t a = 0; a < from.size(); ++a) {
    if (sameSize(from[a], to[a]) && pad.getLow()[a] == 0 && pad.getInterior()[a] == 0) {
      source.push_back(index[a]);
      continue;
    }
    LaneIndex position = scaled(index[a], 1, -pad.getLow()[a]);
    int64_t step = pad.getInterior()[a] + 1;
    bool uniform = position.isUniform();
    Value ok;
    if (step > 1) {
      Value p = uniform ? scalarIndex(position) : laneIndices(position);
      auto like = [&](Value v) { return uniform ? v : splat(v); };
      Value remainder = arith::RemSIOp::create(c.b, c.loc, p, like(c.index(step)));
      Value onGrid = arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::eq, remainder, like(zero));
      Value nonNegative = arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::sge, p, like(zero));
      ok = arith::AndIOp::create(c.b, c.loc, onGrid, nonNegative);
      p = arith::DivSIOp::create(c.b, c.loc, p, like(c.index(step)));
      position = LaneIndex();
      (uniform ? position.base : position.lanes) = p;
    }
    ok = both(ok, inRange(position, zero, c.size(from[a])));
    if (uniform) {
      insideAll = both(insideAll, ok);
      position = LaneIndex::uniform(arith::SelectOp::create(c.b, c.loc, ok, scalarIndex(position), zero));
    } else {
      insideLanes = both(insideLanes, ok);
    }
    source.push_back(position);
  }
  Value value = insideLanes ? withMask(insideLanes, [&] { return read(input, source); }) : read(input, source);
  if (!insideAll && !insideLanes)
    return value;
  Value outside = c.constant(elementTypeOf(input), pad.getValue().convertToDouble());
  if (insideLanes) {
    Value inside = insideAll ? both(insideLanes, splat(insideAll)) : insideLanes;
    return arith::SelectOp::create(c.b, c.loc, inside, splat(value), splat(outside));
  }
  if (isa<VectorType>(value.getType()))
    outside = splat(outside);
  return arith::SelectOp::create(c.b, c.loc, insideAll, value, outside);
}

Value VectorReader::readConcat(ConcatOp concat, ArrayRef<LaneIndex> index) {
  int64_t axis = concat.getAxis();
  Type element = elementTypeOf(concat.getResult());
  SmallVector<Value> starts{c.index(0)};
  for (Value input : concat.getInputs())
    starts.push_back(c.add(starts.back(), c.size(input, axis)));
  auto readPart = [&](size_t i) {
    SmallVector<LaneIndex> source(index);
    LaneIndex &position = source[axis];
    if (position.lanes)
      position.lanes = arith::SubIOp::create(c.b, c.loc, position.lanes, splat(starts[i]));
    else if (i > 0)
      position.base = c.sub(position.base ? position.base : c.index(0), starts[i]);
    return readVector(concat.getInputs()[i], source);
  };
  if (index[axis].isUniform()) {
    // What a branch computes is not known behind it.
    std::function<Value(size_t)> pick = [&](size_t i) -> Value {
      if (i + 1 == concat.getInputs().size())
        return readPart(i);
      Value here =
          arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::slt, scalarIndex(index[axis]), starts[i + 1]);
      auto branch = scf::IfOp::create(c.b, c.loc, vectorOf(element), here, true);
      OpBuilder::InsertionGuard guard(c.b);
      auto before = known;
      c.b.setInsertionPointToStart(&branch.getThenRegion().front());
      Value then = readPart(i);
      scf::YieldOp::create(c.b, c.loc, then);
      known = before;
      c.b.setInsertionPointToStart(&branch.getElseRegion().front());
      Value otherwise = pick(i + 1);
      scf::YieldOp::create(c.b, c.loc, otherwise);
      known = before;
      return branch.getResult(0);
    };
    return pick(0);
  }
  Value result;
  for (size_t i = 0; i < concat.getInputs().size(); ++i) {
    Value mask = inRange(index[axis], starts[i], starts[i + 1]);
    Value part = withMask(mask, [&] { return readPart(i); });
    result = result ? Value(arith::SelectOp::create(c.b, c.loc, mask, part, result)) : part;
  }
  return result;
}

Value VectorReader::readEachLane(Value tensor, ArrayRef<LaneIndex> index) {
  Type element = elementTypeOf(tensor);
  SmallVector<Value> vectors(index.size());
  for (auto [a, i] : llvm::enumerate(index))
    if (!i.isUniform())
      vectors[a] = laneIndices(i);
  Value initial = splat(c.constant(element, 0));
  auto loop = scf::ForOp::create(c.b, c.loc, c.index(0), c.index(lanes), c.index(1), initial);
  OpBuilder::InsertionGuard guard(c.b);
  c.b.setInsertionPointToStart(loop.getBody());
  Value lane = loop.getInductionVar();
  auto readLane = [&]() -> Value {
    SmallVector<Value> scalar;
    for (auto [a, i] : llvm::enumerate(index))
      scalar.push_back(vectors[a] ? vector::ExtractOp::create(c.b, c.loc, vectors[a], OpFoldResult(lane)).getResult()
                                  : scalarIndex(i));
    return c.element(tensor, scalar);
  };
  Value value = active ? c.guarded(vector::ExtractOp::create(c.b, c.loc, active, OpFoldResult(lane)), readLane,
                                   c.constant(element, 0))
                       : readLane();
  Value inserted = vector::InsertOp::create(c.b, c.loc, value, loop.getRegionIterArgs()[0], OpFoldResult(lane));
  scf::YieldOp::create(c.b, c.loc, inserted);
  return loop.getResult(0);
}

// nn.uniform's Philox 4x32-10 (dialects/nn/Random) with a counter in every lane. The
// 32-bit words stand in 64-bit lanes, whose upper halves hold anything: products
// of lower halves are one instruction.
Value VectorReader::readUniform(UniformOp uniform, ArrayRef<LaneIndex> index) {
  OpBuilder &b = c.b;
  Type i64 = b.getI64Type();
  auto constant = [&](uint64_t v) -> Value {
    return arith::ConstantOp::create(b, c.loc, b.getI64IntegerAttr(static_cast<int64_t>(v)));
  };
  auto like = [&](Value v, Value scalar) { return isa<VectorType>(v.getType()) ? splat(scalar) : scalar; };
  auto low = [&](Value v) -> Value { return arith::AndIOp::create(b, c.loc, v, like(v, constant(0xFFFFFFFFu))); };
  auto high = [&](Value v) -> Value { return arith::ShRUIOp::create(b, c.loc, v, like(v, constant(32))); };
  LaneIndex linear = linearize(dimsOf(uniform.getResult()), index);
  Value positions = arith::IndexCastOp::create(b, c.loc, vectorOf(i64), laneIndices(linear));
  Value seed = read(uniform.getSeed(), {}), step = read(uniform.getStep(), {});
  Value site = constant(static_cast<uint64_t>(uniform.getSite()) << 32);
  Value stream = arith::XOrIOp::create(b, c.loc, step, site);
  Value counter[4] = {positions, high(positions), splat(stream), splat(high(stream))};
  Value key[2] = {seed, high(seed)};
  for (int round = 0; round < 10; ++round) {
    auto product = [&](uint32_t factor, Value v) -> Value {
      return arith::MulIOp::create(b, c.loc, low(v), splat(constant(factor)));
    };
    Value p0 = product(0xD2511F53u, counter[0]), p1 = product(0xCD9E8D57u, counter[2]);
    auto mix = [&](Value x, Value y, Value k) -> Value {
      return arith::XOrIOp::create(b, c.loc, arith::XOrIOp::create(b, c.loc, x, y), splat(k));
    };
    Value next[4] = {mix(high(p1), counter[1], key[0]), p1, mix(high(p0), counter[3], key[1]), p0};
    std::copy(next, next + 4, counter);
    key[0] = arith::AddIOp::create(b, c.loc, key[0], constant(0x9E3779B9u));
    key[1] = arith::AddIOp::create(b, c.loc, key[1], constant(0xBB67AE85u));
  }
  // Fewer bits than a signed integer has: the signed conversion is the same, and cheaper.
  Type type = elementTypeOf(uniform.getResult());
  auto scaled = [&](Value bits, double scale) -> Value {
    Value number = arith::SIToFPOp::create(b, c.loc, vectorOf(type), bits);
    return arith::MulFOp::create(b, c.loc, number, splat(c.constant(type, scale)));
  };
  if (type.isF32()) {
    Value word = arith::TruncIOp::create(b, c.loc, vectorOf(b.getI32Type()), counter[0]);
    return scaled(arith::ShRUIOp::create(b, c.loc, word, splat(c.constant(b.getI32Type(), 8))), 0x1p-24);
  }
  Value upper = arith::ShLIOp::create(b, c.loc, counter[0], splat(constant(32)));
  Value word = arith::OrIOp::create(b, c.loc, upper, low(counter[1]));
  return scaled(arith::ShRUIOp::create(b, c.loc, word, splat(constant(11))), 0x1p-53);
}

} // namespace nnc::cpu
