// Inputs made up from a seed, for timing and checking.
#pragma once

#include "tools/nnc/Tensor.h"
#include "llvm/Support/Error.h"

namespace nnc::cli {

/// The symbols' values: the first is the batch (0: its smallest), further ones take
/// their smallest size. An error where a batch is given and there is no symbol.
llvm::Expected<std::vector<int64_t>> symbolValues(const ModelInterface &model, int64_t batch);

/// Normal floats, indices over their allowed range.
std::vector<Tensor> makeUpInputs(const Entry &entry, llvm::ArrayRef<int64_t> symbols, int64_t seed);

} // namespace nnc::cli
