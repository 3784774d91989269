#include "tests/unit/ops_case.h"

using namespace mlir;

namespace nnc::test {

int64_t Array::count() const {
  int64_t total = 1;
  for (int64_t d : dims)
    total *= d;
  return total;
}

double &Array::at(ArrayRef<int64_t> index) {
  int64_t linear = 0;
  for (auto [d, i] : llvm::zip(dims, index)) {
    assert(i >= 0 && i < d);
    linear = linear * d + i;
  }
  return data[linear];
}

void Array::forEach(function_ref<void(ArrayRef<int64_t>)> body) const {
  std::vector<int64_t> index(dims.size(), 0);
  for (int64_t left = count(); left > 0; --left) {
    body(index);
    for (size_t d = dims.size(); d-- > 0 && ++index[d] == dims[d];)
      index[d] = 0;
  }
}

std::vector<int64_t> windowCounts(ArrayRef<int64_t> in, ArrayRef<int64_t> kernel, ArrayRef<int64_t> stride,
                                  ArrayRef<int64_t> padding, ArrayRef<int64_t> dilation) {
  std::vector<int64_t> counts;
  for (size_t d = 0; d < in.size(); ++d)
    counts.push_back((in[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d] + 1);
  return counts;
}

Reference each(std::function<double(const Arrays &, Index)> element) {
  return [=](const Arrays &inputs, Arrays &outputs) {
    outputs[0].forEach([&](Index i) { outputs[0].at(i) = element(inputs, i); });
  };
}

CaseBuilder::CaseBuilder(ModuleOp module, StringRef name, ArrayRef<SymbolInfo> symbols, Type element)
    : FunctionBuilder(module, name, symbols), element(element), dynamic(!symbols.empty()) {}

AffineExpr CaseBuilder::batch() {
  usesBatch = true;
  return dynamic ? getAffineSymbolExpr(0, context()) : size(staticBatch);
}

FunctionBuilder::Dims CaseBuilder::dims(std::initializer_list<Size> sizes) {
  Dims result;
  for (const Size &s : sizes)
    result.push_back(s.expr ? s.expr : size(s.value));
  return result;
}

Value CaseBuilder::addData(const Dims &dims, Type type, Data values) {
  data.push_back(values);
  return addInput("x" + std::to_string(data.size() - 1), dims, type);
}

Value CaseBuilder::classes(const Dims &dims, int64_t count, int64_t exception) {
  return addData(dims, builder().getI64Type(), {0, double(count), Data::Whole, exception});
}

Value CaseBuilder::condition(std::initializer_list<Size> sizes) {
  return addData(dims(sizes), builder().getI1Type(), {0, 2, Data::Truth});
}

Value CaseBuilder::integer(int64_t value) {
  return addData({}, builder().getI64Type(), fixed(double(value)));
}

void CaseBuilder::output(Value value) { addOutput("y" + std::to_string(outputs++), value); }

} // namespace nnc::test
