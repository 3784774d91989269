#include "codegen/library/CFunctions.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

namespace nnc {

static bool hasVariable(const ModelInterface &model, StateVariable::Kind kind) {
  return llvm::any_of(model.state, [&](const StateVariable &v) { return v.kind == kind; });
}

std::vector<FixedFunction> fixedFunctions(const ModelInterface &model) {
  std::vector<FixedFunction> functions = {
      {"create", "nnc_rt_create", 'i', "pppl", true},
      {"create_with_memory", "nnc_rt_create_with_memory", 'i', "pplppl", true},
      {"arena_bytes", "nnc_rt_arena_bytes", 'l', "LL", true},
      {"destroy", "nnc_rt_destroy", 'v', "p", false},
      {"call", "nnc_rt_call", 'i', "ppplpl", false},
      {"output_dims", "nnc_rt_output_dims", 'i', "ppplpl", false},
      {"signature", "nnc_rt_signature", 'p', "", true},
      {"last_error", "nnc_rt_last_error", 'p', "p", false},
  };
  if (!model.frozen)
    functions.insert(functions.end(), {{"parameter_count", "nnc_rt_parameter_count", 'l', "", true},
                                       {"parameter_name", "nnc_rt_parameter_name", 'p', "l", true},
                                       {"parameter_bytes", "nnc_rt_parameter_bytes", 'l', "p", true},
                                       {"parameter_get", "nnc_rt_parameter_get", 'i', "pppl", false},
                                       {"parameter_set", "nnc_rt_parameter_set", 'i', "pppl", false},
                                       {"save", "nnc_rt_save", 'i', "pp", false},
                                       {"load", "nnc_rt_load", 'i', "pp", false}});
  if (hasVariable(model, StateVariable::LearningRate))
    functions.push_back({"set_lr", "nnc_rt_set_lr", 'i', "pd", false});
  if (hasVariable(model, StateVariable::Gradient))
    functions.push_back({"zero_grad", "nnc_rt_zero_grad", 'i', "p", false});
  return functions;
}

bool isCIdentifier(llvm::StringRef text) {
  if (text.empty() || llvm::isDigit(text.front()))
    return false;
  return llvm::all_of(text, [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

// What a C or C++ program cannot use as an argument's name: keywords, and the
// types and the argument that the prototypes themselves use.
static bool isTaken(llvm::StringRef name) {
  static const llvm::StringSet<> taken = {
      "alignas", "alignof", "and", "asm", "auto", "bool", "break", "case", "catch", "char",
      "class", "const", "constexpr", "continue", "default", "delete", "do", "double", "else",
      "enum", "explicit", "export", "extern", "false", "float", "for", "friend", "goto", "if",
      "inline", "int", "int32_t", "int64_t", "long", "model", "mutable", "namespace", "new",
      "noexcept", "not", "nullptr", "operator", "or", "private", "protected", "public",
      "register", "requires", "restrict", "return", "short", "signed", "sizeof", "static",
      "struct", "switch", "template", "this", "throw", "true", "try", "typedef", "typeid",
      "typename", "typeof", "uint8_t", "union", "unsigned", "using", "virtual", "void",
      "volatile", "wchar_t", "while", "xor"};
  return taken.contains(name);
}

static std::string uniqueIdentifier(llvm::StringRef name, llvm::StringSet<> &used) {
  std::string base;
  for (char c : name)
    base += llvm::isAlnum(c) || c == '_' ? c : '_';
  // A leading underscore is reserved in C.
  base = llvm::StringRef(base).ltrim('_').str();
  if (base.empty() || llvm::isDigit(base.front()))
    base = "t" + base;
  if (isTaken(base))
    base += '_';
  std::string candidate = base;
  for (unsigned suffix = 2; !used.insert(llvm::StringRef(candidate).lower()).second; ++suffix)
    candidate = base + "_" + std::to_string(suffix);
  return candidate;
}

std::vector<EntryFunction> entryFunctions(const ModelInterface &model) {
  std::vector<EntryFunction> functions;
  for (auto [index, entry] : llvm::enumerate(model.entries)) {
    if (entry.name == "prepare")
      continue;
    EntryFunction function{&entry, unsigned(index), {}, {}, {}, {}};
    std::vector<bool> mentioned(model.symbols.size());
    for (const auto *tensors : {&entry.inputs, &entry.outputs})
      for (const BoundaryTensor &tensor : *tensors)
        for (const BoundaryDim &dim : tensor.dims)
          if (dim.kind == BoundaryDim::Symbol)
            mentioned[size_t(dim.value)] = true;
    llvm::StringSet<> used;
    for (unsigned i = 0; i < model.symbols.size(); ++i)
      if (mentioned[i]) {
        function.symbols.push_back(i);
        function.symbolNames.push_back(uniqueIdentifier(model.symbols[i].name, used));
      }
    for (const BoundaryTensor &tensor : entry.inputs)
      function.inputNames.push_back(uniqueIdentifier(tensor.name, used));
    for (const BoundaryTensor &tensor : entry.outputs)
      function.outputNames.push_back(uniqueIdentifier(tensor.name, used));
    functions.push_back(std::move(function));
  }
  return functions;
}

std::vector<std::string> exportedNames(const ModelInterface &model) {
  std::vector<std::string> names;
  for (const FixedFunction &function : fixedFunctions(model))
    names.push_back(model.name + "_" + function.name);
  for (const EntryFunction &function : entryFunctions(model))
    names.push_back(model.name + "_" + function.entry->name);
  llvm::sort(names);
  return names;
}

const char *cType(ElementType type) {
  switch (type) {
  case ElementType::F32: return "float";
  case ElementType::F64: return "double";
  case ElementType::I64: return "int64_t";
  case ElementType::I32: return "int32_t";
  case ElementType::U8:
  case ElementType::I1: return "uint8_t";
  }
  return "void";
}

const char *dtypeName(ElementType type) {
  switch (type) {
  case ElementType::F32: return "float32";
  case ElementType::F64: return "float64";
  case ElementType::I64: return "int64";
  case ElementType::I32: return "int32";
  case ElementType::U8: return "uint8";
  case ElementType::I1: return "bool";
  }
  return "unknown";
}

uint64_t elementBytes(ElementType type) {
  switch (type) {
  case ElementType::F64:
  case ElementType::I64: return 8;
  case ElementType::F32:
  case ElementType::I32: return 4;
  case ElementType::U8:
  case ElementType::I1: return 1;
  }
  return 1;
}

} // namespace nnc
