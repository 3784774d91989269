// A MODEL argument of the command line: a library that is loaded, or a .pt2
// that is compiled on the fly into a temporary folder first.
#pragma once

#include "compiler/Compiler.h"
#include "tools/nnc/Library.h"
#include <CLI/CLI.hpp>
#include <optional>

namespace nnc::cli {

/// The options that say how MODEL is compiled; shared by all verbs.
struct ModelOptions {
  std::string path;
  std::string loss, optimizer;
  int optimization = 2;
  std::string cpu;
  int64_t maxBatch = 0;
  bool winograd = true;

  /// Adds MODEL, -O, --cpu, --max-batch, --no-winograd.
  void addTo(CLI::App &command);
  /// Adds --loss and --optimizer.
  void addTrainingTo(CLI::App &command);
  llvm::Expected<CompileOptions> compileOptions() const;
};

/// A C prefix from the file's name: `my-net.v2.pt2` becomes `my_net_v2`.
std::string prefixOf(llvm::StringRef path);

/// Options of the instance, likewise shared.
struct RuntimeOptions {
  int64_t threads = 1;
  int64_t seed = 0;
  std::string checkpoint;

  void addTo(CLI::App &command);
};

/// Which entries a verb needs when it compiles MODEL itself.
enum class Purpose { Forward, Gradient, Training };

/// With `kernels` the library times its kernels (CompileOptions::timeKernels), and
/// the report says what they are, for the batch size `batch`: MODEL must be a .pt2.
llvm::Expected<std::unique_ptr<Library>> openModel(const ModelOptions &options, Purpose purpose,
                                                   ModelReport *kernels = nullptr, int64_t batch = 0);
/// Compiles into a temporary folder, loads the library and removes the folder.
llvm::Expected<std::unique_ptr<Library>> openCompiled(CompileOptions options, ModelReport *report = nullptr);
/// Creates an instance and loads --load into it.
llvm::Expected<std::unique_ptr<Instance>> createInstance(Library &library, const RuntimeOptions &options,
                                                         int64_t batch = 0);

} // namespace nnc::cli
