// The golden files that generate.py writes, one zip a group, as plain structs.
#pragma once

#include "tools/nnc/Npz.h"
#include <map>

namespace nnc {

/// One batch of a case: its inputs and PyTorch's float64 results by key.
struct GoldenRun {
  int64_t batch = 0;
  cli::Npz inputs, results;
  std::map<std::string, double> ownErrors; ///< PyTorch's largest float32 error by key
};

struct GoldenCase {
  std::string group, name;
  bool isDouble = false, isTraining = false;
  std::vector<std::string> ops;                       ///< ATen targets in the exported program
  std::map<std::string, std::vector<std::byte>> models; ///< "static", "dynamic" -> .pt2
  std::vector<GoldenRun> runs;                        ///< the first has the batch of the static model
};

llvm::Expected<std::vector<GoldenCase>> readGoldens(llvm::StringRef path);

/// What is wrong with `result`, or nothing.
std::string judge(const GoldenCase &golden, const GoldenRun &run, llvm::StringRef key, const cli::Tensor *result);

} // namespace nnc
