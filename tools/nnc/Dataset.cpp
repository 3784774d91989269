#include "tools/nnc/Dataset.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include <cstring>
#include <numeric>

using namespace llvm;

namespace nnc::cli {
namespace {

bool isInteger(ElementType type) { return !isFloat(type) && type != ElementType::I1; }

template <typename To> Tensor converted(const Tensor &from, ElementType type, double divisor) {
  Tensor to(type, from.dims);
  To *out = to.data<To>();
  for (int64_t i = 0, count = from.size(); i < count; ++i)
    out[i] = To(from.at(i) / divisor);
  return to;
}

/// The keys under which `input` may stand, best first.
SmallVector<std::string> keysOf(ArrayRef<BoundaryTensor> inputs, size_t index, const ColumnRules &rules) {
  const size_t modelInputs = inputs.size() - rules.targets;
  SmallVector<std::string> keys = {inputs[index].name};
  if (index < modelInputs) {
    keys.push_back(std::to_string(index));
    if (modelInputs == 1)
      keys.push_back("x");
  } else if (rules.targets == 1) {
    keys.append({"y", "target"});
  }
  for (std::string &key : keys)
    key += rules.suffix;
  return keys;
}

/// Converts `tensor` to what `input` takes and checks the axes after the first.
Expected<Tensor> fitted(const Tensor &tensor, const BoundaryTensor &input, bool target, StringRef where,
                        const ColumnRules &rules, raw_ostream &notes) {
  if (tensor.dims.size() != input.dims.size() || tensor.dims.empty())
    return createStringError(where + " is " + describe(tensor) + ", but input '" + input.name + "' has " +
                             Twine(input.dims.size()) + " axes, the first of which counts samples");
  for (size_t axis = 1; axis < tensor.dims.size(); ++axis)
    if (input.dims[axis].kind == BoundaryDim::Static && input.dims[axis].value != tensor.dims[axis])
      return createStringError(where + " is " + describe(tensor) + ", but axis " + Twine(axis) + " of input '" +
                               input.name + "' is " + Twine(input.dims[axis].value));
  if (tensor.type == input.type)
    return tensor;
  if (tensor.type == ElementType::U8 && isFloat(input.type)) {
    if (rules.byteScale != 1)
      notes << "note: " << where << ": uint8 divided by " << format("%g", rules.byteScale) << " to "
            << dtypeName(input.type) << "\n";
    return input.type == ElementType::F32 ? converted<float>(tensor, input.type, rules.byteScale)
                                          : converted<double>(tensor, input.type, rules.byteScale);
  }
  if (target && isInteger(tensor.type) && input.type == ElementType::I64)
    return converted<int64_t>(tensor, input.type, 1);
  return createStringError(where + " is " + dtypeName(tensor.type) + ", but input '" + input.name + "' takes " +
                           dtypeName(input.type) + "; convert the array");
}

uint64_t splitmix64(uint64_t &state) { // Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

} // namespace

Expected<Dataset> selectColumns(const Npz &archive, StringRef path, ArrayRef<BoundaryTensor> inputs,
                                const ColumnRules &rules, raw_ostream &notes) {
  Dataset data;
  for (size_t index = 0; index < inputs.size(); ++index) {
    const BoundaryTensor &input = inputs[index];
    SmallVector<std::string> keys = keysOf(inputs, index, rules);
    const std::string *key = llvm::find_if(keys, [&](const std::string &k) { return archive.find(k) != nullptr; });
    if (key == keys.end())
      return createStringError(path + ": no array for input '" + input.name + "': looked for " +
                               llvm::join(keys, ", ") + "; the file has " + archive.keys());
    std::string where = (path + ": " + *key).str();
    const bool target = index + rules.targets >= inputs.size();
    Expected<Tensor> column = fitted(*archive.find(*key), input, target, where, rules, notes);
    if (!column)
      return column.takeError();
    if (index > 0 && column->dims[0] != data.samples)
      return createStringError(where + " has " + Twine(column->dims[0]) + " samples, the input before it " +
                               Twine(data.samples));
    data.samples = column->dims[0];
    data.columns.push_back(std::move(*column));
  }
  if (data.samples == 0)
    return createStringError(path + ": there are no samples");
  return data;
}

void Dataset::gather(ArrayRef<int64_t> rows, std::vector<Tensor> &batch) const {
  batch.resize(columns.size());
  for (auto [column, part] : llvm::zip(columns, batch)) {
    const size_t rowBytes = column.bytes.size() / size_t(samples);
    part.type = column.type;
    part.dims = column.dims;
    part.dims[0] = int64_t(rows.size());
    part.bytes.resize(rows.size() * rowBytes);
    for (size_t i = 0; i < rows.size(); ++i)
      std::memcpy(&part.bytes[i * rowBytes], &column.bytes[size_t(rows[i]) * rowBytes], rowBytes);
  }
}

std::vector<int64_t> shuffledRows(int64_t count, uint64_t seed, uint64_t epoch) {
  std::vector<int64_t> rows(static_cast<size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  uint64_t state = seed;
  state = splitmix64(state) + epoch;
  for (int64_t i = count - 1; i > 0; --i) {
    // The high half of a product maps 64 random bits to 0..i (Lemire 2019; the bias of 2^-50 is of no account).
    uint64_t other = uint64_t((unsigned __int128)splitmix64(state) * uint64_t(i + 1) >> 64);
    std::swap(rows[size_t(i)], rows[other]);
  }
  return rows;
}

} // namespace nnc::cli
