// Where a processor, or its operating system, tells of each instruction-set extension that
// LLVM may generate code for: what NAME_create asks before any such code runs.
#pragma once

#include "codegen/Platform.h"
#include "runtime/abi.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace nnc {

/// The bits of LLVM feature names (`avx2`, `fma`, `dotprod`). Features that code
/// generation never uses by itself (cache control, random numbers) are left out;
/// an unknown vector extension is an error. The names point into static memory.
llvm::Expected<std::vector<nnc_cpu_feature>>
cpuFeatureBits(const std::vector<std::string> &featureNames, const Platform &platform);

} // namespace nnc
