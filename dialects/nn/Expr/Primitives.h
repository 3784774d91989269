// The table of primitives: how each is spelled, how many operands it takes, what
// kind of value it has, and what it computes in f64. One row per primitive; the
// parser, the printer, constant folding and evaluation all read it.
#ifndef NNC_DIALECTS_NN_EXPR_PRIMITIVES_H
#define NNC_DIALECTS_NN_EXPR_PRIMITIVES_H

#include "dialects/nn/Expr/Expr.h"

#include <optional>

namespace nnc {

// How tightly an infix primitive binds; calls and leaves bind tightest.
enum class Precedence { Compare = 1, Sum = 2, Product = 3, Unary = 4, Call = 5 };

struct PrimitiveInfo {
  Primitive primitive;
  llvm::StringRef spelling;
  unsigned arity;
  Precedence precedence;
  bool isPredicate; // the value is a truth value
};

const PrimitiveInfo &info(Primitive primitive);

// The primitive that is called as `name(...)`, if there is one.
std::optional<Primitive> lookupCall(llvm::StringRef name);

// The primitive's value in f64; truth values are 0 and 1.
double apply(Primitive primitive, llvm::ArrayRef<double> operands);

} // namespace nnc

#endif // NNC_DIALECTS_NN_EXPR_PRIMITIVES_H
