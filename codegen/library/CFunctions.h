// The C functions of a library: names, argument lists and which exist. The header
// prints them and the descriptor module defines them, both from here.
#pragma once

#include "codegen/library/ModelInterface.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace nnc {

/// A function of the library that is the same for every model.
struct FixedFunction {
  const char *name;    ///< without the prefix
  const char *runtime; ///< what it forwards to
  char result;         ///< v void, i int, l size_t, p pointer
  const char *parameters; ///< likewise; L int64_t, d double
  bool takesDescriptor;   ///< the runtime function has it as its first argument
};

/// Those that this model has.
std::vector<FixedFunction> fixedFunctions(const ModelInterface &model);

/// A typed entry: `int NAME_entry(NAME_model *model, symbols..., inputs..., outputs...)`.
struct EntryFunction {
  const Entry *entry;
  unsigned index; ///< into ModelInterface::entries
  std::vector<unsigned> symbols; ///< that the entry's shapes mention
  // C identifiers, distinct within the function even when case is ignored.
  std::vector<std::string> symbolNames, inputNames, outputNames;
};

/// The entries that callers see: all but `prepare`.
std::vector<EntryFunction> entryFunctions(const ModelInterface &model);

/// Every exported name, sorted.
std::vector<std::string> exportedNames(const ModelInterface &model);

bool isCIdentifier(llvm::StringRef text);

/// The C type of an element: `float`, `int64_t`, ...
const char *cType(ElementType type);
/// torch's name: `float32`, ...
const char *dtypeName(ElementType type);
uint64_t elementBytes(ElementType type);

} // namespace nnc
