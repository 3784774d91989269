// The runtime and the stubs of libc and libm as bytes inside nnc: what it takes
// to link a model's library on a machine without compiler, linker or headers.
#pragma once

#include <string_view>

namespace nnc {

struct EmbeddedRuntime {
  std::string_view object; ///< the runtime, one relocatable object
  /// Shared objects without code that carry the versions of glibc's symbols.
  std::string_view libc, libm;
};

/// Of an architecture of targets.def.
EmbeddedRuntime embeddedRuntime(std::string_view architecture);

} // namespace nnc
