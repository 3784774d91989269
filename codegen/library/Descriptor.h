// The object file that makes compiled kernels and the runtime a library: the
// model's constant descriptor, its initial data, and the exported functions.
#pragma once

#include "codegen/library/ModelInterface.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace nnc {

/// Emits a relocatable object for baseline x86-64. The initial data is taken
/// from the file at `initialDataPath` by the assembler: weights never pass
/// through the IR.
llvm::Expected<llvm::SmallVector<char, 0>> emitDescriptor(const ModelInterface &model,
                                                          llvm::StringRef signature,
                                                          llvm::StringRef initialDataPath,
                                                          uint64_t initialBytes);

} // namespace nnc
