// What a schedule family emits with: one kernel's buffers, sizes, scratch and
// target at an insertion point, and the element-by-element reading of its region
// (pull style: an element of a value is computed where it is asked for).
#pragma once

#include "codegen/cpu/Target.h"
#include "dialects/nn/Nn.h"
#include "mlir/IR/Builders.h"

namespace nnc::cpu {

/// Emits inside the function of one kernel. Buffers are rank-1 memrefs over
/// contiguous row-major elements; indices are written out as arithmetic.
class KernelContext : public nn::ElementEmitter {
public:
  KernelContext(mlir::OpBuilder &builder, nn::KernelOp kernel, const Target &target);

  nn::KernelOp kernel;
  const Target &target;
  /// memref<?xT> (i8 for i1) of each region argument, then of each result.
  llvm::SmallVector<mlir::Value> inputBuffers, outputBuffers;
  llvm::SmallVector<mlir::Value> symbols; ///< index values
  /// memref<?xi64> whose first element becomes 1 when an element outside of its tensor was asked
  /// for; null: nobody looks.
  mlir::Value outside;
  mlir::Value workerScratch, sharedScratch; ///< memref<?xi8>, 64-byte aligned; null if none

  mlir::Block &body() { return kernel.getBody().front(); }
  nn::YieldOp yield() { return mlir::cast<nn::YieldOp>(body().getTerminator()); }

  // --- ElementEmitter -----------------------------------------------------------
  /// Reads a region argument or a value given a buffer by setBuffer; otherwise
  /// emits the defining op's element.
  mlir::Value element(mlir::Value tensor, mlir::ValueRange index) override;
  mlir::Value size(mlir::AffineExpr dim) override;
  using nn::ElementEmitter::size;
  llvm::SmallVector<mlir::Value> evaluate(llvm::ArrayRef<Expr> exprs, llvm::ArrayRef<mlir::Value> inputs,
                                          llvm::ArrayRef<mlir::Type> types) override;

  // --- Buffers ----------------------------------------------------------------------
  /// The memref that holds `tensor`, or null if it is computed where it is read.
  mlir::Value bufferOf(mlir::Value tensor) { return buffers.lookup(tensor); }
  void setBuffer(mlir::Value tensor, mlir::Value memref) { buffers[tensor] = memref; }
  /// Row-major position of an element.
  mlir::Value linearize(mlir::Value tensor, mlir::ValueRange index);
  /// The indices of row-major position `linear` in those sizes.
  llvm::SmallVector<mlir::Value> delinearize(mlir::Value linear, llvm::ArrayRef<mlir::AffineExpr> dims);
  /// `position` if it lies in `tensor`; otherwise 0, and `outside` says so.
  mlir::Value checked(mlir::Value tensor, mlir::Value position);
  /// Truth values (i1) are bytes in memory; these convert.
  mlir::Value loadElement(mlir::Value tensor, mlir::Value position);
  void storeElement(mlir::Value value, mlir::Value memref, mlir::Value position);

  mlir::Value minimum(mlir::Value a, mlir::Value b);
  mlir::Value ceilDiv(mlir::Value a, int64_t divisor);
  /// `for (i = from; i < to; i += step) body(i)`.
  void forLoop(mlir::Value from, mlir::Value to, int64_t step, llvm::function_ref<void(mlir::Value)> body);

private:
  llvm::DenseMap<mlir::Value, mlir::Value> buffers;
};

} // namespace nnc::cpu
