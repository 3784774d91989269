// Tensors by their keys in .npz files: inputs by name or position, outputs
// by position, gradients as grad:..., changed buffers as buffer:...
#pragma once

#include "tools/nnc/Npz.h"
#include <CLI/CLI.hpp>

namespace nnc::cli {

/// --inputs, --input, --outputs, --output of `nnc run` and `nnc grad`.
struct TensorFiles {
  std::string inputArchive, outputArchive;
  std::vector<std::string> inputs, outputs, expected; ///< [KEY=]@FILE.npy
  double tolerance = 1e-4;

  void addTo(CLI::App &command);
  llvm::Expected<Npz> read() const;
  /// Writes the results, or prints a line for each where no file was asked for;
  /// then compares with --expected-output.
  llvm::Error finish(const Npz &results) const;
};

/// The entry's inputs in order. A missing cotangent of a scalar is 1; any other
/// missing input and any key that fits no input is an error.
llvm::Expected<std::vector<Tensor>> arrangeInputs(const Entry &entry, const Npz &given);

/// The entry's outputs under their keys.
Npz nameOutputs(const Entry &entry, std::vector<Tensor> outputs);

} // namespace nnc::cli
