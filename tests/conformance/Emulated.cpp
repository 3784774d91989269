#include "tests/conformance/Emulated.h"
#include "codegen/library/Link.h"
#include "runtime/abi.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

using namespace llvm;

namespace nnc {

template <typename T> static void append(raw_ostream &stream, const T &record) {
  stream.write(reinterpret_cast<const char *>(&record), sizeof(T));
}

static Error writeInputs(StringRef path, size_t outputs, ArrayRef<cli::Tensor> inputs) {
  return writeFile(path, [&](raw_ostream &stream) {
    append(stream, uint64_t(inputs.size()));
    append(stream, uint64_t(outputs));
    for (const cli::Tensor &input : inputs) {
      nnc_tensor tensor = {};
      tensor.dtype = int32_t(input.type);
      tensor.rank = int32_t(input.dims.size());
      llvm::copy(input.dims, tensor.dims);
      append(stream, tensor);
      stream.write(reinterpret_cast<const char *>(input.bytes.data()), input.bytes.size());
    }
  });
}

static Expected<std::vector<cli::Tensor>> readOutputs(StringRef path, size_t count) {
  auto file = MemoryBuffer::getFile(path);
  if (!file)
    return createStringError(path + ": " + file.getError().message());
  StringRef rest = (*file)->getBuffer();
  std::vector<cli::Tensor> outputs;
  while (outputs.size() < count && rest.size() >= sizeof(nnc_tensor)) {
    nnc_tensor tensor;
    memcpy(&tensor, rest.data(), sizeof(tensor));
    rest = rest.drop_front(sizeof(tensor));
    cli::Tensor &output = outputs.emplace_back(ElementType(tensor.dtype), std::vector(tensor.dims, tensor.dims + tensor.rank));
    if (rest.size() < output.bytes.size())
      break;
    memcpy(output.bytes.data(), rest.data(), output.bytes.size());
    rest = rest.drop_front(output.bytes.size());
  }
  if (outputs.size() != count || !rest.empty())
    return createStringError(path + ": not " + Twine(count) + " tensors");
  return outputs;
}

Expected<std::vector<cli::Tensor>> callEmulated(StringRef runner, StringRef prefix, const Entry &entry,
                                                ArrayRef<cli::Tensor> inputs) {
  const std::string in = (prefix + ".in").str(), out = (prefix + ".out").str();
  if (Error error = writeInputs(in, entry.outputs.size(), inputs))
    return std::move(error);
  const std::string command =
      (runner + " " + prefix + ".so " + sys::path::filename(prefix) + " " + entry.name + " <" + in + " >" + out).str();
  if (const int status = std::system(command.c_str()))
    return createStringError("'" + command + "' ended with status " + Twine(status));
  return readOutputs(out, entry.outputs.size());
}

} // namespace nnc
