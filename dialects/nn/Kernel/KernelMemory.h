// The scratch memory of a kernel, answered by its schedule family before anything
// is emitted, so that PLAN knows every byte.
#pragma once

#include <cstdint>

namespace nnc::nn {

struct KernelMemory {
  int64_t sharedBytes = 0;    ///< between the tasks and phases of one run
  int64_t perWorkerBytes = 0; ///< of each worker
};

} // namespace nnc::nn
