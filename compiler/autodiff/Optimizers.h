// The optimizers by torch's names: options, defaults, state, and the nn op that
// makes one parameter's step.
#pragma once

#include "compiler/Compiler.h"
#include "compiler/frontends/FunctionBuilder.h"

namespace nnc {

/// An optimizer with its options checked: an unknown name or option is an error
/// that lists the known ones.
class Optimizer {
public:
  static llvm::Expected<Optimizer> create(const NamedOptions &spec);

  double learningRate() const { return option("lr"); }
  /// Adds the state arguments of `parameter` and returns its new value; `step` is the
  /// number of this step, from 1, as a float scalar.
  mlir::Value update(FunctionBuilder &f, mlir::StringRef name, mlir::Value parameter, mlir::Value gradient,
                     mlir::Value lr, mlir::Value step) const;

private:
  double option(const std::string &name) const { return options.at(name); }
  std::string name;
  std::map<std::string, double> options;
};

} // namespace nnc
