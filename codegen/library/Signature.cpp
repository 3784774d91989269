#include "codegen/library/Signature.h"
#include "codegen/library/CFunctions.h"
#include "runtime/abi.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

namespace nnc {

static void writeTensor(llvm::json::OStream &json, const ModelInterface &model,
                        const BoundaryTensor &tensor) {
  json.object([&] {
    json.attribute("name", tensor.name);
    json.attribute("dtype", dtypeName(tensor.type));
    json.attributeArray("dims", [&] {
      for (const BoundaryDim &dim : tensor.dims) {
        if (dim.kind == BoundaryDim::Static)
          json.value(dim.value);
        else if (dim.kind == BoundaryDim::Symbol)
          json.value(model.symbols[size_t(dim.value)].name);
        else
          json.value(nullptr);
      }
    });
    if (tensor.hasRange)
      json.attributeObject("range", [&] {
        json.attribute("low", tensor.range.low);
        json.attribute("high", tensor.range.high);
        if (tensor.range.hasException)
          json.attribute("exception", tensor.range.exception);
      });
  });
}

static void writeState(llvm::json::OStream &json, const ModelInterface &model,
                       StateVariable::Kind kind) {
  for (const StateVariable &variable : model.state) {
    if (variable.kind != kind)
      continue;
    json.object([&] {
      json.attribute("name", variable.name);
      if (!variable.aliases.empty())
        json.attributeArray("aliases", [&] {
          for (const std::string &alias : variable.aliases)
            json.value(alias);
        });
      json.attribute("dtype", dtypeName(variable.type));
      json.attributeArray("dims", [&] {
        for (int64_t size : variable.dims)
          json.value(size);
      });
      if (kind == StateVariable::Parameter)
        json.attribute("requires_grad", variable.requiresGrad);
    });
  }
}

std::string signatureJson(const ModelInterface &model) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream);
  json.object([&] {
    json.attribute("name", model.name);
    json.attributeArray("symbols", [&] {
      for (const SymbolInfo &symbol : model.symbols)
        json.object([&] {
          json.attribute("name", symbol.name);
          json.attribute("min", symbol.minimum);
          json.attribute("max", symbol.maximum);
        });
    });
    json.attributeArray("entries", [&] {
      for (const EntryFunction &function : entryFunctions(model))
        json.object([&] {
          json.attribute("name", function.entry->name);
          json.attributeArray("inputs", [&] {
            for (const BoundaryTensor &tensor : function.entry->inputs)
              writeTensor(json, model, tensor);
          });
          json.attributeArray("outputs", [&] {
            for (const BoundaryTensor &tensor : function.entry->outputs)
              writeTensor(json, model, tensor);
          });
        });
    });
    json.attributeArray("parameters",
                        [&] { writeState(json, model, StateVariable::Parameter); });
    json.attributeArray("buffers", [&] { writeState(json, model, StateVariable::Buffer); });
  });
  return text;
}

uint64_t interfaceHash(llvm::StringRef signature) {
  // The layout of what crosses the boundary is part of the interface.
  return llvm::xxh3_64bits((signature + "/options " + llvm::Twine(sizeof(nnc_options)) +
                            "/tensor " + llvm::Twine(sizeof(nnc_tensor)))
                               .str());
}

} // namespace nnc
