// What a model consists of, layer by layer: what `nnc inspect` prints.
#pragma once

#include "compiler/Compiler.h"
#include <vector>

namespace nnc {

/// The operations of one module of the network.
struct LayerSummary {
  std::string name;                    ///< its path; empty: the model itself
  std::vector<std::string> operations; ///< each once: conv, relu, max_pool
  std::string output;                  ///< sizes of its last result: `[N, 64, 56, 56]`
  int64_t outputBytes = 0;
  int64_t parameters = 0; ///< elements; of a shared parameter where it is used first
  int64_t flops = 0;      ///< of products and convolutions; a multiply-add counts twice
};

/// The layers of `forward` in the order of their first use, with a batch of `batch`.
llvm::Expected<std::vector<LayerSummary>> summarizeLayers(const CompileOptions &options, int64_t batch);

} // namespace nnc
