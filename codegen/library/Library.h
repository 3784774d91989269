// The last stage: objects, initial data and the description of the model become
// PREFIX.so with PREFIX.h and PREFIX.hpp.
#pragma once

#include "codegen/library/InitialData.h"
#include "codegen/library/ModelInterface.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace nnc {

/// Writes the three files through a folder beside them, then renames; makes the folder they
/// belong in, if it is missing. After an
/// error none of them is there (or the former ones are untouched). The same
/// arguments give the same bytes.
/// `objects` hold the functions that `model.entries` names; they may call libm,
/// memcpy and its kin, and nnc_parallel_for. `initialData` holds what
/// `StateVariable::initialOffset` refers to.
llvm::Error writeLibrary(const ModelInterface &model,
                         llvm::ArrayRef<llvm::SmallVector<char, 0>> objects,
                         const InitialData &initialData, llvm::StringRef outputPrefix);

/// The C prefix of a library that nnc wrote for this machine: `lenet` where it exports
/// `lenet_signature`. An error if `path` is not such a library.
llvm::Expected<std::string> libraryPrefix(llvm::StringRef path);

} // namespace nnc
