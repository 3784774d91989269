#include "compiler/frontends/pt2/TensorTable.h"

using namespace nnc::pt2;
using llvm::StringRef;
using mlir::Value;

View View::identity() {
  return {[](Value base) { return base; }, [](Value, Value view) { return view; }};
}

void TensorTable::define(StringRef name, Value value) {
  auto tensor = std::make_shared<Tensor>();
  tensor->storage = std::make_shared<Storage>();
  tensor->storage->value = tensor->value = value;
  tensors[name.str()] = std::move(tensor);
}

bool TensorTable::defineView(StringRef name, StringRef base, View view) {
  auto tensor = std::make_shared<Tensor>();
  tensor->base = tensors.at(base.str());
  tensor->storage = tensor->base->storage;
  tensor->view = std::move(view);
  tensor->version = tensor->storage->version + 1; // nothing cached yet
  bool readable = static_cast<bool>(read(*tensor));
  tensors[name.str()] = std::move(tensor);
  return readable;
}

Value TensorTable::read(StringRef name) {
  auto found = tensors.find(name.str());
  return found == tensors.end() ? Value() : read(*found->second);
}

Value TensorTable::read(Tensor &tensor) {
  if (tensor.version == tensor.storage->version)
    return tensor.value;
  Value base = tensor.base ? read(*tensor.base) : tensor.storage->value;
  tensor.value = !base ? Value() : tensor.base ? tensor.view.read(base) : base;
  tensor.version = tensor.storage->version;
  return tensor.value;
}

bool TensorTable::write(StringRef name, Value value, std::string &problem) {
  return write(*tensors.at(name.str()), value, problem);
}

bool TensorTable::write(Tensor &tensor, Value value, std::string &problem) {
  if (!tensor.base) {
    tensor.storage->value = value;
    ++tensor.storage->version;
  } else {
    if (!tensor.view.write) {
      problem = "a view whose elements share places in memory cannot be changed in place";
      return false;
    }
    Value base = read(*tensor.base);
    Value updated = base ? tensor.view.write(base, value) : Value();
    if (!updated || !write(*tensor.base, updated, problem))
      return false;
  }
  tensor.value = value;
  tensor.version = tensor.storage->version;
  return true;
}

bool TensorTable::isMutated(StringRef name) const { return at(name).storage->version > 0; }
