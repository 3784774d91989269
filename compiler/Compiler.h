// The public API of the compiler: a model file goes in, a self-contained shared
// library with its C header (or the text of one stage) comes out. The CLI, the
// C++ builder and the tests all use this header and nothing below it.
#pragma once

#include "llvm/Support/Error.h"
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nnc {

struct ModelReport;

/// A loss or an optimizer as written on the command line:
/// `cross_entropy:label_smoothing=0.1`, `sgd:lr=0.01,momentum=0.9`.
/// Names, options and defaults are torch's.
struct NamedOptions {
  std::string name;
  std::map<std::string, std::string> options;

  /// Parses `NAME[:key=value,...]`.
  static llvm::Expected<NamedOptions> parse(llvm::StringRef text);
};

/// The stages of the pipeline, in order; see docs/architecture.md.
enum class Stage { Graph, Train, Core, Kernels, Plan, Loops, LLVM, Object, Library };

/// Parses `graph|train|core|kernels|plan|loops|llvm|obj|so`.
std::optional<Stage> parseStage(llvm::StringRef text);

struct CompileOptions {
  /// Path of the `.pt2` to compile.
  std::string model;
  /// The same model exported in eval(): what `forward` computes. Empty: derived from `model`.
  std::string evaluationModel;
  /// Trains a model that was exported in eval() as it is, instead of refusing it.
  bool trainAsExported = false;
  /// Present: the library also gets train_step, forward_backward,
  /// optimizer_step. `loss.name == "output"`: the model itself returns the loss.
  std::optional<NamedOptions> loss;
  std::optional<NamedOptions> optimizer;
  /// Adds the entry `grad`: inputs and cotangents in;
  /// outputs, `grad:...` and `buffer:...` out; the model runs in the mode it was
  /// exported in.
  bool gradient = false;
  /// 0: every op its own naive kernel (the reference); 2: everything.
  int optimization = 2;
  /// The platform to compile for, a triple such as aarch64-linux-gnu; empty: this machine's.
  std::string target;
  /// `native` or an LLVM CPU name (x86-64-v3, x86-64-v4, znver4, ...). Empty: native, or for
  /// another platform what all of its machines run.
  std::string cpu;
  /// Lets 3x3 convolutions use Winograd's filtering where that is faster. Its rounding
  /// error is up to about ten times that of a direct sum.
  bool winograd = true;
  /// Inference alone, with parameters as constants of the library: what depends on nothing
  /// else is computed now; there is nothing to set, load or save.
  bool frozen = false;
  /// Upper bound of a dimension whose exported range is unbounded; 0: none given.
  int64_t maxBatch = 0;
  /// Bytes that the arena of no entry may exceed, the workers' scratch aside, for batches of
  /// reportBatch or, if that is 0, of any size; values are computed again rather than
  /// kept. 0: no limit.
  int64_t memoryBudget = 0;
  /// Prints to standard error how long each stage takes.
  bool timing = false;
  /// Every entry but `prepare` gets an output `kernel_times` (TimeKernels.h).
  bool timeKernels = false;
  /// Every entry also returns how far each of its kernels is from the naive reference
  /// (CheckKernels.h); ModelReport::checks says which number is whose.
  bool checkKernels = false;
  /// The batch size that reports count for, and a memory budget holds for; 0: the smallest, and all.
  int64_t reportBatch = 0;
  /// The C prefix; empty: the file name of the output.
  std::string name;
};

/// Compiles to `outputPrefix.so`, `.h` and `.hpp`. Each file is written to a
/// temporary and renamed. On an error nothing is left behind; the error's text
/// has one line per finding, each naming file, layer and source line.
llvm::Error compileLibrary(const CompileOptions &options, llvm::StringRef outputPrefix, ModelReport *report = nullptr);

/// What compileLibrary would make of the model, without making it.
llvm::Expected<ModelReport> describeCompilation(const CompileOptions &options);

/// The text of the module after `stage` (Graph to LLVM).
llvm::Expected<std::string> compileToText(const CompileOptions &options, Stage stage);

} // namespace nnc
