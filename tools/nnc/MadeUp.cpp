#include "tools/nnc/MadeUp.h"
#include <random>

using namespace llvm;

namespace nnc::cli {

/// A tensor for `input`: normal floats, indices over their allowed range.
static Tensor makeUp(const BoundaryTensor &input, ArrayRef<int64_t> symbols, std::mt19937_64 &random) {
  std::vector<int64_t> dims;
  for (const BoundaryDim &dim : input.dims)
    dims.push_back(dim.kind == BoundaryDim::Symbol ? symbols[size_t(dim.value)] : dim.value);
  Tensor tensor(input.type, std::move(dims));
  std::normal_distribution<double> normal;
  std::uniform_int_distribution<int64_t> index(input.hasRange ? input.range.low : 0,
                                               input.hasRange ? std::max(input.range.low, input.range.high - 1) : 1);
  for (int64_t i = 0, count = tensor.size(); i < count; ++i)
    switch (input.type) {
    case ElementType::F32:
      tensor.data<float>()[i] = float(normal(random));
      break;
    case ElementType::F64:
      tensor.data<double>()[i] = normal(random);
      break;
    case ElementType::I64:
      tensor.data<int64_t>()[i] = index(random);
      break;
    case ElementType::I32:
      tensor.data<int32_t>()[i] = int32_t(index(random));
      break;
    case ElementType::U8:
    case ElementType::I1:
      tensor.data<uint8_t>()[i] = uint8_t(index(random) & 1);
      break;
    }
  return tensor;
}

Expected<std::vector<int64_t>> symbolValues(const ModelInterface &model, int64_t batch) {
  if (batch && model.symbols.empty())
    return createStringError("--batch: " + Twine(model.name) + " was exported with a fixed batch");
  std::vector<int64_t> values;
  for (const SymbolInfo &symbol : model.symbols)
    values.push_back(values.empty() && batch ? batch : symbol.minimum);
  return values;
}

std::vector<Tensor> makeUpInputs(const Entry &entry, ArrayRef<int64_t> symbols, int64_t seed) {
  std::mt19937_64 random(static_cast<uint64_t>(seed));
  std::vector<Tensor> inputs;
  for (const BoundaryTensor &input : entry.inputs)
    inputs.push_back(makeUp(input, symbols, random));
  return inputs;
}

} // namespace nnc::cli
