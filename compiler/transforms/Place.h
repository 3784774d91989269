// Where in the user's model a location lies: what every message and report names.
#pragma once

#include "mlir/IR/Location.h"
#include <string>

namespace nnc {

/// The module path, such as `layer1.0.conv1`; empty if unknown.
std::string layerOf(mlir::Location location);
/// `FILE:LINE` of the user's code; empty if unknown.
std::string sourceLineOf(mlir::Location location);

} // namespace nnc
