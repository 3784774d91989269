// `nnc compile --check`: every kernel against the naive reference on the same operands.
#pragma once

#include "compiler/Compiler.h"

namespace nnc::cli {

/// Compiles the model with its references, runs every entry once and prints the largest
/// difference of each kernel. The error names the first kernel that is wrong.
/// `inputs`: a .npz for forward, or empty; `batch`: 0 for a small odd one.
llvm::Error checkKernels(CompileOptions options, llvm::StringRef inputs, int64_t batch);

} // namespace nnc::cli
