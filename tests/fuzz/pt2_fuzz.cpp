// libFuzzer over the reader of .pt2 files. The first byte chooses what the rest is:
// an archive, the JSON of a model, that of a list of weights, or a size expression
// (an archive's checksums would hide the JSON behind it from the fuzzer).
#include "compiler/frontends/pt2/ExportedProgram.h"

using namespace nnc::pt2;

template <typename T> static void drop(llvm::Expected<T> result) {
  if (!result)
    llvm::consumeError(result.takeError());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  llvm::StringRef text(reinterpret_cast<const char *>(data + 1), size - 1);
  ExportedProgram program;
  switch (data[0] % 4) {
  case 0:
    if (auto archive = Archive::read(llvm::MemoryBuffer::getMemBufferCopy(text, "fuzz")))
      drop(readExportedProgram(std::move(*archive)));
    else
      llvm::consumeError(archive.takeError());
    break;
  case 1:
    if (llvm::Error error = parseModel(text, program))
      llvm::consumeError(std::move(error));
    else
      llvm::consumeError(checkReferences(program));
    break;
  case 2:
    drop(parsePayload(text));
    break;
  case 3:
    drop(SymbolicExpression::parse(text));
    break;
  }
  return 0;
}
