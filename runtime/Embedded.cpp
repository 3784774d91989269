#include "runtime/Embedded.h"

#define EMBED(name, file)                                                                          \
  __asm__(".pushsection .rodata\n.balign 64\n" #name "_begin:\n.incbin \"" NNC_RUNTIME_FOLDER     \
          "/" file "\"\n" #name "_end:\n.popsection\n");                                           \
  extern "C" const char name##_begin[] __attribute__((visibility("hidden")));                      \
  extern "C" const char name##_end[] __attribute__((visibility("hidden")));

EMBED(nnc_embedded_runtime, "runtime.o")
EMBED(nnc_embedded_libc, "libc.so.6")
EMBED(nnc_embedded_libm, "libm.so.6")

namespace nnc {

std::string_view embeddedRuntimeObject() {
  return {nnc_embedded_runtime_begin, size_t(nnc_embedded_runtime_end - nnc_embedded_runtime_begin)};
}

std::string_view embeddedLibcStub() {
  return {nnc_embedded_libc_begin, size_t(nnc_embedded_libc_end - nnc_embedded_libc_begin)};
}

std::string_view embeddedLibmStub() {
  return {nnc_embedded_libm_begin, size_t(nnc_embedded_libm_end - nnc_embedded_libm_begin)};
}

} // namespace nnc
