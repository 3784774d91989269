// What save and load agree on.
#pragma once

#include "runtime/Instance.h"

namespace nnc_runtime {

/// The format's name of a dtype.
const char *safetensorsDtype(int32_t dtype);
bool isSaved(const nnc_variable &variable);
/// Optimizer state, learning rate, seed and step: absent from files of weights alone.
bool isTrainingState(const nnc_variable &variable);

} // namespace nnc_runtime
