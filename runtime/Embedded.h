// The runtime and the stubs of libc and libm as bytes inside nnc: what it takes
// to link a model's library on a machine without compiler, linker or headers.
#pragma once

#include <string_view>

namespace nnc {

/// The runtime as one relocatable object for x86-64 Linux.
std::string_view embeddedRuntimeObject();
/// Shared objects without code that carry the versions of glibc's symbols.
std::string_view embeddedLibcStub();
std::string_view embeddedLibmStub();

} // namespace nnc
