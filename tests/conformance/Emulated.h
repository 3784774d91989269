// Calls a library that was compiled for another machine, under an emulator.
#pragma once

#include "tools/nnc/Tensor.h"
#include "llvm/Support/Error.h"

namespace nnc {

/// `runner` is a command that runs tests/emulation/call.c; the library is `prefix`.so.
llvm::Expected<std::vector<cli::Tensor>> callEmulated(llvm::StringRef runner, llvm::StringRef prefix, const Entry &entry,
                                                      llvm::ArrayRef<cli::Tensor> inputs);

} // namespace nnc
