// What a test case of an nn op says: the op, a builder of a small function around
// it, the data it likes, and where it is easy a reference in plain C++. From one
// row ops_test derives every check; see docs/adding-an-op.md.
#pragma once

#include "compiler/frontends/FunctionBuilder.h"
#include <functional>
#include <string>
#include <vector>

namespace nnc::test {

/// A tensor of any element type, widened to f64 (exact for all that cases use).
struct Array {
  std::vector<int64_t> dims;
  std::vector<double> data;

  explicit Array(std::vector<int64_t> dims = {}) : dims(std::move(dims)), data(count()) {}
  int64_t count() const;
  double &at(llvm::ArrayRef<int64_t> index);
  double at(llvm::ArrayRef<int64_t> index) const { return const_cast<Array *>(this)->at(index); }
  /// Calls `body` with every index in row-major order.
  void forEach(llvm::function_ref<void(llvm::ArrayRef<int64_t>)> body) const;
};

/// How many windows fit along each spatial axis, with the padding on both sides.
std::vector<int64_t> windowCounts(llvm::ArrayRef<int64_t> in, llvm::ArrayRef<int64_t> kernel, llvm::ArrayRef<int64_t> stride,
                                  llvm::ArrayRef<int64_t> padding, llvm::ArrayRef<int64_t> dilation);

/// Values of an input: even in [low, high), drawn from a generator that a position
/// and an input's number seed, so that ties have probability zero.
struct Data {
  double low = -2, high = 2;
  enum Kind { Uniform, Sign, Truth, Whole, Fixed } kind = Uniform;
  int64_t exception = -1; ///< Whole: every fifth value is this, if it is not -1
};
inline Data range(double low, double high) { return {low, high, Data::Uniform}; }
inline Data fixed(double value) { return {value, value, Data::Fixed}; }

/// A static size or an expression over the batch symbol.
struct Size {
  mlir::AffineExpr expr;
  int64_t value = 0;
  Size(mlir::AffineExpr expr) : expr(expr) {}
  Size(int64_t value) : value(value) {}
};

class CaseBuilder : public FunctionBuilder {
public:
  /// `batch` null: the size N of the case is the constant `staticBatch`.
  CaseBuilder(mlir::ModuleOp module, llvm::StringRef name, llvm::ArrayRef<SymbolInfo> symbols,
              mlir::Type element);

  static constexpr int64_t staticBatch = 3;
  /// The batch size: the symbol N in the dynamic variant of the case.
  mlir::AffineExpr batch();
  Dims dims(std::initializer_list<Size> sizes);

  /// Inputs of the function, in order.
  mlir::Value input(std::initializer_list<Size> sizes, Data data = {}) { return input(dims(sizes), data); }
  mlir::Value input(const Dims &dims, Data data = {}) { return addData(dims, element, data); }
  mlir::Value classes(std::initializer_list<Size> sizes, int64_t count) { return classes(dims(sizes), count, -1); }
  /// Whole numbers below `count`; some are `exception`, if it is not -1.
  mlir::Value classes(const Dims &dims, int64_t count, int64_t exception);
  mlir::Value condition(std::initializer_list<Size> sizes);
  mlir::Value integer(int64_t value); ///< an i64 scalar
  void output(mlir::Value value);

  mlir::Type element;
  std::vector<Data> data; ///< of each input
  bool usesBatch = false;

private:
  mlir::Value addData(const Dims &dims, mlir::Type type, Data values);
  bool dynamic;
  unsigned outputs = 0;
};

using Arrays = std::vector<Array>;
using Index = llvm::ArrayRef<int64_t>;

/// Fills outputs of known shapes from the inputs.
using Reference = std::function<void(const Arrays &inputs, Arrays &outputs)>;
/// A reference that gives each element of the first output.
Reference each(std::function<double(const Arrays &inputs, Index index)> element);

struct Case {
  std::string op;   ///< mnemonic without `nn.`
  std::string name; ///< what is particular about the case
  std::function<void(CaseBuilder &)> build;
  Reference reference = {}; ///< empty: the other checks only
  /// Whether the gradient is compared with central differences. Not for functions
  /// that jump within the data.
  bool checkGradient = true;
};

// One table a file.
std::vector<Case> elementwiseCases(); ///< ops_elementwise.cpp: every row of the function table, and more
std::vector<Case> shapeCases();       ///< ops_shape.cpp
std::vector<Case> reductionCases();   ///< ops_reduction.cpp: reductions, softmax, losses
std::vector<Case> productCases();     ///< ops_product.cpp: matmul, convolution
std::vector<Case> poolCases();        ///< ops_pool.cpp
std::vector<Case> indexCases();       ///< ops_index.cpp: gathers, recurrent layers
std::vector<Case> trainingCases();    ///< ops_training.cpp: random numbers, optimizers

} // namespace nnc::test
