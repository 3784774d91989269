// Reads and writes NumPy's .npz archives: zip files (stored or deflated) whose
// members are .npy arrays. The order of members is kept.
#pragma once

#include "tools/nnc/Tensor.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace nnc::cli {

struct Npz {
  std::vector<std::pair<std::string, Tensor>> arrays;

  const Tensor *find(llvm::StringRef key) const;
  void add(std::string key, Tensor tensor) { arrays.emplace_back(std::move(key), std::move(tensor)); }
  /// `x, y, x_test` for messages.
  std::string keys() const;
};

llvm::Expected<Npz> readNpz(llvm::StringRef path);
/// Members are stored, without a time: equal arrays give equal bytes.
llvm::Error writeNpz(llvm::StringRef path, const Npz &archive);

} // namespace nnc::cli
