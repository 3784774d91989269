#include "tools/nnc/NamedTensors.h"
#include "tools/nnc/Npy.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <optional>

using namespace llvm;

namespace nnc::cli {
namespace {

constexpr StringRef cotangent = "cotangent:";

struct KeyedFile {
  std::string key, path;
};

/// `x=@a.npy`; `@a.npy` takes its position as the key.
Expected<KeyedFile> parseKeyedFile(StringRef text, size_t position) {
  auto [key, path] = text.contains("=@") ? text.split("=@") : std::pair(StringRef(), text);
  if (key.empty() && !path.consume_front("@"))
    return createStringError("'" + text + "' is not of the form NAME=@FILE.npy or @FILE.npy");
  return KeyedFile{key.empty() ? std::to_string(position) : key.str(), path.str()};
}

/// One line: shape, smallest, largest and mean value.
void summarise(StringRef key, const Tensor &tensor) {
  double low = INFINITY, high = -INFINITY, sum = 0;
  for (int64_t i = 0, count = tensor.size(); i < count; ++i) {
    const double value = tensor.at(i);
    low = std::min(low, value);
    high = std::max(high, value);
    sum += value;
  }
  outs() << key << ": " << describe(tensor);
  if (tensor.size() > 0)
    outs() << format("  min %.6g  max %.6g  mean %.6g", low, high, sum / double(tensor.size()));
  outs() << "\n";
}

Error compare(StringRef key, const Tensor &result, const Tensor &expected, double tolerance) {
  if (result.dims != expected.dims)
    return createStringError("output '" + key + "' is " + describe(result) + ", expected " + describe(expected));
  double largestError = 0, largest = 0;
  int64_t worst = 0;
  for (int64_t i = 0, count = expected.size(); i < count; ++i) {
    const double a = result.at(i), b = expected.at(i);
    const double error = a == b || (std::isnan(a) && std::isnan(b)) ? 0 : std::fabs(a - b);
    if (std::isfinite(b))
      largest = std::max(largest, std::fabs(b));
    if (!(error <= largestError)) { // a NaN on one side counts as worst
      largestError = error;
      worst = i;
      if (std::isnan(error))
        break;
    }
  }
  outs() << key << ": max error " << format("%.3g (largest value %.3g)", largestError, largest) << "\n";
  if (largestError <= tolerance * largest)
    return Error::success();
  std::string text;
  raw_string_ostream(text) << format("%.3g at element %lld, allowed are %.3g (--tolerance %.3g)", largestError,
                                     (long long)worst, tolerance * largest, tolerance);
  return createStringError("output '" + key + "' differs from the expected by " + text);
}

/// Position of a model input by its key: its name or its number.
const Tensor *findInput(const Entry &entry, size_t index, const Npz &given) {
  const Tensor *tensor = given.find(entry.inputs[index].name);
  return tensor ? tensor : given.find(std::to_string(index));
}

bool isInput(const Entry &entry, StringRef key) {
  size_t position;
  return llvm::any_of(entry.inputs, [&](const BoundaryTensor &input) { return input.name == key; }) ||
         (!key.getAsInteger(10, position) && position < entry.inputs.size());
}

} // namespace

void TensorFiles::addTo(CLI::App &command) {
  command.add_option("--inputs", inputArchive, "An .npz; keys are names of inputs, or 0, 1, ... by position");
  command.add_option("--input", inputs, "NAME=@FILE.npy, or @FILE.npy in order")->allow_extra_args(false);
  command.add_option("--outputs", outputArchive, "An .npz to write; keys are 0, 1, ...");
  command.add_option("--output", outputs, "KEY=@FILE.npy to write, or @FILE.npy in order")->allow_extra_args(false);
  command.add_option("--expected-output", expected, "KEY=@FILE.npy to compare with, or @FILE.npy in order")
      ->allow_extra_args(false);
  command.add_option("--tolerance", tolerance, "Allowed error, relative to the largest expected value")
      ->capture_default_str();
}

Expected<Npz> TensorFiles::read() const {
  Npz result;
  if (!inputArchive.empty()) {
    Expected<Npz> archive = readNpz(inputArchive);
    if (!archive)
      return archive.takeError();
    result = std::move(*archive);
  }
  for (auto [position, text] : llvm::enumerate(inputs)) {
    Expected<KeyedFile> file = parseKeyedFile(text, position);
    if (!file)
      return file.takeError();
    Expected<Tensor> tensor = readNpy(file->path);
    if (!tensor)
      return tensor.takeError();
    result.add(file->key, std::move(*tensor));
  }
  return result;
}

Error TensorFiles::finish(const Npz &results) const {
  auto find = [&](StringRef text, size_t position) -> Expected<std::pair<KeyedFile, const Tensor *>> {
    Expected<KeyedFile> file = parseKeyedFile(text, position);
    if (!file)
      return file.takeError();
    const Tensor *tensor = results.find(file->key);
    if (!tensor)
      return createStringError("there is no output '" + file->key + "'; there are " + results.keys());
    return std::pair(*file, tensor);
  };
  if (!outputArchive.empty())
    if (Error error = writeNpz(outputArchive, results))
      return error;
  for (auto [position, text] : llvm::enumerate(outputs)) {
    auto found = find(text, position);
    if (!found)
      return found.takeError();
    if (Error error = writeNpy(found->first.path, *found->second))
      return error;
  }
  if (outputArchive.empty() && outputs.empty() && expected.empty())
    for (const auto &[key, tensor] : results.arrays)
      summarise(key, tensor);
  Error failures = Error::success();
  for (auto [position, text] : llvm::enumerate(expected)) {
    auto found = find(text, position);
    if (!found)
      return joinErrors(std::move(failures), found.takeError());
    Expected<Tensor> reference = readNpy(found->first.path);
    if (!reference)
      return joinErrors(std::move(failures), reference.takeError());
    failures = joinErrors(std::move(failures), compare(found->first.key, *found->second, *reference, tolerance));
  }
  return failures;
}

Expected<std::vector<Tensor>> arrangeInputs(const Entry &entry, const Npz &given) {
  std::string names;
  for (const BoundaryTensor &input : entry.inputs)
    names += (names.empty() ? "" : ", ") + input.name;
  for (const auto &[key, tensor] : given.arrays)
    if (!isInput(entry, key) && !StringRef(key).starts_with(cotangent))
      return createStringError("there is no input '" + key + "'; " + entry.name + " takes " + names);
  std::vector<Tensor> inputs;
  for (auto [index, input] : llvm::enumerate(entry.inputs)) {
    if (const Tensor *tensor = findInput(entry, index, given)) {
      inputs.push_back(*tensor);
      continue;
    }
    if (!StringRef(input.name).starts_with(cotangent) || !input.dims.empty())
      return createStringError("input '" + input.name + "' (position " + Twine(index) +
                               ") is missing: give it with --inputs or --input " + input.name + "=@FILE.npy");
    Tensor one(input.type, {});
    if (input.type == ElementType::F64)
      *one.data<double>() = 1;
    else
      *one.data<float>() = 1;
    inputs.push_back(std::move(one));
  }
  return inputs;
}

Npz nameOutputs(const Entry &entry, std::vector<Tensor> outputs) {
  Npz results;
  size_t position = 0;
  for (auto [boundary, tensor] : llvm::zip(entry.outputs, outputs)) {
    StringRef name = boundary.name;
    const bool named = name.starts_with("grad:") || name.starts_with("buffer:");
    results.add(named ? name.str() : std::to_string(position++), std::move(tensor));
  }
  return results;
}

} // namespace nnc::cli
