// What emitElement of an op writes its scalar code with: elements of operands,
// sizes, arithmetic, reduction loops. Code generation implements where operand
// elements come from (a buffer, or the op that produces them).
#pragma once

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

namespace nnc {
class Expr;
}

namespace nnc::nn {

/// A size over symbols (index values) as index arithmetic.
mlir::Value emitSize(mlir::OpBuilder &builder, mlir::Location loc, mlir::AffineExpr size,
                     mlir::ValueRange symbols);

class ElementEmitter {
public:
  ElementEmitter(mlir::OpBuilder &builder, mlir::Location loc) : b(builder), loc(loc) {}
  virtual ~ElementEmitter() = default;

  /// Element `index` (index values, one an axis) of a tensor in the region.
  virtual mlir::Value element(mlir::Value tensor, mlir::ValueRange index) = 0;
  /// A size over the function's symbols as an index value.
  virtual mlir::Value size(mlir::AffineExpr dim) = 0;
  mlir::Value size(mlir::Value tensor, int64_t axis);
  /// The value of scalar expressions over scalar inputs.
  virtual llvm::SmallVector<mlir::Value> evaluate(llvm::ArrayRef<Expr> exprs,
                                                  llvm::ArrayRef<mlir::Value> inputs,
                                                  llvm::ArrayRef<mlir::Type> types) = 0;

  mlir::Value index(int64_t value);
  mlir::Value constant(mlir::Type type, double value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value mulAdd(mlir::Value a, int64_t scale, int64_t offset); ///< a * scale + offset, indices
  /// low <= a < high, as i1; indices are signed here.
  mlir::Value inRange(mlir::Value a, int64_t low, mlir::Value high);
  mlir::Value logicalAnd(mlir::Value a, mlir::Value b);

  /// A loop nest over `sizes` that carries accumulators.
  using Body = llvm::function_ref<llvm::SmallVector<mlir::Value>(
      mlir::ValueRange position, mlir::ValueRange accumulators)>;
  llvm::SmallVector<mlir::Value> loop(mlir::ValueRange sizes, mlir::ValueRange initial, Body body);

  /// Sum over a loop nest of terms of float type `type`. f32 sums are carried in
  /// f64: the naive lowering is what optimised kernels are judged by.
  mlir::Value sum(mlir::Type type, mlir::ValueRange sizes,
                  llvm::function_ref<mlir::Value(mlir::ValueRange position)> term);

  /// `condition ? then() : otherwise`, evaluating `then` only where it holds (it
  /// may read out of bounds elsewhere).
  mlir::Value guarded(mlir::Value condition, llvm::function_ref<mlir::Value()> then,
                      mlir::Value otherwise);

  mlir::OpBuilder &b;
  mlir::Location loc;
};

} // namespace nnc::nn
