// The state block and the outside of a model, gathered from its planned
// functions: every state argument gets its offset, every entry its boundary.
#pragma once

#include "codegen/cpu/EmitLoops.h"
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
  llvm::StringMap<cpu::StatePlace> places; ///< by "kind/name"

  cpu::StatePlace placeOf(llvm::StringRef kind, llvm::StringRef name) const {
    return places.lookup((kind + "/" + name).str());
  }
};

/// Whether a planned function's kernels read the argument, and not its packed form instead.
bool isRead(mlir::BlockArgument argument);

/// `module` holds planned functions (stage PLAN).
StateLayout layoutState(mlir::ModuleOp module, const InitialBytes &initial, bool frozen = false);

} // namespace nnc
