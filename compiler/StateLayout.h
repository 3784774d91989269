// The state block and the outside of a model, gathered from its planned
// functions: every state argument gets its offset, every entry its boundary.
#pragma once

#include "codegen/library/InitialData.h"
#include "codegen/library/ModelInterface.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include <functional>

namespace nnc {

/// Initial bytes of a state variable by (kind, name), which outlive the layout; empty: zeros.
using InitialBytes = std::function<llvm::StringRef(llvm::StringRef kind, llvm::StringRef name)>;

struct StateLayout {
  ModelInterface interface;
  InitialData initialData; ///< of a frozen model: the state itself
  llvm::StringMap<int64_t> offsets; ///< by "kind/name"

  int64_t offsetOf(llvm::StringRef kind, llvm::StringRef name) const {
    return offsets.lookup((kind + "/" + name).str());
  }
};

/// `module` holds planned functions (stage PLAN).
StateLayout layoutState(mlir::ModuleOp module, const InitialBytes &initial, bool frozen = false);

} // namespace nnc
