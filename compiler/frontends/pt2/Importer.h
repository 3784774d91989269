// ExportedProgram -> one function of nn ops in stage GRAPH. The import is
// functional (mutations become new values), keeps the module path and the user's
// source line as locations, and reports every operator that it lacks at once.
#pragma once

#include "compiler/frontends/pt2/ExportedProgram.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace nnc::pt2 {

struct ImportOptions {
  std::string function = "forward";
  /// Dropout and batch norm as in eval(), whatever mode the model was exported in.
  bool evaluation = false;
  /// Recurrent layers as their steps in other ops.
  bool unrollRecurrences = false;
  /// In front of the names of constants, which two exports of one model do not share.
  std::string constantPrefix = {};
  /// Upper bound of a symbol whose exported range has none; 0: INT64_MAX.
  int64_t maximumBatch = 0;
};

/// The elements of a parameter, buffer or constant, row-major. They stay outside
/// of the IR: dense attributes of that size make every pass slow.
struct Blob {
  llvm::StringRef bytes;
  std::vector<char> owned; ///< what `bytes` refers to if the file has other strides
};

struct ImportedModel {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::map<std::string, Blob> blobs;      ///< by the argument's nn.name
  std::shared_ptr<const Archive> archive; ///< keeps the other blobs alive
};

/// The nn and func dialects must be loadable in `context`. An error has one line
/// per finding, each naming the layer and the user's source line.
llvm::Expected<ImportedModel> importProgram(const ExportedProgram &program,
                                            mlir::MLIRContext &context,
                                            const ImportOptions &options = {});

} // namespace nnc::pt2
