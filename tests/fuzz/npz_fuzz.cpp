// libFuzzer over the CLI's readers: of .npz where the input looks like an archive, else
// of .npy (an archive's checksums would hide the arrays behind it from the fuzzer).
#include "tests/fuzz/MemoryFile.h"
#include "tools/nnc/Npy.h"
#include "tools/nnc/Npz.h"

using namespace nnc;

template <typename T> static void drop(llvm::Expected<T> result) {
  if (!result)
    llvm::consumeError(result.takeError());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > 0 && data[0] == 'P') {
    static const MemoryFile file;
    file.write(data, size);
    drop(cli::readNpz(file.path));
  } else {
    drop(cli::parseNpy({reinterpret_cast<const std::byte *>(data), size}, "fuzz"));
  }
  return 0;
}
