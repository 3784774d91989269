// Sizes of tensors as expressions over a function's symbols: reading them off a
// type, making a type from them, and torch's shape formulas. Static sizes are
// constant expressions; only types with a symbolic size carry an encoding.
#pragma once

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ValueRange.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace nnc::nn {

using Dims = llvm::SmallVector<mlir::AffineExpr, 4>;

/// The sizes of a ranked tensor (or of a value of that type).
Dims dimsOf(mlir::Type type);
inline Dims dimsOf(mlir::Value value) { return dimsOf(value.getType()); }

mlir::Type elementTypeOf(mlir::Value value);
inline int64_t rankOf(mlir::Value value) {
  return mlir::cast<mlir::RankedTensorType>(value.getType()).getRank();
}

/// The symbol names a type's sizes refer to; empty for a static type.
llvm::ArrayRef<mlir::StringAttr> symbolsOf(mlir::Type type);
/// The first non-empty list among `types`.
llvm::ArrayRef<mlir::StringAttr> symbolsOf(mlir::TypeRange types);

/// A tensor type with those sizes, with an encoding only if one is symbolic.
mlir::RankedTensorType tensorType(llvm::ArrayRef<mlir::AffineExpr> dims, mlir::Type element,
                                  llvm::ArrayRef<mlir::StringAttr> symbols);

/// The same sizes, another element type.
mlir::RankedTensorType withElementType(mlir::Type type, mlir::Type element);

/// The constant value of a size, if it is one.
std::optional<int64_t> constantSize(mlir::AffineExpr dim);
bool isOne(mlir::AffineExpr dim);
/// Equal for every value of the symbols, as far as simplification can tell.
bool sameSize(mlir::AffineExpr a, mlir::AffineExpr b);
bool sameSizes(llvm::ArrayRef<mlir::AffineExpr> a, llvm::ArrayRef<mlir::AffineExpr> b);
mlir::AffineExpr product(mlir::MLIRContext *context, llvm::ArrayRef<mlir::AffineExpr> dims);
mlir::AffineExpr simplify(mlir::AffineExpr dim);

/// torch's broadcasting of several shapes; none if two sizes clash.
std::optional<Dims> broadcastDims(mlir::MLIRContext *context, llvm::ArrayRef<Dims> shapes);

/// Output size of a convolution or pooling window along one axis:
/// floor((in + low + high - dilation * (kernel - 1) - 1) / stride) + 1, and with
/// `ceil` torch's rule that the last window starts inside the input or its left padding.
mlir::AffineExpr windowOutputSize(mlir::AffineExpr in, int64_t kernel, int64_t stride,
                                  int64_t low, int64_t high, int64_t dilation, bool ceil = false);

/// Positions i such that permutation[inverse[i]] == i.
llvm::SmallVector<int64_t> inversePermutation(llvm::ArrayRef<int64_t> permutation);

/// Prints and parses one size over named symbols: `N * 49`, `(N floordiv 2) + 1`.
std::string printSize(mlir::AffineExpr dim, llvm::ArrayRef<mlir::StringAttr> symbols);

} // namespace nnc::nn
