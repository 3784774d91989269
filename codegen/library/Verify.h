// Checks a ModelInterface before anything is written: the library writer, the
// header and the runtime rely on what is stated here.
#pragma once

#include "codegen/library/ModelInterface.h"
#include "llvm/Support/Error.h"

namespace nnc {

llvm::Error verifyInterface(const ModelInterface &model, uint64_t initialBytes);

/// The name of a variable in files and for get and set: parameters and buffers
/// as in the state_dict, `grad:...`, `optimizer/...`, `random/...`.
std::string variableKey(const StateVariable &variable);

/// Bytes of a variable; verifyInterface has excluded an overflow.
uint64_t variableBytes(const StateVariable &variable);

} // namespace nnc
