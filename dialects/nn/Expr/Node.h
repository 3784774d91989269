// The node behind an Expr, and the traversals that the parts of Expr share. Only
// the sources of this folder include it.
#ifndef NNC_DIALECTS_NN_EXPR_NODE_H
#define NNC_DIALECTS_NN_EXPR_NODE_H

#include "dialects/nn/Expr/Expr.h"

namespace nnc {

struct Expr::Node {
  Primitive primitive;
  unsigned index;        // of an Input
  double value;          // of a Constant
  llvm::StringRef name;  // of a Parameter
  llvm::ArrayRef<Expr> operands;
};

// The node as given, without simplification.
Expr internOperation(Primitive primitive, llvm::ArrayRef<Expr> operands);

// Operands before users, with what Stated nodes say of their derivatives.
std::vector<Expr> postOrderWithStated(Expr root);

// Rebuilds `root` bottom-up: a node becomes what `replacement` returns, or, where
// that is null, the same primitive of its rebuilt operands.
Expr rewrite(Expr root, llvm::function_ref<Expr(Expr)> replacement);

} // namespace nnc

#endif // NNC_DIALECTS_NN_EXPR_NODE_H
