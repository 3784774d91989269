// The headers of a library, written as a person would: each function says what
// it does, with the shapes of its tensors.
#pragma once

#include "codegen/library/ModelInterface.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>

namespace nnc {

/// PREFIX.h, C99, self-contained. `base` is the file's name without `.h`.
std::string cHeader(const ModelInterface &model, llvm::StringRef base, uint64_t hash);

/// PREFIX.hpp: a class that owns a model and throws on errors.
std::string cxxHeader(const ModelInterface &model, llvm::StringRef base);

} // namespace nnc
