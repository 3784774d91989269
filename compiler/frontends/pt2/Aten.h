// The operators of ATen that have a translation: tables of target -> builder. A
// new operator is a new row in the table of its family, and nothing else.
#pragma once

#include "compiler/frontends/pt2/Call.h"

namespace nnc::pt2 {

/// A result of an operator: a new tensor, or a view of the first argument.
struct Result {
  mlir::Value value;
  std::optional<View> view;

  Result(mlir::Value value) : value(value) {}
  Result(View view) : view(std::move(view)) {}
};
using Results = llvm::SmallVector<Result, 1>;

/// `target` is `conv2d` (which serves the overloads default, Tensor and Scalar) or
/// names one overload: `slice.Tensor`.
struct AtenOp {
  llvm::StringRef target;
  Results (*build)(Call &call);
};

/// An elementwise operator is a row of data: its function in the table of
/// elementwise functions, the arguments that are operands, those that are numbers.
struct AtenElementwise {
  llvm::StringRef target, function, operands, parameters;
};

llvm::ArrayRef<AtenElementwise> atenElementwise();
llvm::ArrayRef<AtenOp> atenPointwise();      ///< elementwise with a rule of its own
llvm::ArrayRef<AtenOp> atenViews();          ///< results that share memory
llvm::ArrayRef<AtenOp> atenShapes();         ///< cat, pad, and tensors made from nothing
llvm::ArrayRef<AtenOp> atenReductions();
llvm::ArrayRef<AtenOp> atenLayers();         ///< products, convolution, pooling, norms, dropout
llvm::ArrayRef<AtenOp> atenLosses();
llvm::ArrayRef<AtenOp> atenRearrangements(); ///< other orders and positions, sorting, resampling
llvm::ArrayRef<AtenOp> atenSequences();      ///< embeddings, indexing, recurrent layers

/// How one operator is translated; nothing if there is no translation.
using Translation = std::function<Results(Call &call)>;
std::optional<Translation> findTranslation(llvm::StringRef target);

/// Nodes that compute sizes or check them: nothing is to be built for them, the
/// file says what every size is.
bool isSizeComputation(const Node &node);

/// `torch.ops.aten.relu_.default` -> `torch.ops.aten.relu.default`; empty if the
/// operator does not change its first argument.
std::string functionalTarget(llvm::StringRef target);

} // namespace nnc::pt2
