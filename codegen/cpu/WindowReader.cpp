// VectorReader's pooling: lanes along the innermost spatial axis of the result.
#include "codegen/cpu/VectorReader.h"
#include "dialects/nn/Dims.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

// Windows with more taps than this become loops.
constexpr int64_t mostUnrolledTaps = 32;

template <typename PoolOp> bool leavesInput(PoolOp pool, size_t axis) {
  int64_t kernel = pool.getKernel()[axis], stride = pool.getStride()[axis], dilation = pool.getDilation()[axis];
  if (pool.getPadding()[axis])
    return true;
  AffineExpr in = dimsOf(pool.getInput())[axis + 2], out = dimsOf(pool.getResult())[axis + 2];
  auto inputs = constantSize(in), outputs = constantSize(out);
  if (inputs && outputs)
    return (*outputs - 1) * stride + (kernel - 1) * dilation > *inputs - 1;
  return !sameSize(out, windowOutputSize(in, kernel, stride, 0, 0, dilation));
}
template bool leavesInput(MaxPoolOp, size_t);
template bool leavesInput(SumPoolOp, size_t);

bool VectorReader::isRowIndex(ArrayRef<LaneIndex> index) {
  return llvm::all_of(index.drop_back(), [](const LaneIndex &i) { return i.isUniform(); }) &&
         index.back().stride == 1 && !index.back().lanes;
}

//===-- forward ----------------------------------------------------------------===//

// Calls `tap` for every tap of the window whose outer positions lie inside the
// input; those along the lanes come with the mask of lanes that are inside (null: all).
template <typename PoolOp>
SmallVector<Value> VectorReader::overTaps(PoolOp pool, ArrayRef<LaneIndex> index, ValueRange initial, Tap tap) {
  size_t axes = pool.getKernel().size();
  int64_t taps = 1;
  for (int64_t k : pool.getKernel())
    taps *= k;
  SmallVector<LaneIndex> source(index);
  std::function<SmallVector<Value>(size_t, Value, ValueRange)> visit = [&](size_t axis, Value number,
                                                                           ValueRange carried) -> SmallVector<Value> {
    if (axis == axes)
      return tap(source, number, carried);
    int64_t kernel = pool.getKernel()[axis], stride = pool.getStride()[axis];
    int64_t padding = pool.getPadding()[axis], dilation = pool.getDilation()[axis];
    Value extent = c.size(pool.getInput(), axis + 2);
    bool isLaneAxis = axis + 1 == axes, leaves = leavesInput(pool, axis);
    LaneIndex start = scaled(index[axis + 2], stride, -padding);
    auto inputs = constantSize(dimsOf(pool.getInput())[axis + 2]),
         outputs = constantSize(dimsOf(pool.getResult())[axis + 2]);
    // `offset` is the tap's distance from the window's start, where it is known.
    auto at = [&](LaneIndex position, Value t, std::optional<int64_t> offset,
                  ValueRange accumulators) -> SmallVector<Value> {
      source[axis + 2] = position;
      Value next = c.add(c.mulAdd(number, kernel, 0), t);
      bool mayPrecede = !offset || *offset < padding;
      bool mayExceed = !offset || !inputs || !outputs || (*outputs - 1) * stride - padding + *offset >= *inputs;
      if (!isLaneAxis || !leaves || insideWindows || !(mayPrecede || mayExceed))
        return visit(axis + 1, next, accumulators);
      SmallVector<Value> result;
      Value inside = inRange(position, mayPrecede ? c.index(0) : Value(), mayExceed ? extent : Value());
      withMask(inside, [&] {
        result = visit(axis + 1, next, accumulators);
        return Value();
      });
      for (auto [value, before] : llvm::zip(result, accumulators))
        value = arith::SelectOp::create(c.b, c.loc, inside, value, before);
      return result;
    };
    if (taps <= mostUnrolledTaps && (isLaneAxis || !leaves)) {
      SmallVector<Value> accumulators(carried);
      for (int64_t t = 0; t < kernel; ++t)
        accumulators = at(scaled(start, 1, t * dilation), c.index(t), t * dilation, accumulators);
      return accumulators;
    }
    // Taps [from, to) are inside: 0 <= first + t * dilation < extent.
    Value from = c.index(0), to = c.index(kernel);
    if (!isLaneAxis && leaves) {
      Value first = scalarIndex(start);
      auto tapsBelow = [&](Value limit) -> Value {
        Value distance = arith::MaxSIOp::create(c.b, c.loc, c.sub(limit, first), c.index(0));
        return dilation == 1 ? distance : c.ceilDiv(distance, dilation);
      };
      from = tapsBelow(c.index(0));
      to = c.minimum(to, tapsBelow(extent));
    }
    auto loop = scf::ForOp::create(c.b, c.loc, from, to, c.index(1), carried);
    OpBuilder::InsertionGuard guard(c.b);
    c.b.setInsertionPointToStart(loop.getBody());
    auto before = known;
    LaneIndex position = start;
    Value step = c.mulAdd(loop.getInductionVar(), dilation, 0);
    position.base = position.base ? c.add(position.base, step) : step;
    SmallVector<Value> next = at(position, loop.getInductionVar(), std::nullopt, loop.getRegionIterArgs());
    scf::YieldOp::create(c.b, c.loc, next);
    known = before;
    return SmallVector<Value>(loop.getResults());
  };
  return visit(0, c.index(0), initial);
}

// A larger element, or the first NaN, takes over: as MaxPoolOp::emitElement.
Value VectorReader::readMaxPool(MaxPoolOp pool, unsigned result, ArrayRef<LaneIndex> index) {
  Type element = elementTypeOf(pool.getInput()), i32 = c.b.getI32Type();
  Value lowest = splat(c.constant(element, -std::numeric_limits<double>::infinity()));
  Value none = splat(c.constant(i32, -1));
  SmallVector<Value> best =
      overTaps(pool, index, {lowest, none},
               [&](ArrayRef<LaneIndex> source, Value number, ValueRange held) -> SmallVector<Value> {
                 Value x = readVector(pool.getInput(), source);
                 Value tap = splat(arith::IndexCastOp::create(c.b, c.loc, i32, number));
                 if (held[0] == lowest) // nothing is held
                   return {x, tap};
                 auto compare = [&](arith::CmpFPredicate predicate, Value a, Value b) -> Value {
                   return arith::CmpFOp::create(c.b, c.loc, predicate, a, b);
                 };
                 Value greater = compare(arith::CmpFPredicate::UGT, x, held[0]);
                 Value isNumber = compare(arith::CmpFPredicate::ORD, held[0], held[0]);
                 Value take = arith::AndIOp::create(c.b, c.loc, greater, isNumber);
                 Value nothing =
                     arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::slt, held[1], splat(c.constant(i32, 0)));
                 bool mayBeNothing =
                     isa<BlockArgument>(held[1]) || (!insideWindows && leavesInput(pool, pool.getKernel().size() - 1));
                 if (mayBeNothing)
                   take = arith::OrIOp::create(c.b, c.loc, take, nothing);
                 return {arith::SelectOp::create(c.b, c.loc, take, x, held[0]),
                         arith::SelectOp::create(c.b, c.loc, take, tap, held[1])};
               });
  Type position = elementTypeOf(pool.getPosition());
  if (position != i32)
    best[1] = arith::TruncIOp::create(c.b, c.loc, vectorOf(position), best[1]);
  known[keyOf(pool.getResult(), index)] = best[0];
  known[keyOf(pool.getPosition(), index)] = best[1];
  return best[result];
}

Value VectorReader::readSumPool(SumPoolOp pool, ArrayRef<LaneIndex> index) {
  Value zero = splat(c.constant(elementTypeOf(pool.getInput()), 0));
  return overTaps(pool, index, zero, [&](ArrayRef<LaneIndex> source, Value, ValueRange sum) -> SmallVector<Value> {
    return {arith::AddFOp::create(c.b, c.loc, sum[0], readVector(pool.getInput(), source))};
  })[0];
}

//===-- gradients --------------------------------------------------------------===//

// Input i belongs to the windows o = (i + padding) / stride - j, j = 0, 1, ..., as
// tap (i + padding) mod stride + j * stride where that is below the kernel's size
// (dilation 1). Lanes start at a multiple of the stride: which window and tap a lane
// has is known here, and one vector of windows spreads over the lanes by a shuffle.
template <typename GradOp>
Value VectorReader::readPoolGrad(GradOp pool, ArrayRef<LaneIndex> index, function_ref<Value(Spread, Value tap)> term) {
  size_t axes = pool.getKernel().size(), last = axes - 1;
  Value windows = pool.getOutputGrad();
  Value zero = splat(c.constant(elementTypeOf(windows), 0)), total;

  // Along the lanes.
  int64_t kernel = pool.getKernel()[last], stride = pool.getStride()[last], padding = pool.getPadding()[last];
  int64_t windowLanes = lanes / stride, shift = padding % stride;
  Value width = c.size(windows, last + 2);
  Value firstWindow = c.mulAdd(c.b.createOrFold<arith::DivUIOp>(c.loc, scalarIndex(index.back()), c.index(stride)), 1,
                               padding / stride);
  auto inputs = constantSize(dimsOf(pool.getResult()).back()), outputs = constantSize(dimsOf(windows).back());
  bool covered = padding == 0 && inputs && outputs && *inputs <= *outputs * stride;

  auto alongLanes = [&](SmallVectorImpl<LaneIndex> &window, Value outerTap, Value isInside) {
    for (int64_t j = 0; j * stride < kernel; ++j) {
      Value start = c.mulAdd(firstWindow, 1, -j);
      // Taps of the lanes, and the lanes that have one.
      SmallVector<int32_t> taps;
      SmallVector<bool> valid;
      for (int64_t l = 0; l < lanes; ++l) {
        taps.push_back((l + padding) % stride + j * stride);
        valid.push_back(taps.back() < kernel);
      }
      auto constant = [&](Type element, auto values) -> Value {
        return arith::ConstantOp::create(c.b, c.loc, DenseElementsAttr::get(vectorOf(element), ArrayRef(values)));
      };
      SmallVector<int32_t> numbers(taps);
      Value tap = arith::AddIOp::create(c.b, c.loc, splat(outerTap), constant(c.b.getI32Type(), numbers));
      auto gather = [&](Value from) {
        // Windows from, from + 1, ... inside the row.
        VectorReader reader(c, windowLanes);
        auto type = VectorType::get({windowLanes}, c.b.getI1Type());
        if (!(covered && !active)) {
          reader.active = vector::CreateMaskOp::create(c.b, c.loc, type, c.sub(width, from));
          if (padding || j) {
            Value numbers64 = reader.laneIndices(LaneIndex::consecutive(from));
            Value notBefore =
                arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::sge, numbers64, reader.splat(c.index(0)));
            reader.active = arith::AndIOp::create(c.b, c.loc, reader.active, notBefore);
          }
        }
        return reader;
      };
      SmallVector<VectorReader> readers{gather(start)};
      if (shift)
        readers.push_back(gather(c.mulAdd(start, 1, 1)));
      // Lane l has window (l + shift) / stride of the first vector, or the last of the second.
      auto spread = [&](ReadWindows readWindows) -> Value {
        SmallVector<Value> parts;
        for (auto [r, reader] : llvm::enumerate(readers)) {
          window.back() = LaneIndex::consecutive(r ? c.mulAdd(start, 1, 1) : start);
          Value part = reader.splat(readWindows(reader, window));
          if (reader.active) {
            Type element = getElementTypeOrSelf(part.getType());
            part = arith::SelectOp::create(c.b, c.loc, reader.active, part, reader.splat(c.constant(element, 0)));
          }
          parts.push_back(part);
        }
        SmallVector<int64_t> picked;
        for (int64_t l = 0; l < lanes; ++l) {
          int64_t position = (l + shift) / stride;
          picked.push_back(position < windowLanes ? position : 2 * windowLanes - 1);
        }
        return vector::ShuffleOp::create(c.b, c.loc, parts.front(), parts.back(), picked);
      };
      Value value = term(spread, tap);
      Value keep;
      if (!llvm::all_of(valid, [](bool v) { return v; }))
        keep = constant(c.b.getI1Type(), valid);
      if (isInside)
        keep = keep ? Value(arith::AndIOp::create(c.b, c.loc, keep, splat(isInside))) : splat(isInside);
      if (keep)
        value = arith::SelectOp::create(c.b, c.loc, keep, value, zero);
      total = total ? Value(arith::AddFOp::create(c.b, c.loc, total, value)) : value;
    }
  };

  // Over the windows along the outer axes.
  SmallVector<LaneIndex> window(index);
  std::function<void(size_t, Value, Value)> visit = [&](size_t axis, Value number, Value isInside) {
    if (axis == last) {
      Value scaledNumber = c.mulAdd(number, kernel, 0);
      return alongLanes(window, arith::IndexCastOp::create(c.b, c.loc, c.b.getI32Type(), scaledNumber), isInside);
    }
    int64_t k = pool.getKernel()[axis], s = pool.getStride()[axis];
    Value position = c.mulAdd(scalarIndex(index[axis + 2]), 1, pool.getPadding()[axis]);
    Value newest = c.b.createOrFold<arith::DivUIOp>(c.loc, position, c.index(s));
    Value phase = c.sub(position, c.mulAdd(newest, s, 0));
    auto in = constantSize(dimsOf(pool.getResult())[axis + 2]), out = constantSize(dimsOf(windows)[axis + 2]);
    for (int64_t j = 0; j * s < k; ++j) {
      Value o = c.mulAdd(newest, 1, -j), tap = c.mulAdd(phase, 1, j * s);
      Value inside = isInside;
      auto require = [&](Value condition) {
        inside = inside ? Value(arith::AndIOp::create(c.b, c.loc, inside, condition)) : condition;
      };
      if (j > 0 || !in || !out || *in + pool.getPadding()[axis] > *out * s) {
        Value ok = inRange(LaneIndex::uniform(o), c.index(0), c.size(windows, axis + 2));
        require(ok);
        o = arith::SelectOp::create(c.b, c.loc, ok, o, c.index(0));
      }
      if ((j + 1) * s > k)
        require(arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::slt, tap, c.index(k)));
      window[axis + 2] = LaneIndex::uniform(o);
      visit(axis + 1, c.add(c.mulAdd(number, k, 0), tap), inside);
    }
  };
  visit(0, c.index(0), {});
  return total;
}

// Whether lanes can be laid out as readPoolGrad does.
template <typename GradOp> bool VectorReader::spreadsOverLanes(GradOp pool, ArrayRef<LaneIndex> index) {
  return isRowIndex(index) && startsAtMultiples && index.back().offset == 0 && lanes % pool.getStride().back() == 0 &&
         lanes > pool.getStride().back() && llvm::all_of(pool.getDilation(), [](int64_t d) { return d == 1; });
}

Value VectorReader::readWindowOp(Operation *op, unsigned result, ArrayRef<LaneIndex> index) {
  if (auto pool = dyn_cast<MaxPoolOp>(op); pool && isRowIndex(index))
    return readMaxPool(pool, result, index);
  if (auto pool = dyn_cast<SumPoolOp>(op); pool && isRowIndex(index))
    return readSumPool(pool, index);
  if (auto pool = dyn_cast<SumPoolGradOp>(op); pool && spreadsOverLanes(pool, index))
    return readPoolGrad(pool, index, [&](Spread spread, Value) {
      return spread(
          [&](VectorReader &reader, ArrayRef<LaneIndex> window) { return reader.read(pool.getOutputGrad(), window); });
    });
  if (auto pool = dyn_cast<MaxPoolGradOp>(op); pool && spreadsOverLanes(pool, index))
    return readPoolGrad(pool, index, [&](Spread spread, Value tap) -> Value {
      Value dy = spread(
          [&](VectorReader &reader, ArrayRef<LaneIndex> window) { return reader.read(pool.getOutputGrad(), window); });
      Value chosen = spread([&](VectorReader &reader, ArrayRef<LaneIndex> window) -> Value {
        Value position = reader.readVector(pool.getPosition(), window);
        Type i32 = c.b.getI32Type();
        return elementTypeOf(pool.getPosition()) == i32
                   ? position
                   : arith::ExtUIOp::create(c.b, c.loc, reader.vectorOf(i32), position).getResult();
      });
      Value here = arith::CmpIOp::create(c.b, c.loc, arith::CmpIPredicate::eq, chosen, tap);
      return arith::SelectOp::create(c.b, c.loc, here, dy, splat(c.constant(elementTypeOf(pool.getOutputGrad()), 0)));
    });
  return {};
}

} // namespace nnc::cpu
