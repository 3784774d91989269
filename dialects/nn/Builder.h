// Builds nn ops with torch's conventions: broadcasting, result types, no op for a
// no-op. Front ends, decompositions and gradient rules all write through it.
#pragma once

#include "dialects/nn/Nn.h"
#include "mlir/IR/Builders.h"
#include <functional>
#include <map>

namespace nnc::nn {

class Builder {
public:
  /// Symbols are those of the function that `builder` inserts into.
  Builder(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<mlir::StringAttr> symbols);

  mlir::OpBuilder &builder() { return b; }
  mlir::MLIRContext *context() { return b.getContext(); }
  mlir::Location loc;
  mlir::AffineExpr size(int64_t value) { return mlir::getAffineConstantExpr(value, context()); }

  // --- Elementwise ------------------------------------------------------------
  /// A row of the function table, by name; parameters not given take torch's
  /// defaults. The result's element type is the expression's.
  mlir::Value apply(llvm::StringRef function, mlir::ValueRange inputs,
                    const std::map<std::string, double> &parameters = {});
  /// An expression over x0, x1, ...; `element` null: inferred.
  mlir::Value map(Expr expr, mlir::ValueRange inputs, mlir::Type element = {}, llvm::StringRef fn = "");
  mlir::Value map(llvm::StringRef text, mlir::ValueRange inputs, mlir::Type element = {});
  /// Several expressions over the same inputs.
  llvm::SmallVector<mlir::Value> maps(llvm::ArrayRef<Expr> exprs, mlir::ValueRange inputs,
                                      llvm::ArrayRef<mlir::Type> elements, llvm::StringRef fn = "");
  mlir::Value add(mlir::Value a, mlir::Value b) { return map("x0 + x1", {a, b}); }
  mlir::Value sub(mlir::Value a, mlir::Value b) { return map("x0 - x1", {a, b}); }
  mlir::Value mul(mlir::Value a, mlir::Value b) { return map("x0 * x1", {a, b}); }
  mlir::Value div(mlir::Value a, mlir::Value b) { return map("x0 / x1", {a, b}); }
  mlir::Value scale(mlir::Value a, double factor);
  mlir::Value convert(mlir::Value a, mlir::Type element);
  mlir::Value full(llvm::ArrayRef<mlir::AffineExpr> dims, mlir::Type element, double value);
  mlir::Value zerosLike(mlir::Value a) { return full(dimsOf(a), elementTypeOf(a), 0.0); }
  mlir::Value iota(llvm::ArrayRef<mlir::AffineExpr> dims, int64_t axis, mlir::Type element);
  /// The size of an axis as a scalar tensor, for means over symbolic sizes.
  mlir::Value sizeAsScalar(mlir::AffineExpr size, mlir::Type element);

  // --- Shape --------------------------------------------------------------------
  mlir::Value reshape(mlir::Value a, llvm::ArrayRef<mlir::AffineExpr> dims);
  mlir::Value transpose(mlir::Value a, llvm::ArrayRef<int64_t> permutation);
  mlir::Value broadcast(mlir::Value a, llvm::ArrayRef<mlir::AffineExpr> dims);
  mlir::Value slice(mlir::Value a, llvm::ArrayRef<int64_t> starts, llvm::ArrayRef<mlir::AffineExpr> sizes,
                    llvm::ArrayRef<int64_t> steps);
  /// Elements of a slice back in their places in a tensor of zeros.
  mlir::Value unslice(mlir::Value a, llvm::ArrayRef<mlir::AffineExpr> dims,
                      llvm::ArrayRef<int64_t> starts, llvm::ArrayRef<int64_t> steps);
  mlir::Value pad(mlir::Value a, llvm::ArrayRef<int64_t> low, llvm::ArrayRef<mlir::AffineExpr> dims,
                  llvm::ArrayRef<int64_t> interior, double value);
  mlir::Value concat(mlir::ValueRange inputs, int64_t axis);
  mlir::Value squeeze(mlir::Value a, llvm::ArrayRef<int64_t> axes);
  mlir::Value unsqueeze(mlir::Value a, int64_t axis);

  // --- Reductions; reduced axes keep size 1 ---------------------------------------
  mlir::Value reduce(ReduceKind kind, mlir::Value a, llvm::ArrayRef<int64_t> axes);
  mlir::Value sum(mlir::Value a, llvm::ArrayRef<int64_t> axes) { return reduce(ReduceKind::sum, a, axes); }
  mlir::Value mean(mlir::Value a, llvm::ArrayRef<int64_t> axes);
  /// Undoes broadcasting: sums `a` down to `dims`.
  mlir::Value sumTo(mlir::Value a, llvm::ArrayRef<mlir::AffineExpr> dims);

  // --- Structured ------------------------------------------------------------------
  mlir::Value matmul(mlir::Value a, mlir::Value b, bool transposeA = false, bool transposeB = false);
  mlir::Value conv(mlir::Value x, mlir::Value w, llvm::ArrayRef<mlir::AffineExpr> dims,
                   llvm::ArrayRef<int64_t> stride, llvm::ArrayRef<int64_t> padding,
                   llvm::ArrayRef<int64_t> dilation, int64_t groups);
  mlir::Value convInputGrad(mlir::Value dy, mlir::Value w, llvm::ArrayRef<mlir::AffineExpr> dims,
                            llvm::ArrayRef<int64_t> stride, llvm::ArrayRef<int64_t> padding,
                            llvm::ArrayRef<int64_t> dilation, int64_t groups);
  mlir::Value convWeightGrad(mlir::Value x, mlir::Value dy, llvm::ArrayRef<mlir::AffineExpr> dims,
                             llvm::ArrayRef<int64_t> stride, llvm::ArrayRef<int64_t> padding,
                             llvm::ArrayRef<int64_t> dilation, int64_t groups);
  /// Filters laid out for a direct convolution, `lanes` result channels side by side.
  mlir::Value packFilter(mlir::Value w, int64_t groups, int64_t lanes, bool adjoint);
  /// The 3x3 filters `w` for Winograd tiles of `outputs` results along an axis, likewise.
  mlir::Value winogradFilter(mlir::Value w, int64_t outputs, int64_t lanes, bool adjoint);
  MaxPoolOp maxPool(mlir::Value x, llvm::ArrayRef<mlir::AffineExpr> dims, llvm::ArrayRef<int64_t> kernel,
                    llvm::ArrayRef<int64_t> stride, llvm::ArrayRef<int64_t> padding,
                    llvm::ArrayRef<int64_t> dilation);
  mlir::Value maxPoolGrad(mlir::Value dy, mlir::Value position, llvm::ArrayRef<mlir::AffineExpr> dims,
                          llvm::ArrayRef<int64_t> kernel, llvm::ArrayRef<int64_t> stride,
                          llvm::ArrayRef<int64_t> padding, llvm::ArrayRef<int64_t> dilation);
  mlir::Value sumPool(mlir::Value x, llvm::ArrayRef<mlir::AffineExpr> dims, llvm::ArrayRef<int64_t> kernel,
                      llvm::ArrayRef<int64_t> stride, llvm::ArrayRef<int64_t> padding,
                      llvm::ArrayRef<int64_t> dilation);
  mlir::Value sumPoolGrad(mlir::Value dy, llvm::ArrayRef<mlir::AffineExpr> dims,
                          llvm::ArrayRef<int64_t> kernel, llvm::ArrayRef<int64_t> stride,
                          llvm::ArrayRef<int64_t> padding, llvm::ArrayRef<int64_t> dilation);

  // --- Positions held by a tensor -----------------------------------------------------
  mlir::Value gather(mlir::Value input, mlir::Value index, int64_t axis, int64_t padding = -1);
  mlir::Value scatterAdd(mlir::Value input, mlir::Value index, llvm::ArrayRef<mlir::AffineExpr> dims,
                         int64_t axis, int64_t padding = -1);
  mlir::Value gatherElements(mlir::Value input, mlir::Value index, int64_t axis);
  mlir::Value scatterAddElements(mlir::Value input, mlir::Value index, llvm::ArrayRef<mlir::AffineExpr> dims,
                                 int64_t axis);

  mlir::RankedTensorType type(llvm::ArrayRef<mlir::AffineExpr> dims, mlir::Type element) {
    return tensorType(dims, element, symbols);
  }
  llvm::ArrayRef<mlir::StringAttr> functionSymbols() const { return symbols; }

protected:
  mlir::OpBuilder &b;
  llvm::SmallVector<mlir::StringAttr> symbols;
};

/// What a gradient rule is handed: the adjoints of the op's results, and where
/// to put those of its operands. Accumulation, activity and broadcasting are the
/// autodiff driver's.
class Grad : public Builder {
public:
  Grad(Builder &builder, mlir::Operation *op, llvm::ArrayRef<mlir::Value> adjoints,
       llvm::function_ref<bool(mlir::Value)> active,
       llvm::function_ref<void(mlir::Value, mlir::Value)> accumulate)
      : Builder(builder), op(op), adjoints(adjoints), active(active), accumulate(accumulate) {}

  /// Whether the gradient of `operand` is wanted.
  bool needs(mlir::Value operand) { return active(operand); }
  /// The adjoint of a result; zeros if nothing depends on it.
  mlir::Value dy(unsigned result = 0);
  bool hasDy(unsigned result) { return static_cast<bool>(adjoints[result]); }
  void push(mlir::Value operand, llvm::function_ref<mlir::Value()> adjoint) {
    accumulate(operand, adjoint());
  }

private:
  mlir::Operation *op;
  llvm::ArrayRef<mlir::Value> adjoints;
  llvm::function_ref<bool(mlir::Value)> active;
  llvm::function_ref<void(mlir::Value, mlir::Value)> accumulate;
};

/// The element type an expression has over inputs of those types.
mlir::Type inferElementType(Expr expr, llvm::ArrayRef<mlir::Type> inputs, mlir::Type fallback);

} // namespace nnc::nn
