// The object file that makes compiled kernels and the runtime a library: the
// model's constant descriptor and the exported functions.
#pragma once

#include "codegen/Platform.h"
#include "codegen/library/ModelInterface.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace nnc {

/// The symbol that the descriptor expects the initial data under, in an object of their
/// own: weights never pass through the IR.
constexpr const char *initialDataSymbol = "nnc_initial_data";

/// Emits a relocatable object for the platform's baseline.
llvm::Expected<llvm::SmallVector<char, 0>> emitDescriptor(const ModelInterface &model,
                                                          const Platform &platform,
                                                          llvm::StringRef signature,
                                                          uint64_t initialBytes);

} // namespace nnc
