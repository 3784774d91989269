// What a compiled library says about itself: its NAME_signature() JSON as the
// compiler's own description of a model's outside.
#pragma once

#include "codegen/library/ModelInterface.h"
#include "llvm/Support/Error.h"

namespace nnc::cli {

struct Signature {
  ModelInterface interface; ///< offsets and symbols of functions are not part of the JSON
  uint64_t abiHash = 0;      ///< what create expects in its options

  const Entry *findEntry(llvm::StringRef name) const;
};

llvm::Expected<Signature> parseSignature(llvm::StringRef json);

/// `float32 [N, 1, 28, 28]`
std::string describe(const BoundaryTensor &tensor, llvm::ArrayRef<SymbolInfo> symbols);

} // namespace nnc::cli
