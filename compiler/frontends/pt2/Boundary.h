// What a program has in common with the outside: the symbols that its inputs' shapes
// bind, and its state (parameters, buffers, constants), where one tensor may have
// several names.
#pragma once

#include "compiler/frontends/pt2/Call.h"

namespace nnc::pt2 {

/// The symbols of the inputs' shapes in the order in which they occur. The batch
/// axis is called N, others keep torch's names (s53).
llvm::Expected<Symbols> collectSymbols(const ExportedProgram &program, int64_t maximumBatch);

/// A stored tensor: `input` is the first name it goes by.
struct State {
  const InputSpec *input = nullptr;
  const StoredTensor *stored = nullptr;
  std::vector<std::string> aliases;    ///< further names
  std::vector<llvm::StringRef> values; ///< the graph's values that are this tensor
};
llvm::Expected<std::vector<State>> collectState(const ExportedProgram &program);

} // namespace nnc::pt2
