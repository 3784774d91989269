// libFuzzer over the reader of .pt2 files. What the input looks like says what it is:
// an archive, the JSON of a model and of a list of weights, or a size expression (an
// archive's checksums would hide the JSON behind it from the fuzzer).
#include "compiler/frontends/pt2/ExportedProgram.h"

using namespace nnc::pt2;

template <typename T> static void drop(llvm::Expected<T> result) {
  if (!result)
    llvm::consumeError(result.takeError());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  if (text.starts_with("P")) {
    if (auto archive = Archive::read(llvm::MemoryBuffer::getMemBufferCopy(text, "fuzz")))
      drop(readExportedProgram(std::move(*archive)));
    else
      llvm::consumeError(archive.takeError());
  } else if (text.starts_with("{")) {
    ExportedProgram program;
    if (llvm::Error error = parseModel(text, program))
      llvm::consumeError(std::move(error));
    else
      llvm::consumeError(checkReferences(program));
    drop(parsePayload(text));
  } else {
    drop(SymbolicExpression::parse(text));
  }
  return 0;
}
