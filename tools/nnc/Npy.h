// Reads and writes NumPy's .npy format (versions 1 to 3, little-endian, both
// memory orders). Format: numpy.lib.format in NumPy's documentation.
// Every malformed file ends in an error that names it, never in a crash.
#pragma once

#include "tools/nnc/Tensor.h"
#include "llvm/Support/Error.h"

namespace nnc::cli {

/// `where` names the source in errors, such as `data.npz: x`.
llvm::Expected<Tensor> parseNpy(llvm::ArrayRef<std::byte> file, llvm::StringRef where);
std::vector<std::byte> formatNpy(const Tensor &tensor);

llvm::Expected<Tensor> readNpy(llvm::StringRef path);
/// Writes a temporary beside `path` and renames it.
llvm::Error writeNpy(llvm::StringRef path, const Tensor &tensor);

/// An error if `path` cannot become a file: its folder is missing, or something is there
/// that no file may replace (a folder, a device). Asked before long work, too.
llvm::Error checkDestination(llvm::StringRef path);

/// Writes `contents` to a temporary beside `path` and renames it, so that a full
/// disk or an interruption never leaves half a file.
llvm::Error writeFile(llvm::StringRef path, llvm::StringRef contents);

} // namespace nnc::cli
