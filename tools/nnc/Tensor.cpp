#include "tools/nnc/Tensor.h"

namespace nnc::cli {

bool isFloat(ElementType type) { return type == ElementType::F32 || type == ElementType::F64; }

Tensor::Tensor(ElementType type, std::vector<int64_t> dims) : type(type), dims(std::move(dims)) {
  bytes.resize(size() * elementBytes(type));
}

int64_t Tensor::size() const {
  int64_t count = 1;
  for (int64_t dim : dims)
    count *= dim;
  return count;
}

double Tensor::at(int64_t index) const {
  switch (type) {
  case ElementType::F32:
    return data<float>()[index];
  case ElementType::F64:
    return data<double>()[index];
  case ElementType::I64:
    return double(data<int64_t>()[index]);
  case ElementType::I32:
    return data<int32_t>()[index];
  case ElementType::U8:
  case ElementType::I1:
    return data<uint8_t>()[index];
  }
  return 0;
}

std::string describe(ElementType type, llvm::ArrayRef<int64_t> dims) {
  std::string text = std::string(dtypeName(type)) + " [";
  for (size_t i = 0; i < dims.size(); ++i)
    text += (i ? ", " : "") + std::to_string(dims[i]);
  return text + "]";
}

std::string describe(const Tensor &tensor) { return describe(tensor.type, tensor.dims); }

} // namespace nnc::cli
