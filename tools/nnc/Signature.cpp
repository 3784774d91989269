#include "tools/nnc/Signature.h"
#include "codegen/library/Signature.h"
#include "tools/nnc/Tensor.h"
#include "llvm/Support/JSON.h"
#include <optional>

using namespace llvm;

namespace nnc::cli {
namespace {

std::optional<ElementType> parseElement(StringRef text) {
  for (int i = 0; i <= int(ElementType::I1); ++i)
    if (text == dtypeName(ElementType(i)))
      return ElementType(i);
  return std::nullopt;
}

/// Walks the JSON with the path of the value at hand, which errors name.
class Reader {
public:
  explicit Reader(Signature &signature) : interface(signature.interface) {}

  Error read(const json::Object &root) {
    interface.name = root.getString("name").value_or("").str();
    if (const json::Array *symbols = root.getArray("symbols"))
      for (const json::Value &value : *symbols)
        if (const json::Object *symbol = value.getAsObject())
          interface.symbols.push_back({symbol->getString("name").value_or("").str(),
                                       symbol->getInteger("min").value_or(1),
                                       symbol->getInteger("max").value_or(INT64_MAX)});
    if (const json::Array *entries = root.getArray("entries"))
      for (const json::Value &value : *entries)
        if (const json::Object *object = value.getAsObject()) {
          Entry entry;
          entry.name = object->getString("name").value_or("").str();
          if (Error error = readTensors(object->getArray("inputs"), entry.inputs))
            return error;
          if (Error error = readTensors(object->getArray("outputs"), entry.outputs))
            return error;
          interface.entries.push_back(std::move(entry));
        }
    for (auto [key, kind] : {std::pair("parameters", StateVariable::Parameter), {"buffers", StateVariable::Buffer}})
      if (Error error = readState(root.getArray(key), kind))
        return error;
    return Error::success();
  }

private:
  Error readDims(const json::Object &object, BoundaryTensor &tensor) {
    const json::Array *shape = object.getArray("dims");
    if (!shape)
      return createStringError("signature: '" + tensor.name + "' has no dims");
    for (const json::Value &value : *shape) {
      BoundaryDim dim;
      if (std::optional<int64_t> size = value.getAsInteger())
        dim.value = *size;
      else if (std::optional<StringRef> name = value.getAsString()) {
        auto symbol = llvm::find_if(interface.symbols, [&](const SymbolInfo &s) { return s.name == *name; });
        dim.kind = symbol == interface.symbols.end() ? BoundaryDim::Computed : BoundaryDim::Symbol;
        dim.value = symbol - interface.symbols.begin();
      } else
        dim.kind = BoundaryDim::Computed;
      tensor.dims.push_back(dim);
    }
    return Error::success();
  }

  Error readTensors(const json::Array *array, std::vector<BoundaryTensor> &tensors) {
    if (!array)
      return createStringError("signature: an entry lacks inputs or outputs");
    for (const json::Value &value : *array) {
      const json::Object *object = value.getAsObject();
      if (!object)
        return createStringError("signature: an entry's tensor is not an object");
      BoundaryTensor tensor;
      tensor.name = object->getString("name").value_or("").str();
      std::optional<ElementType> type = parseElement(object->getString("dtype").value_or(""));
      if (!type)
        return createStringError("signature: '" + tensor.name + "' has an unknown dtype");
      tensor.type = *type;
      if (Error error = readDims(*object, tensor))
        return error;
      if (const json::Object *range = object->getObject("range")) {
        tensor.hasRange = true;
        tensor.range.low = range->getInteger("low").value_or(0);
        tensor.range.high = range->getInteger("high").value_or(0);
      }
      tensors.push_back(std::move(tensor));
    }
    return Error::success();
  }

  Error readState(const json::Array *array, StateVariable::Kind kind) {
    for (const json::Value &value : array ? *array : json::Array()) {
      const json::Object *object = value.getAsObject();
      if (!object)
        return createStringError("signature: a parameter is not an object");
      StateVariable variable;
      variable.kind = kind;
      variable.name = object->getString("name").value_or("").str();
      variable.type = parseElement(object->getString("dtype").value_or("")).value_or(ElementType::F32);
      variable.requiresGrad = object->getBoolean("requires_grad").value_or(false);
      if (const json::Array *shape = object->getArray("dims"))
        for (const json::Value &dim : *shape)
          variable.dims.push_back(dim.getAsInteger().value_or(0));
      interface.state.push_back(std::move(variable));
    }
    return Error::success();
  }

  ModelInterface &interface;
};

} // namespace

const Entry *Signature::findEntry(StringRef name) const {
  for (const Entry &entry : interface.entries)
    if (entry.name == name)
      return &entry;
  return nullptr;
}

Expected<Signature> parseSignature(StringRef text) {
  Expected<json::Value> value = json::parse(text);
  if (!value)
    return createStringError("signature: " + toString(value.takeError()));
  const json::Object *root = value->getAsObject();
  if (!root)
    return createStringError("signature: not an object");
  Signature signature;
  signature.abiHash = interfaceHash(text);
  if (Error error = Reader(signature).read(*root))
    return error;
  return signature;
}

std::string describe(const BoundaryTensor &tensor, ArrayRef<SymbolInfo> symbols) {
  std::string text = std::string(dtypeName(tensor.type)) + " [";
  bool first = true;
  for (const BoundaryDim &dim : tensor.dims) {
    text += first ? "" : ", ";
    first = false;
    if (dim.kind == BoundaryDim::Static)
      text += std::to_string(dim.value);
    else
      text += dim.kind == BoundaryDim::Symbol ? symbols[size_t(dim.value)].name : "?";
  }
  return text + "]";
}

} // namespace nnc::cli
