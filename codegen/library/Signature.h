// The model's outside as JSON: what NAME_signature() returns, enough for a
// program to call any library through NAME_call.
#pragma once

#include "codegen/library/ModelInterface.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>

namespace nnc {

/// One line of JSON: {"name", "symbols": [{"name", "min", "max"}], "entries":
/// [{"name", "inputs": [{"name", "dtype", "dims"}], "outputs": [...]}],
/// "parameters": [...], "buffers": [...]}. A dimension is a number, the name of a
/// symbol, or null where NAME_output_dims must be asked.
std::string signatureJson(const ModelInterface &model);

/// The hash by which create tells whether header and library belong together. It
/// is one of the interface: weights and CPU may differ.
uint64_t interfaceHash(llvm::StringRef signature);

} // namespace nnc
