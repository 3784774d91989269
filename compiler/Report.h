// What the compiler made of a model, as plain data: filled by the compiler, printed
// by the command line.
#pragma once

#include "codegen/library/ModelInterface.h"
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace nnc {

/// A count that may depend on the model's symbols.
struct Quantity {
  std::string formula; ///< `N * 470400`
  int64_t value = 0;   ///< at the report's sizes
};

struct KernelReport {
  std::string name;   ///< layer and op: `features.0/conv`
  std::string layer;  ///< module path; empty for what belongs to none, such as the loss
  std::string source; ///< FILE:LINE of the user's code
  std::string family;
  std::vector<std::string> ops; ///< what was fused, in order: conv, add, relu
  std::vector<std::string> inputs, results; ///< types
  std::string schedule;
  /// Why it is computed element by element although the compiler optimises; empty: it is not.
  std::string fallback;
  Quantity operations; ///< floating-point operations, a multiply-add as two
  double savings = 1;  ///< of these for each that is computed, such as 4 with Winograd F(4x4, 3x3)
  Quantity bytes;      ///< read and written, everything once
  int64_t stateBytes = 0; ///< of these, parameters and other state, at the report's sizes
};

/// One tenant of the arena.
struct ArenaBlock {
  std::string kernel; ///< that writes it
  int64_t offset = 0, bytes = 0;
  size_t first = 0, last = 0; ///< kernels between which it lives, both included
};

struct FunctionReport {
  std::string name; ///< forward, train_step, prepare, ...
  std::vector<KernelReport> kernels; ///< in the order of execution
  std::vector<ArenaBlock> blocks;
  int64_t arenaBytes = 0;  ///< without the workers' scratch
  int64_t workerBytes = 0; ///< scratch of each worker
  int64_t liveBytes = 0;   ///< the largest live set: no arena is smaller
};

/// A result of a kernel that is compared with the naive reference. In the outputs of
/// the function it has three numbers, in the order of this list: difference, largest
/// value, and what rounding alone may do.
struct KernelCheck {
  std::string function, kernel, source, family, element;
  bool hasReference = true; ///< without one it has no numbers

  /// Whether those numbers are what rounding explains.
  bool holds(double difference, double largest, double rounding) const;
};

/// What fitting a function's arena into a budget took.
struct MemoryFit {
  std::string function;
  int64_t arenaBefore = 0, arenaAfter = 0;           ///< bytes, for the largest sizes
  int64_t repeatedKernels = 0;                       ///< runs that were added
  int64_t operationsBefore = 0, operationsAfter = 0; ///< floating-point operations of a call
};

struct ModelReport {
  ModelInterface interface;
  int vectorBytes = 0; ///< of the processor compiled for
  std::vector<std::pair<std::string, int64_t>> sizes; ///< of the symbols, for every `value`
  std::vector<FunctionReport> functions;
  std::vector<KernelCheck> checks;
  std::vector<MemoryFit> memoryFits; ///< with CompileOptions::memoryBudget
  std::vector<std::string> warnings;
};

} // namespace nnc
