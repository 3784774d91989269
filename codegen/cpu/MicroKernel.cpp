#include "codegen/cpu/MicroKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;

namespace nnc::cpu {

std::optional<int64_t> constantIndex(Value value) {
  APInt constant;
  if (value && matchPattern(value, m_ConstantInt(&constant)))
    return constant.getSExtValue();
  return std::nullopt;
}

int64_t vectorsPerLine(VectorType type) {
  constexpr int64_t lineBits = 512;
  return std::max<int64_t>(1, lineBits / (type.getNumElements() * type.getElementTypeBitWidth()));
}

Value LoopEmitter::index(int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}
Value LoopEmitter::add(Value left, Value right) {
  return builder.createOrFold<arith::AddIOp>(loc, left, right);
}
Value LoopEmitter::sub(Value left, Value right) {
  return builder.createOrFold<arith::SubIOp>(loc, left, right);
}
Value LoopEmitter::mul(Value left, Value right) {
  return builder.createOrFold<arith::MulIOp>(loc, left, right);
}
Value LoopEmitter::div(Value left, Value right) {
  return builder.createOrFold<arith::DivUIOp>(loc, left, right);
}
Value LoopEmitter::rem(Value left, Value right) {
  if (constantIndex(right) == 1)
    return index(0);
  return builder.createOrFold<arith::RemUIOp>(loc, left, right);
}
Value LoopEmitter::ceilDiv(Value left, int64_t right) {
  return div(add(left, right - 1), right);
}
Value LoopEmitter::min(Value left, Value right) {
  return builder.createOrFold<arith::MinSIOp>(loc, left, right);
}
Value LoopEmitter::max(Value left, Value right) {
  return builder.createOrFold<arith::MaxSIOp>(loc, left, right);
}
Value LoopEmitter::less(Value left, Value right) {
  return builder.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, left, right);
}
Value LoopEmitter::lessEqual(Value left, Value right) {
  return builder.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::sle, left, right);
}

Value LoopEmitter::opaque(int64_t value) {
  Type word = builder.getI64Type();
  Value known = arith::ConstantIntOp::create(builder, loc, value, 64);
  auto same = LLVM::InlineAsmOp::create(builder, loc, word, known, /*asm_string=*/"", /*constraints=*/"=r,0",
                                        /*has_side_effects=*/false, /*is_align_stack=*/false, LLVM::TailCallKind::None,
                                        /*asm_dialect=*/{}, /*operand_attrs=*/{});
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(), same.getResult(0));
}

Values LoopEmitter::delinearize(Value number, ArrayRef<Value> sizes) {
  Values digits(sizes.size());
  for (size_t i = sizes.size(); i-- > 1;) {
    digits[i] = rem(number, sizes[i]);
    number = div(number, sizes[i]);
  }
  digits[0] = number;
  return digits;
}

void LoopEmitter::loop(Value low, Value high, int64_t step, function_ref<void(Value)> body) {
  loop(low, high, step, {}, [&](Value i, ValueRange) {
    body(i);
    return Values();
  });
}

Values LoopEmitter::loop(Value low, Value high, int64_t step, ValueRange initial,
                         function_ref<Values(Value, ValueRange)> body) {
  auto first = constantIndex(low), last = constantIndex(high);
  if (first && last) {
    if (*first >= *last)
      return Values(initial);
    if (*first + step >= *last)
      return body(low, initial);
  }
  auto op = scf::ForOp::create(builder, loc, low, high, index(step), initial,
                               [&](OpBuilder &, Location, Value i, ValueRange carried) {
                                 Values next = body(i, carried);
                                 scf::YieldOp::create(builder, loc, next);
                               });
  return Values(op.getResults());
}

Values LoopEmitter::unrolled(Value low, Value high, int64_t factor, ValueRange initial,
                             function_ref<Values(Value, int64_t, ValueRange)> body) {
  Value whole = sub(high, rem(sub(high, low), index(factor)));
  Values carried = loop(low, whole, factor, initial, [&](Value i, ValueRange before) {
    Values current(before);
    for (int64_t place = 0; place < factor; ++place)
      current = body(add(i, place), place, current);
    return current;
  });
  return loop(whole, high, 1, carried, [&](Value i, ValueRange before) { return body(i, 0, before); });
}

void LoopEmitter::branch(Value condition, function_ref<void()> then,
                         function_ref<void()> otherwise) {
  if (auto known = constantIndex(condition)) {
    if (*known)
      then();
    else if (otherwise)
      otherwise();
    return;
  }
  auto region = [&](function_ref<void()> body) {
    return [this, body](OpBuilder &, Location) {
      body();
      scf::YieldOp::create(builder, loc);
    };
  };
  if (otherwise)
    scf::IfOp::create(builder, loc, condition, region(then), region(otherwise));
  else
    scf::IfOp::create(builder, loc, condition, region(then));
}

Values LoopEmitter::choose(Value condition, ValueRange otherwise, function_ref<Values()> then) {
  auto op = scf::IfOp::create(
      builder, loc, condition,
      [&](OpBuilder &, Location) { scf::YieldOp::create(builder, loc, then()); },
      [&](OpBuilder &, Location) { scf::YieldOp::create(builder, loc, otherwise); });
  return Values(op.getResults());
}

void LoopEmitter::tiles(Value size, int64_t tile, std::optional<int64_t> remainder,
                        function_ref<void(Value, int64_t)> body) {
  if (auto known = constantIndex(size))
    remainder = *known % tile;
  Value rest = rem(size, index(tile));
  Value start = sub(size, rest);
  loop(index(0), start, tile, [&](Value at) { body(at, tile); });
  if (remainder) {
    if (*remainder > 0)
      branch(less(start, size), [&] { body(start, *remainder); });
    return;
  }
  if (tile == 1)
    return;
  for (int64_t part = llvm::bit_floor(uint64_t(tile - 1)); part > 0; part /= 2) {
    Value end = add(start, sub(rest, rem(rest, part)));
    loop(start, end, part, [&](Value at) { body(at, part); });
    start = end;
    rest = rem(rest, part);
  }
}

void LoopEmitter::vectors(Value size, int64_t lanes, function_ref<void(Value, Value)> body) {
  Value full = sub(size, rem(size, lanes));
  loop(index(0), full, lanes, [&](Value at) { body(at, {}); });
  auto known = constantIndex(size);
  if (known && *known % lanes == 0)
    return;
  branch(less(full, size), [&] { body(full, sub(size, full)); });
}

Value LoopEmitter::zero(Type type) {
  return arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
}
Value LoopEmitter::load(VectorType type, Value buffer, Value at) {
  return vector::LoadOp::create(builder, loc, type, buffer, ValueRange{at});
}
Value LoopEmitter::loadScalar(Value buffer, Value at) {
  return memref::LoadOp::create(builder, loc, buffer, ValueRange{at});
}

static Value laneMask(LoopEmitter &emit, VectorType type, Value activeLanes) {
  auto maskType = VectorType::get(type.getShape(), emit.builder.getI1Type());
  return vector::CreateMaskOp::create(emit.builder, emit.loc, maskType, ValueRange{activeLanes});
}

Value LoopEmitter::load(VectorType type, Value buffer, Value at, Value activeLanes) {
  if (!activeLanes)
    return load(type, buffer, at);
  return vector::MaskedLoadOp::create(builder, loc, type, buffer, ValueRange{at},
                                      laneMask(*this, type, activeLanes), zero(type));
}
void LoopEmitter::store(Value vector, Value buffer, Value at, Value activeLanes) {
  storeLanes(builder, loc, vector, buffer, at, activeLanes);
}

void storeLanes(OpBuilder &builder, Location loc, Value vector, Value memref, Value position, Value activeLanes) {
  auto type = cast<VectorType>(vector.getType());
  if (!activeLanes) {
    vector::StoreOp::create(builder, loc, vector, memref, position);
    return;
  }
  LoopEmitter emit(builder, loc);
  auto known = constantIndex(activeLanes);
  // AVX-512 masks a store for nothing. In shorter vectors a masked store takes tens of cycles (AVX2
  // on AMD), or a branch a lane (SSE): a known count of lanes goes in pieces of powers of two.
  constexpr int64_t longestInPieces = 256; // bits
  if (!known || type.getNumElements() * type.getElementTypeBitWidth() > longestInPieces) {
    vector::MaskedStoreOp::create(builder, loc, memref, position, laneMask(emit, type, activeLanes), vector);
    return;
  }
  int64_t count = std::min(*known, type.getNumElements());
  for (int64_t first = 0, piece; first < count; first += piece) {
    piece = llvm::bit_floor(uint64_t(count - first));
    Value at = emit.add(position, first);
    if (piece == 1) {
      emit.storeScalar(vector::ExtractOp::create(builder, loc, vector, ArrayRef<int64_t>{first}), memref, at);
      continue;
    }
    Value part = piece == type.getNumElements()
                     ? vector
                     : Value(vector::ExtractStridedSliceOp::create(builder, loc, vector, ArrayRef<int64_t>{first},
                                                                   ArrayRef<int64_t>{piece}, ArrayRef<int64_t>{1}));
    vector::StoreOp::create(builder, loc, part, memref, at);
  }
}

void LoopEmitter::prefetch(Value buffer, Value at) {
  memref::PrefetchOp::create(builder, loc, buffer, ValueRange{at}, /*isWrite=*/false,
                             /*localityHint=*/3, /*isDataCache=*/true);
}
void LoopEmitter::storeScalar(Value scalar, Value buffer, Value at) {
  memref::StoreOp::create(builder, loc, scalar, buffer, ValueRange{at});
}
Value LoopEmitter::view(Value bytes, Value byteOffset, int64_t count, Type type) {
  return memref::ViewOp::create(builder, loc, MemRefType::get({count}, type), bytes, byteOffset,
                                ValueRange{});
}

Values RegisterTile::zeros(LoopEmitter &emit) const {
  return Values(rows * columns, emit.zero(type));
}

Values emitOuterStep(LoopEmitter &emit, const RegisterTile &tile, ValueRange accumulators,
                     function_ref<Value(int64_t)> scalar, function_ref<Value(int64_t)> vector) {
  Values right, next;
  for (int64_t j = 0; j < tile.columns; ++j)
    right.push_back(vector(j));
  for (int64_t i = 0; i < tile.rows; ++i) {
    // A splat in the right operand's place folds into the instruction's
    // broadcast from memory.
    Value splat = vector::BroadcastOp::create(emit.builder, emit.loc, tile.type, scalar(i));
    for (int64_t j = 0; j < tile.columns; ++j)
      next.push_back(math::FmaOp::create(emit.builder, emit.loc, right[j], splat,
                                           accumulators[i * tile.columns + j]));
  }
  return next;
}

// Multiply-adds in flight that hide their latency in a core that starts two a cycle.
constexpr int64_t inFlight = 8;

Values emitOuterProduct(LoopEmitter &emit, const RegisterTile &tile, ValueRange initial, Value steps,
                        const OuterProduct &of) {
  // The two threads of a core share the instructions that it can take up in a cycle: then not
  // the multiply-adds but their number is the limit, and counting in every step costs a tenth.
  // Not of high tiles: LLVM would load their vectors early, into registers that they need. Nor
  // of smaller ones than that: a step waits for the one before it, and counts meanwhile.
  int64_t together = tile.columns > 1 && tile.rows * tile.columns >= inFlight ? 4 : 1;
  int64_t stepsPerLine = vectorsPerLine(tile.type);
  return emit.unrolled(emit.index(0), steps, together, initial, [&](Value step, int64_t place, ValueRange carried) {
    for (int64_t j = 0; of.prefetch && place % stepsPerLine == 0 && j < tile.columns; ++j)
      of.prefetch(step, j);
    return emitOuterStep(
        emit, tile, carried, [&](int64_t i) { return of.scalar(step, i); },
        [&](int64_t j) { return of.vector(step, j); });
  });
}

double outerStepCost(int64_t rows, int64_t vectors, int64_t registers) {
  double multiplyAdds = rows * vectors, loads = rows + vectors;
  // A core with short vectors (sixteen registers) takes up six instructions a cycle, or three
  // when its other thread is busy: two thirds of a multiply-add each.
  double instructions = registers == 16 ? (multiplyAdds + loads) * 2 / 3 : 0;
  return std::max({multiplyAdds, loads, double(inFlight), instructions});
}

Values emitDotStep(LoopEmitter &emit, const RegisterTile &tile, ValueRange accumulators,
                   function_ref<Value(int64_t)> left, function_ref<Value(int64_t)> right) {
  Values rows, next;
  for (int64_t i = 0; i < tile.rows; ++i)
    rows.push_back(left(i));
  next.resize(tile.rows * tile.columns);
  for (int64_t j = 0; j < tile.columns; ++j) {
    Value column = right(j);
    for (int64_t i = 0; i < tile.rows; ++i) {
      int64_t at = i * tile.columns + j;
      next[at] =
          math::FmaOp::create(emit.builder, emit.loc, rows[i], column, accumulators[at]);
    }
  }
  return next;
}

Value emitHorizontalSum(LoopEmitter &emit, Value vector) {
  return vector::ReductionOp::create(emit.builder, emit.loc, vector::CombiningKind::ADD, vector);
}

// Halves the lanes that hold parts of one sum, and puts two vectors' halves side
// by side, until each lane is a sum: lane i is then of vector i with its bits reversed.
Value emitHorizontalSums(LoopEmitter &emit, ValueRange vectors) {
  auto type = cast<VectorType>(vectors[0].getType());
  int64_t lanes = type.getNumElements();
  int64_t bits = llvm::Log2_64(lanes);
  Values current(lanes);
  for (int64_t i = 0; i < lanes; ++i) {
    int64_t reversed = 0;
    for (int64_t bit = 0; bit < bits; ++bit)
      reversed |= (i >> bit & 1) << (bits - 1 - bit);
    if (reversed < int64_t(vectors.size()))
      current[i] = vectors[reversed];
  }
  for (int64_t distance = lanes / 2; distance > 0; distance /= 2) {
    Values next;
    for (size_t i = 0; i < current.size(); i += 2) {
      Value left = current[i], right = current[i + 1];
      if (!left && !right) {
        next.push_back({});
        continue;
      }
      if (!left)
        std::swap(left, right);
      llvm::SmallVector<int64_t> low(lanes), high(lanes);
      if (!right) {
        for (int64_t lane = 0; lane < lanes; ++lane)
          high[lane] = lane ^ distance;
        Value turned = vector::ShuffleOp::create(emit.builder, emit.loc, left, left, high);
        next.push_back(arith::AddFOp::create(emit.builder, emit.loc, left, turned));
        continue;
      }
      for (int64_t lane = 0; lane < lanes; ++lane) {
        bool second = lane & distance;
        low[lane] = second ? lanes + lane - distance : lane;
        high[lane] = second ? lanes + lane : lane + distance;
      }
      Value lows = vector::ShuffleOp::create(emit.builder, emit.loc, left, right, low);
      Value highs = vector::ShuffleOp::create(emit.builder, emit.loc, left, right, high);
      next.push_back(arith::AddFOp::create(emit.builder, emit.loc, lows, highs));
    }
    current = next;
  }
  return current[0];
}

// Eklundh's method: at distance d swap the off-diagonal d x d blocks of each 2d x 2d block.
Values emitTranspose(LoopEmitter &emit, ValueRange rows) {
  Values current(rows);
  int64_t lanes = rows.size();
  for (int64_t distance = 1; distance < lanes; distance *= 2) {
    llvm::SmallVector<int64_t> upper(lanes), lower(lanes);
    for (int64_t lane = 0; lane < lanes; ++lane) {
      bool second = lane & distance;
      upper[lane] = second ? lanes + lane - distance : lane;
      lower[lane] = second ? lanes + lane : lane + distance;
    }
    for (int64_t i = 0; i < lanes; ++i) {
      if (i & distance)
        continue;
      Value top = current[i], bottom = current[i + distance];
      current[i] = vector::ShuffleOp::create(emit.builder, emit.loc, top, bottom, upper);
      current[i + distance] = vector::ShuffleOp::create(emit.builder, emit.loc, top, bottom, lower);
    }
  }
  return current;
}

} // namespace nnc::cpu
