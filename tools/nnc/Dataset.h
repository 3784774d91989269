// Training data for a compiled model: arrays whose first axis counts samples,
// matched to the inputs and targets of an entry, shuffled and cut into batches.
#pragma once

#include "tools/nnc/Npz.h"
#include "llvm/Support/raw_ostream.h"

namespace nnc::cli {

struct Dataset {
  int64_t samples = 0;
  std::vector<Tensor> columns; ///< one per input of the entry, targets last

  /// Copies `rows` into `batch`, whose tensors take the size of the batch.
  void gather(llvm::ArrayRef<int64_t> rows, std::vector<Tensor> &batch) const;
};

struct ColumnRules {
  /// How many of the entry's last inputs are targets.
  size_t targets = 0;
  /// Appended to every key: `_test` for the held-out part.
  std::string suffix;
  /// uint8 images for a float input are divided by this, and a note says so.
  double byteScale = 255;
};

/// Finds the array of each input by its name or position; a single input is
/// also called `x`, a single target `y` or `target`. Bytes become floats by
/// `byteScale`, integer classes take the type of the target; anything else
/// that does not fit is an error.
llvm::Expected<Dataset> selectColumns(const Npz &archive, llvm::StringRef path,
                                      llvm::ArrayRef<BoundaryTensor> inputs, const ColumnRules &rules,
                                      llvm::raw_ostream &notes);

/// A permutation of 0..count-1 that depends on seed and epoch alone.
std::vector<int64_t> shuffledRows(int64_t count, uint64_t seed, uint64_t epoch);

} // namespace nnc::cli
