#include "codegen/library/Verify.h"
#include "codegen/library/CFunctions.h"
#include "runtime/abi.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"

namespace nnc {

static llvm::Error fail(const ModelInterface &model, const llvm::Twine &what) {
  return llvm::createStringError("the interface of '" + model.name + "' is not valid: " + what);
}

static std::string withPrefix(llvm::StringRef prefix, llvm::StringRef name) {
  return name.starts_with(prefix) ? name.str() : (prefix + name).str();
}

std::string variableKey(const StateVariable &variable) {
  switch (variable.kind) {
  case StateVariable::Gradient:
    return withPrefix("grad:", variable.name);
  case StateVariable::OptimizerState:
  case StateVariable::LearningRate:
    return withPrefix("optimizer/", variable.name);
  case StateVariable::Seed:
  case StateVariable::Step:
    return withPrefix("random/", variable.name);
  default:
    return variable.name;
  }
}

uint64_t variableBytes(const StateVariable &variable) {
  uint64_t bytes = elementBytes(variable.type);
  for (int64_t size : variable.dims)
    bytes *= uint64_t(size);
  return bytes;
}

static llvm::Error verifyTensor(const ModelInterface &model, const Entry &entry,
                                const BoundaryTensor &tensor, bool isInput) {
  const std::string where = entry.name + ", tensor '" + tensor.name + "': ";
  if (tensor.dims.size() > NNC_MAX_RANK)
    return fail(model, where + llvm::Twine(tensor.dims.size()) + " axes, at most " +
                           llvm::Twine(int(NNC_MAX_RANK)) + " are supported");
  for (const BoundaryDim &dim : tensor.dims) {
    if (dim.kind == BoundaryDim::Symbol &&
        (dim.value < 0 || size_t(dim.value) >= model.symbols.size()))
      return fail(model, where + "a dimension names a symbol that does not exist");
    if (dim.kind == BoundaryDim::Static && dim.value < 0)
      return fail(model, where + "a dimension is negative");
    if (dim.kind == BoundaryDim::Computed && entry.shapeSymbol.empty())
      return fail(model, where + "a computed dimension needs a shape function");
  }
  const bool isInteger = tensor.type == ElementType::I64 || tensor.type == ElementType::I32 ||
                         tensor.type == ElementType::U8;
  if (tensor.hasRange && !(isInput && isInteger))
    return fail(model, where + "a range of values needs an integer input");
  return llvm::Error::success();
}

static llvm::Error verifyEntry(const ModelInterface &model, const Entry &entry,
                               const llvm::StringSet<> &exported) {
  if (!isCIdentifier(entry.name))
    return fail(model, "the entry '" + entry.name + "' is not a C identifier");
  if (entry.symbol.empty())
    return fail(model, "the entry '" + entry.name + "' has no function");
  for (const std::string *symbol : {&entry.symbol, &entry.arenaSymbol, &entry.shapeSymbol})
    if (exported.contains(*symbol) || llvm::StringRef(*symbol).starts_with("nnc_rt_"))
      return fail(model, "the function '" + *symbol + "' has the name of a library function");
  if (entry.name == "prepare" && (!entry.inputs.empty() || !entry.outputs.empty()))
    return fail(model, "the entry 'prepare' takes and returns nothing");
  for (const BoundaryTensor &tensor : entry.inputs)
    if (llvm::Error error = verifyTensor(model, entry, tensor, /*isInput=*/true))
      return error;
  for (const BoundaryTensor &tensor : entry.outputs)
    if (llvm::Error error = verifyTensor(model, entry, tensor, /*isInput=*/false))
      return error;
  return llvm::Error::success();
}

/// Learning rate, seed and step are scalars of a type the runtime writes.
static bool isScalarOfItsKind(const StateVariable &variable) {
  switch (variable.kind) {
  case StateVariable::LearningRate:
    return variable.dims.empty() &&
           (variable.type == ElementType::F32 || variable.type == ElementType::F64);
  case StateVariable::Seed:
  case StateVariable::Step:
    return variable.dims.empty() && variable.type == ElementType::I64;
  default:
    return true;
  }
}

static llvm::Error verifyVariable(const ModelInterface &model, const StateVariable &variable,
                                  uint64_t initialBytes) {
  const std::string where = "the variable '" + variable.name + "' ";
  if (variable.dims.size() > NNC_MAX_RANK)
    return fail(model, where + "has more than " + llvm::Twine(int(NNC_MAX_RANK)) + " axes");
  uint64_t bytes = elementBytes(variable.type);
  for (int64_t size : variable.dims) {
    bool overflowed = false;
    bytes = llvm::SaturatingMultiply(bytes, uint64_t(size), &overflowed);
    if (size < 0 || overflowed)
      return fail(model, where + "has a shape that is not valid");
  }
  if (variable.offset % 64 != 0 || variable.offset > model.stateBytes ||
      bytes > model.stateBytes - variable.offset)
    return fail(model, where + "does not lie, 64-byte aligned, within the state");
  if (variable.initialOffset >= 0 && (uint64_t(variable.initialOffset) > initialBytes ||
                                      bytes > initialBytes - uint64_t(variable.initialOffset)))
    return fail(model, where + "has its initial value outside of the initial data");
  if (variable.offset < model.fixedBytes && uint64_t(variable.initialOffset) != variable.offset)
    return fail(model, where + "is fixed, but lies elsewhere in the state than in the initial data");
  if (!isScalarOfItsKind(variable))
    return fail(model, where + "must be a scalar: a float as learning rate, an int64 as seed or "
                               "step");
  return llvm::Error::success();
}

llvm::Error verifyInterface(const ModelInterface &model, uint64_t initialBytes) {
  if (!isCIdentifier(model.name))
    return llvm::createStringError("'" + model.name +
                                   "' cannot be the prefix of C functions: give --name letters, "
                                   "digits and underscores, not a digit first");
  if (model.symbols.size() > NNC_MAX_SYMBOLS)
    return fail(model, "more than " + llvm::Twine(int(NNC_MAX_SYMBOLS)) + " symbols");
  llvm::StringSet<> symbolNames;
  for (const SymbolInfo &symbol : model.symbols)
    if (symbol.minimum < 0 || symbol.minimum > symbol.maximum ||
        !symbolNames.insert(symbol.name).second)
      return fail(model, "the symbol '" + symbol.name + "' has no valid range or occurs twice");
  llvm::StringSet<> exported, entryNames;
  for (const FixedFunction &function : fixedFunctions(model))
    entryNames.insert(function.name);
  for (const Entry &entry : model.entries)
    if (!entryNames.insert(entry.name).second)
      return fail(model, "the entry '" + entry.name + "' occurs twice or is a library function");
  for (const Entry &entry : model.entries)
    exported.insert(model.name + "_" + entry.name);
  for (const FixedFunction &function : fixedFunctions(model))
    exported.insert(model.name + "_" + function.name);
  for (const Entry &entry : model.entries)
    if (llvm::Error error = verifyEntry(model, entry, exported))
      return error;
  llvm::StringSet<> keys;
  for (const StateVariable &variable : model.state) {
    if (llvm::Error error = verifyVariable(model, variable, initialBytes))
      return error;
    if (variable.kind == StateVariable::Prepared)
      continue;
    std::vector<std::string> names = variable.aliases;
    names.push_back(variableKey(variable));
    for (const std::string &name : names)
      if (!keys.insert(name).second)
        return fail(model, "two variables have the name '" + name + "'");
  }
  return llvm::Error::success();
}

} // namespace nnc
