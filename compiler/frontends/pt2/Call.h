// One node of the program while it is translated: its arguments by name in the
// types a builder wants (with the operator's defaults, which the file leaves out),
// and what the file says about its results.
#pragma once

#include "compiler/frontends/FunctionBuilder.h"
#include "compiler/frontends/pt2/ExportedProgram.h"
#include "compiler/frontends/pt2/TensorTable.h"

namespace nnc::pt2 {

/// The program's symbols in the order that FunctionBuilder knows them by.
struct Symbols {
  std::vector<SymbolInfo> infos;
  std::map<std::string, unsigned> positions; ///< by torch's name

  /// A size as an affine expression; null if it has no such form or a symbol that
  /// no input's shape defines.
  mlir::AffineExpr convert(const SymbolicExpression &size, mlir::MLIRContext *context) const;
};

/// The element type, null if there is none for it.
mlir::Type elementType(ScalarType type, mlir::MLIRContext *context);

class Call {
public:
  Call(FunctionBuilder &builder, const Node &node, const ExportedProgram &program,
       const Symbols &symbols, TensorTable &tensors, bool evaluation)
      : builder(builder), node(node), program(program), symbols(symbols), tensors(tensors),
        evaluation(evaluation) {}

  FunctionBuilder &builder;
  const Node &node;

  /// Present and not None.
  bool given(llvm::StringRef name) const;
  mlir::Value tensor(llvm::StringRef name);         ///< null after an error
  mlir::Value optionalTensor(llvm::StringRef name); ///< null if not given
  llvm::SmallVector<mlir::Value> tensorList(llvm::StringRef name);
  /// Null for an element that is None.
  llvm::SmallVector<mlir::Value> optionalTensorList(llvm::StringRef name);
  int64_t integer(llvm::StringRef name, std::optional<int64_t> byDefault = {});
  double number(llvm::StringRef name, std::optional<double> byDefault = {});
  llvm::SmallVector<double> numbers(llvm::StringRef name); ///< a list; none given: empty
  bool flag(llvm::StringRef name, std::optional<bool> byDefault = {});
  llvm::StringRef text(llvm::StringRef name, llvm::StringRef byDefault);
  llvm::SmallVector<int64_t> integers(llvm::StringRef name);
  /// One value a spatial axis: [2] stands for [2, 2], an absent list for `byDefault`.
  llvm::SmallVector<int64_t> spatial(llvm::StringRef name, size_t rank,
                                     std::optional<int64_t> byDefault = {}, int64_t minimum = 1);
  /// An axis, or the axes of a list; none given: empty.
  llvm::SmallVector<int64_t> axes(llvm::StringRef name);
  /// One axis of the first argument (or of the first tensor of a list).
  int64_t axis(llvm::StringRef name, std::optional<int64_t> byDefault = {});
  /// A tensor, a number, or a size as a tensor without axes.
  Operand operand(llvm::StringRef name);
  bool isEvaluation() const { return evaluation; }
  /// The flag of an operator that behaves differently in training.
  bool training(llvm::StringRef name) { return flag(name, false) && !evaluation; }

  /// The name of the tensor that is argument `name`.
  llvm::StringRef tensorName(llvm::StringRef name) const;
  /// The tensor a view or an in-place operator is about: the first argument.
  llvm::StringRef selfName() const {
    return node.arguments.empty() ? llvm::StringRef() : llvm::StringRef(node.arguments[0].name);
  }
  mlir::Value self() { return tensor(selfName()); }
  /// The operator changes argument `name`.
  void write(llvm::StringRef name, mlir::Value value);

  /// Sizes, strides and type as the file has them: of a result (lists flattened),
  /// of the first argument.
  nn::Dims outputDims(unsigned index = 0);
  mlir::Type outputType(unsigned index = 0);
  nn::Dims selfDims();
  /// Sizes and strides with a number for each symbol. Whether strides allow a view
  /// depends on how sizes are made of symbols, not on their values: large primes keep
  /// different products apart.
  struct Geometry {
    llvm::SmallVector<int64_t> sizes, strides;
  };
  Geometry selfGeometry() const { return geometryOf(tensorName(selfName())); }
  Geometry outputGeometry() const;
  unsigned outputCount() const { return outputNames().size(); }
  /// The names of the results that are tensors; empty for one that is None.
  std::vector<llvm::StringRef> outputNames() const;

  /// Reports that argument `name` is not supported and marks the call as failed.
  void reject(llvm::StringRef name, const llvm::Twine &why);
  bool hasFailed() const { return failed; }

private:
  const Argument *argument(llvm::StringRef name) const;
  mlir::Value readTensor(const Argument &argument);
  std::optional<int64_t> constantInt(const Argument &argument) const;
  int64_t checkedAxis(llvm::StringRef name, int64_t axis);
  nn::Dims dims(const std::vector<SymbolicExpression> &sizes);
  Geometry geometryOf(llvm::StringRef value) const;
  const TensorMeta &metaOf(llvm::StringRef value) const { return program.tensors.at(value.str()); }

  const ExportedProgram &program;
  const Symbols &symbols;
  TensorTable &tensors;
  bool evaluation;
  bool failed = false;
};

} // namespace nnc::pt2
