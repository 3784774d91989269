// The small constant matrices of Winograd's filtering times vectors.
#include "codegen/cpu/ConvolutionWinograd.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;

namespace nnc::cpu {

namespace {

/// A matrix of which columns may be summed up beforehand.
struct Linear {
  LoopEmitter &emit;
  Values values;
  std::vector<double> matrix;
  int64_t rows;

  int64_t columns() const { return values.size(); }
  double at(int64_t row, int64_t column) const { return matrix[row * columns() + column]; }
  Value add(Value left, Value right) {
    return arith::AddFOp::create(emit.builder, emit.loc, left, right);
  }
  Value sub(Value left, Value right) {
    return arith::SubFOp::create(emit.builder, emit.loc, left, right);
  }

  /// Columns that are equal but for signs: their values' sum and difference instead.
  void pairColumns() {
    for (int64_t c = 0; c + 1 < columns(); ++c) {
      bool pair = true, differ = false;
      for (int64_t r = 0; r < rows; ++r) {
        pair &= std::abs(at(r, c)) == std::abs(at(r, c + 1));
        differ |= at(r, c) != at(r, c + 1);
      }
      if (!pair || !differ)
        continue;
      for (int64_t r = 0; r < rows; ++r) {
        double first = at(r, c), second = at(r, c + 1);
        matrix[r * columns() + c] = first == second ? first : 0;
        matrix[r * columns() + c + 1] = first == second ? 0 : first;
      }
      Value sum = add(values[c], values[c + 1]), difference = sub(values[c], values[c + 1]);
      values[c] = sum;
      values[c + 1] = difference;
      ++c;
    }
  }

  /// Sum over the columns that `take` names; null if there is none.
  Value dot(int64_t row, llvm::function_ref<bool(int64_t)> take) {
    Value sum;
    // Factors of one first: they need no multiplication.
    for (bool ones : {true, false})
      for (int64_t c = 0; c < columns(); ++c) {
        double factor = at(row, c);
        if (factor == 0 || !take(c) || (factor == 1) != ones)
          continue;
        if (ones)
          sum = sum ? add(sum, values[c]) : values[c];
        else if (factor == -1 && sum)
          sum = sub(sum, values[c]);
        else
          sum = addProduct(values[c], factor, sum);
      }
    return sum;
  }

  Value addProduct(Value value, double factor, Value sum) {
    auto type = cast<VectorType>(value.getType());
    auto attribute = DenseElementsAttr::get(
        type, emit.builder.getFloatAttr(type.getElementType(), factor));
    Value splat = arith::ConstantOp::create(emit.builder, emit.loc, attribute);
    if (!sum)
      return arith::MulFOp::create(emit.builder, emit.loc, value, splat);
    return math::FmaOp::create(emit.builder, emit.loc, value, splat, sum);
  }

  /// Two rows that are equal but for signs share the sums over either kind of column.
  bool pairRows(int64_t row, Values &results) {
    if (row + 1 >= rows)
      return false;
    bool same = false, opposite = false;
    for (int64_t c = 0; c < columns(); ++c) {
      double first = at(row, c), second = at(row + 1, c);
      if (std::abs(first) != std::abs(second))
        return false;
      same |= first != 0 && first == second;
      opposite |= first != second;
    }
    if (!same || !opposite)
      return false;
    Value even = dot(row, [&](int64_t c) { return at(row, c) == at(row + 1, c); });
    Value odd = dot(row, [&](int64_t c) { return at(row, c) != at(row + 1, c); });
    results.push_back(add(even, odd));
    results.push_back(sub(even, odd));
    return true;
  }

  Values run() {
    pairColumns();
    Values results;
    while (int64_t(results.size()) < rows)
      if (int64_t row = results.size(); !pairRows(row, results))
        results.push_back(dot(row, [](int64_t) { return true; }));
    return results;
  }
};

} // namespace

Values emitLinear(LoopEmitter &emit, llvm::ArrayRef<double> matrix, ValueRange values) {
  Linear linear{emit, Values(values), matrix.vec(), int64_t(matrix.size() / values.size())};
  return linear.run();
}

Values emitSquare(LoopEmitter &emit, llvm::ArrayRef<double> matrix, ValueRange square,
                  int64_t side) {
  int64_t rows = matrix.size() / side;
  // Columns first, then the rows of what they gave.
  std::vector<Values> columns;
  for (int64_t c = 0; c < side; ++c) {
    Values column;
    for (int64_t r = 0; r < side; ++r)
      column.push_back(square[r * side + c]);
    columns.push_back(emitLinear(emit, matrix, column));
  }
  Values results;
  for (int64_t r = 0; r < rows; ++r) {
    Values row;
    for (int64_t c = 0; c < side; ++c)
      row.push_back(columns[c][r]);
    llvm::append_range(results, emitLinear(emit, matrix, row));
  }
  return results;
}

} // namespace nnc::cpu
