// What the compiler knows about a model's outside: its entries, inputs, outputs,
// state and symbols. The library writer turns it into the descriptor the runtime
// reads, the C header and the signature JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nnc {

enum class ElementType : uint8_t { F32, F64, I64, I32, U8, I1 };

/// One dimension of a tensor at the boundary.
struct BoundaryDim {
  enum Kind : uint8_t { Static, Symbol, Computed } kind = Static;
  int64_t value = 0; ///< Static: the size; Symbol: index into ModelInterface::symbols.
};

/// Allowed values of an integer input (class targets, indices): lo <= v < hi, or
/// v == exception (ignore_index).
struct IndexRange {
  int64_t low = 0, high = 0;
  bool hasException = false;
  int64_t exception = 0;
};

struct BoundaryTensor {
  std::string name;
  ElementType type = ElementType::F32;
  std::vector<BoundaryDim> dims;
  bool hasRange = false;
  IndexRange range;
};

/// A named symbol such as the batch size and the range it may take.
struct SymbolInfo {
  std::string name;
  int64_t minimum = 1, maximum = 1;
};

/// A piece of the instance's state block.
struct StateVariable {
  enum Kind : uint8_t {
    Parameter,     ///< by state_dict name; get, set, save, load
    Buffer,        ///< likewise (running_mean, ...)
    OptimizerState,///< saved under "optimizer/..."
    Gradient,      ///< of forward_backward; not saved
    LearningRate,  ///< f32 or f64 scalar, NAME_set_lr
    Seed,          ///< i64 scalar, options.seed
    Step,          ///< i64 scalar, advanced by compiled code; saved
    Prepared       ///< computed by `prepare` from parameters; not saved
  } kind = Parameter;
  std::string name;
  std::vector<std::string> aliases; ///< further names of a tied parameter
  ElementType type = ElementType::F32;
  std::vector<int64_t> dims;
  uint64_t offset = 0;      ///< bytes from the start of the state block, 64-byte aligned; below
                            ///< ModelInterface::fixedBytes equal to initialOffset
  bool requiresGrad = false;
  int64_t initialOffset = -1; ///< into the initial data blob; -1: zero
};

/// A compiled function of the model.
struct Entry {
  std::string name;       ///< forward, train_step, forward_backward, optimizer_step, grad, prepare
  std::string symbol;     ///< LLVM symbol of `int32_t f(nnc_call *)`
  std::string arenaSymbol;///< `int64_t f(const int64_t *symbols, int64_t workers)`
  std::string shapeSymbol;///< `void f(const int64_t *symbols, int64_t *dims)`: all output dims, then all input dims
  std::vector<BoundaryTensor> inputs, outputs;
};

struct ModelInterface {
  std::string name; ///< C prefix
  std::vector<SymbolInfo> symbols;
  std::vector<StateVariable> state;
  uint64_t fixedBytes = 0; ///< at the start of state and initial data: variables that no entry changes
  uint64_t stateBytes = 0; ///< the fixed ones included, as an instance may set its own
  bool frozen = false; ///< no state: everything is fixed, and cannot be set
  std::vector<Entry> entries;
  std::string target;                     ///< triple of the platform compiled for; empty: this machine's
  std::string cpu;                        ///< LLVM CPU name compiled for
  std::vector<std::string> cpuFeatures;   ///< features create() must find: avx2, fma, avx512f, ...
};

} // namespace nnc
