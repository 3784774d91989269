// The table of elementwise functions: torch's name, operands, parameters with
// torch's defaults and one expression each (Functions.cpp). Adding a function is
// adding a row; gradient and code follow from the expression.
#ifndef NNC_DIALECTS_NN_EXPR_FUNCTIONS_H
#define NNC_DIALECTS_NN_EXPR_FUNCTIONS_H

#include "dialects/nn/Expr/Expr.h"

#include <map>
#include <optional>
#include <string>

namespace nnc {

enum class FunctionGroup { Activation, Arithmetic, Comparison, Conversion, Loss };

struct ElementwiseParameter {
  llvm::StringRef name;
  std::optional<double> defaultValue; // none: the caller must give it
};

// One row. `operands` and `parameters` are comma-separated as in torch's
// signatures: "input, other" and "beta=1, threshold=20"; flags are 0 or 1.
struct ElementwiseFunction {
  llvm::StringRef name;
  FunctionGroup group;
  llvm::StringRef operands;
  llvm::StringRef parameters;
  llvm::StringRef expression;
  llvm::StringRef summary;

  llvm::SmallVector<llvm::StringRef> operandNames() const;
  llvm::SmallVector<ElementwiseParameter> parameterList() const;
  unsigned operandCount() const { return operandNames().size(); }
};

// Null if there is no function of that name.
const ElementwiseFunction *lookupElementwise(llvm::StringRef name);

llvm::ArrayRef<ElementwiseFunction> elementwiseFunctions();

// The function's expression over inputs 0, 1, ... (its operands in order) with
// parameters bound to the given values, or torch's defaults. An unknown
// parameter, or a missing one without default, is an error that names it.
llvm::Expected<Expr> instantiate(const ElementwiseFunction &function,
                                 const std::map<std::string, double> &parameters = {});

} // namespace nnc

#endif // NNC_DIALECTS_NN_EXPR_FUNCTIONS_H
