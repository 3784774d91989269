#include "compiler/transforms/KernelValues.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

Value rootOf(Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getInput();
  return value;
}

SmallVector<Operation *> readersOf(Value value) {
  SmallVector<Operation *> readers;
  SmallVector<Value> views{value};
  while (!views.empty()) {
    Value view = views.pop_back_val();
    for (Operation *user : view.getUsers()) {
      if (auto reshape = dyn_cast<ReshapeOp>(user))
        views.push_back(reshape.getResult());
      else
        readers.push_back(user);
    }
  }
  return readers;
}

AffineExpr arenaBytesOf(Value value) {
  int64_t width = std::max<int64_t>(8, elementTypeOf(value).getIntOrFloatBitWidth()) / 8;
  AffineExpr bytes = product(value.getContext(), dimsOf(value)) * width;
  return simplify((bytes + (arenaAlignment - 1)).floorDiv(arenaAlignment) * arenaAlignment);
}

SmallVector<AffineExpr> plannedSizes(func::FuncOp function, int64_t batch) {
  constexpr int64_t usual = 64, largest = 1 << 16;
  SmallVector<AffineExpr> sizes;
  auto names = function->getAttrOfType<ArrayAttr>("nn.symbols");
  auto ranges = function->getAttrOfType<DenseI64ArrayAttr>("nn.symbol_ranges");
  for (size_t i = 0; names && i < names.size(); ++i) {
    int64_t maximum = ranges ? ranges[2 * i + 1] : usual;
    int64_t size = i == 0 && batch ? std::min(batch, maximum) : maximum > largest ? usual : maximum;
    sizes.push_back(getAffineConstantExpr(size, function.getContext()));
  }
  return sizes;
}

} // namespace nnc
