// The bytes a library starts with (parameters, constants): pieces that lie elsewhere, in
// the mapped model file or in what the compiler computed, put together only on disk. So
// the compiler's memory does not grow by copies of the weights.
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <vector>

namespace nnc {

class InitialData {
public:
  InitialData() = default;
  InitialData(llvm::StringRef bytes) { append(bytes); }

  /// Puts `bytes`, which must outlive this, at the next multiple of 64; returns that offset.
  uint64_t append(llvm::StringRef bytes);

  uint64_t size() const { return end; }

  /// Writes a relocatable ELF object for `elfMachine` that defines `symbol` (global, hidden)
  /// as these bytes in a read-only section.
  llvm::Error writeObject(llvm::StringRef path, llvm::StringRef symbol, uint16_t elfMachine) const;

private:
  struct Piece {
    uint64_t offset;
    llvm::StringRef bytes;
  };
  std::vector<Piece> pieces;
  uint64_t end = 0;
};

} // namespace nnc
