// The stages of the compiler, each one short function; see docs/architecture.md.
#pragma once

#include "codegen/cpu/Target.h"
#include "compiler/Compiler.h"
#include "compiler/Report.h"
#include "compiler/StateLayout.h"
#include "compiler/frontends/pt2/Importer.h"
#include "mlir/Support/Timing.h"

namespace nnc {

/// A model on its way through the stages.
struct Compilation {
  CompileOptions options;
  mlir::DefaultTimingManager timing; ///< prints at the end of the compilation if `options.timing`
  mlir::TimingScope time;
  cpu::Target target;
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<pt2::ImportedModel> sources; ///< keep weights and archives alive
  StateLayout layout;
  ModelReport report; ///< after stage PLAN
  std::vector<llvm::SmallVector<char, 0>> objects;
  std::string learningRate;                          ///< initial bytes
  llvm::StringMap<std::string> prepared; ///< frozen: what @prepare computes, by its name
  std::vector<std::string> diagnostics;  ///< errors that passes reported, with their place

  llvm::Error reportedErrors() const;
};

/// Runs the stages up to and including `last`. On an error, its text has one line a finding.
llvm::Error runStages(Compilation &compilation, Stage last);

// Its two halves, for a graph that comes from elsewhere than `options.model`: the first
// makes target and context; the second takes a module with `forward` and, where the
// options ask for training or gradients, `exported`, and the weights in `sources`.
llvm::Error startCompilation(Compilation &compilation);
llvm::Error runStagesAfterGraph(Compilation &compilation, Stage last);

/// The stages after CORE, likewise.
llvm::Error runStagesFromCore(Compilation &compilation, Stage last);

} // namespace nnc
