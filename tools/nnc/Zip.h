// The members of a zip file in memory. Sizes and checksums are verified; a
// damaged file is an error.
#pragma once

#include "llvm/Support/Error.h"
#include <cstddef>
#include <string>
#include <vector>

namespace nnc::cli {

struct ZipMember {
  std::string name;
  std::vector<std::byte> bytes;
};

llvm::Expected<std::vector<ZipMember>> readZip(llvm::StringRef path);
/// Members are stored, without a time; a temporary beside `path` is renamed.
llvm::Error writeZip(llvm::StringRef path, const std::vector<ZipMember> &members);

} // namespace nnc::cli
