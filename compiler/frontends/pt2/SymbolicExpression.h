// A size of an exported program as a small expression tree over named symbols:
// what torch.export writes as a sympy expression, `Mul(Integer(16), Symbol('s77'))`
// or, in files of older versions, `16*s77`.
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace nnc::pt2 {

/// A value type. The integer operations are Python's: floordiv rounds towards
/// minus infinity and mod takes the sign of the divisor.
struct SymbolicExpression {
  enum class Kind { Constant, Symbol, Sum, Product, FloorDiv, Mod, Max, Min };

  Kind kind = Kind::Constant;
  int64_t value = 0;                        ///< Constant
  std::string symbol;                       ///< Symbol
  std::vector<SymbolicExpression> operands; ///< FloorDiv, Mod: two; others: at least one

  static SymbolicExpression constant(int64_t value);
  static SymbolicExpression named(llvm::StringRef symbol);
  static SymbolicExpression apply(Kind kind, std::vector<SymbolicExpression> operands);

  /// Parses sympy's printed form, both `srepr` and `str`. The error quotes the
  /// text and names what is not understood.
  static llvm::Expected<SymbolicExpression> parse(llvm::StringRef text);

  bool isConstant() const { return kind == Kind::Constant; }

  /// The value under an assignment of the symbols; nothing if a symbol has no
  /// value, at a division by zero and on overflow.
  std::optional<int64_t>
  evaluate(llvm::function_ref<std::optional<int64_t>(llvm::StringRef)> valueOf) const;

  /// Adds every symbol that occurs to `symbols`.
  void collectSymbols(std::set<std::string> &symbols) const;

  /// `16*s77`, `floordiv(s0*s53, 2)`.
  std::string str() const;

  bool operator==(const SymbolicExpression &) const = default;
};

} // namespace nnc::pt2
