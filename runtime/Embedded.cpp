#include "runtime/Embedded.h"

#define EMBED(name, file)                                                                          \
  __asm__(".pushsection .rodata\n.balign 64\n" #name "_begin:\n.incbin \"" NNC_RUNTIME_FOLDER     \
          "/" file "\"\n" #name "_end:\n.popsection\n");                                           \
  extern "C" const char name##_begin[] __attribute__((visibility("hidden")));                      \
  extern "C" const char name##_end[] __attribute__((visibility("hidden")));

#define NNC_TARGET(architecture, ...)                                                              \
  EMBED(nnc_embedded_##architecture##_runtime, #architecture "/runtime.o")                         \
  EMBED(nnc_embedded_##architecture##_libc, #architecture "/libc.so.6")                            \
  EMBED(nnc_embedded_##architecture##_libm, #architecture "/libm.so.6")
#include "runtime/targets.def"
#undef NNC_TARGET

namespace nnc {

#define EMBEDDED(name) std::string_view(name##_begin, size_t(name##_end - name##_begin))

EmbeddedRuntime embeddedRuntime(std::string_view architecture) {
#define NNC_TARGET(name, ...)                                                                      \
  if (architecture == #name)                                                                       \
    return {EMBEDDED(nnc_embedded_##name##_runtime), EMBEDDED(nnc_embedded_##name##_libc),         \
            EMBEDDED(nnc_embedded_##name##_libm)};
#include "runtime/targets.def"
#undef NNC_TARGET
  return {};
}

} // namespace nnc
