// A dense tensor in memory with its element type: what the CLI reads from and
// writes to .npy and .npz files and passes to a compiled library.
#pragma once

#include "codegen/library/CFunctions.h"
#include "llvm/ADT/ArrayRef.h"
#include <cstddef>
#include <string>
#include <vector>

namespace nnc::cli {

struct Tensor {
  ElementType type = ElementType::F32;
  std::vector<int64_t> dims;
  std::vector<std::byte> bytes; ///< row-major, little-endian

  Tensor() = default;
  Tensor(ElementType type, std::vector<int64_t> dims);

  int64_t size() const;
  template <typename T> T *data() { return reinterpret_cast<T *>(bytes.data()); }
  template <typename T> const T *data() const { return reinterpret_cast<const T *>(bytes.data()); }
  /// Element `index` in row-major order as a double.
  double at(int64_t index) const;
};

bool isFloat(ElementType type);
/// `float32 [4, 1, 28, 28]`
std::string describe(ElementType type, llvm::ArrayRef<int64_t> dims);
std::string describe(const Tensor &tensor);

} // namespace nnc::cli
