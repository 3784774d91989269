// The register tiles that all products are made of, and the small emitter of
// index arithmetic and loops that they are written with. A tile's accumulators
// are loop-carried values, so that they live in vector registers.
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>

namespace nnc::cpu {

using Values = llvm::SmallVector<mlir::Value>;

/// Emits index arithmetic, folded where the operands are constants, and
/// counted loops, left out where they run zero times or once.
class LoopEmitter {
public:
  LoopEmitter(mlir::OpBuilder &builder, mlir::Location loc) : builder(builder), loc(loc) {}

  mlir::OpBuilder &builder;
  mlir::Location loc;

  mlir::Value index(int64_t value);
  mlir::Value add(mlir::Value left, mlir::Value right);
  mlir::Value add(mlir::Value left, int64_t right) { return add(left, index(right)); }
  mlir::Value sub(mlir::Value left, mlir::Value right);
  mlir::Value mul(mlir::Value left, mlir::Value right);
  mlir::Value mul(mlir::Value left, int64_t right) { return mul(left, index(right)); }
  /// Quotient and remainder of sizes: operands are never negative.
  mlir::Value div(mlir::Value left, mlir::Value right);
  mlir::Value div(mlir::Value left, int64_t right) { return div(left, index(right)); }
  mlir::Value rem(mlir::Value left, mlir::Value right);
  mlir::Value rem(mlir::Value left, int64_t right) { return rem(left, index(right)); }
  mlir::Value ceilDiv(mlir::Value left, int64_t right);
  mlir::Value min(mlir::Value left, mlir::Value right);
  mlir::Value max(mlir::Value left, mlir::Value right);
  mlir::Value less(mlir::Value left, mlir::Value right);
  mlir::Value lessEqual(mlir::Value left, mlir::Value right);
  /// An index of which LLVM does not know that it is `value`. Equal ones may become one.
  mlir::Value opaque(int64_t value);
  /// `number` counted in mixed radix: digits for `sizes`, the last one fastest.
  Values delinearize(mlir::Value number, llvm::ArrayRef<mlir::Value> sizes);

  void loop(mlir::Value low, mlir::Value high, int64_t step,
            llvm::function_ref<void(mlir::Value)> body);
  /// A loop that carries values.
  Values loop(mlir::Value low, mlir::Value high, int64_t step, mlir::ValueRange initial,
              llvm::function_ref<Values(mlir::Value, mlir::ValueRange)> body);
  /// The same, with the bodies of `factor` steps in a row: body(i, place in the row, carried).
  Values unrolled(mlir::Value low, mlir::Value high, int64_t factor, mlir::ValueRange initial,
                  llvm::function_ref<Values(mlir::Value, int64_t, mlir::ValueRange)> body);
  void branch(mlir::Value condition, llvm::function_ref<void()> then,
              llvm::function_ref<void()> otherwise = nullptr);
  /// What `then` computes where the condition holds, `otherwise` elsewhere.
  Values choose(mlir::Value condition, mlir::ValueRange otherwise,
                llvm::function_ref<Values()> then);

  /// Covers [0, size) with tiles: a loop of full tiles, then what is left.
  /// `remainder` is size modulo tile where that is known (one exact tile);
  /// otherwise the rest is covered by tiles of powers of two.
  void tiles(mlir::Value size, int64_t tile, std::optional<int64_t> remainder,
             llvm::function_ref<void(mlir::Value start, int64_t size)> body);
  /// Covers [0, size) with vectors: full ones (active lanes null), then at most one masked.
  void vectors(mlir::Value size, int64_t lanes,
               llvm::function_ref<void(mlir::Value start, mlir::Value activeLanes)> body);

  mlir::Value zero(mlir::Type scalarOrVector);
  mlir::Value load(mlir::VectorType type, mlir::Value buffer, mlir::Value at);
  mlir::Value loadScalar(mlir::Value buffer, mlir::Value at);
  /// Reads the first `activeLanes` (null: all), the others are zero.
  mlir::Value load(mlir::VectorType type, mlir::Value buffer, mlir::Value at,
                   mlir::Value activeLanes);
  void store(mlir::Value vector, mlir::Value buffer, mlir::Value at,
             mlir::Value activeLanes = {});
  /// Asks for the cache line of an element, which need not exist.
  void prefetch(mlir::Value buffer, mlir::Value at);
  void storeScalar(mlir::Value scalar, mlir::Value buffer, mlir::Value at);
  /// `count` elements of `type` at a byte offset of a memref<?xi8>.
  mlir::Value view(mlir::Value bytes, mlir::Value byteOffset, int64_t count, mlir::Type type);
};

/// How many vectors, one after the other, a line of cache holds: 1 where one fills it.
int64_t vectorsPerLine(mlir::VectorType type);

/// The value of a constant index, if it is one.
std::optional<int64_t> constantIndex(mlir::Value value);

/// Stores the first `activeLanes` elements of `vector` (null: all) to a rank-1 memref.
void storeLanes(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value vector, mlir::Value memref,
                mlir::Value position, mlir::Value activeLanes);

/// A register tile: rows x columns accumulators of one vector type, in
/// row-major order.
struct RegisterTile {
  int64_t rows, columns;
  mlir::VectorType type;

  Values zeros(LoopEmitter &emit) const;
};

/// One step of an outer-product tile: acc[i][j] += splat(scalar(i)) * vector(j).
Values emitOuterStep(LoopEmitter &emit, const RegisterTile &tile, mlir::ValueRange accumulators,
                     llvm::function_ref<mlir::Value(int64_t row)> scalar,
                     llvm::function_ref<mlir::Value(int64_t column)> vector);

/// Where the sums of a register tile get their operands.
struct OuterProduct {
  llvm::function_ref<mlir::Value(mlir::Value step, int64_t row)> scalar;
  llvm::function_ref<mlir::Value(mlir::Value step, int64_t column)> vector;
  /// Null, or asks for a line of cache that a column's vectors will come from: emitted for each
  /// column as often as its vectors, one after the other in memory, begin a line.
  llvm::function_ref<void(mlir::Value step, int64_t column)> prefetch = nullptr;
};

/// initial[i][j] + the sum over steps [0, steps) of splat(scalar(i)) * vector(j).
Values emitOuterProduct(LoopEmitter &emit, const RegisterTile &tile, mlir::ValueRange initial, mlir::Value steps,
                        const OuterProduct &of);

/// What a step of an outer-product tile costs a core with that many vector registers, in
/// multiply-adds of vectors.
double outerStepCost(int64_t rows, int64_t vectors, int64_t registers);

/// One step of a dot-product tile: acc[i][j] += left(i) * right(j), lane by lane.
Values emitDotStep(LoopEmitter &emit, const RegisterTile &tile, mlir::ValueRange accumulators,
                   llvm::function_ref<mlir::Value(int64_t row)> left,
                   llvm::function_ref<mlir::Value(int64_t column)> right);

/// The sum of a vector's lanes, always in the same tree order.
mlir::Value emitHorizontalSum(LoopEmitter &emit, mlir::Value vector);

/// The same for up to as many vectors as each has lanes: their sums, in order,
/// in the first lanes of one vector. A fraction of the cost of one at a time.
mlir::Value emitHorizontalSums(LoopEmitter &emit, mlir::ValueRange vectors);

/// Transposes a square of vectors, as many as each has lanes (a power of two).
Values emitTranspose(LoopEmitter &emit, mlir::ValueRange rows);

} // namespace nnc::cpu
