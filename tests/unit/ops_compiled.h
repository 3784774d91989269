// All cases compiled in one module for one configuration (element type,
// optimization, CPU), as the compiler does it, and run in this process.
#pragma once

#include "compiler/StateLayout.h"
#include "tests/unit/Jit.h"
#include "tests/unit/ops_case.h"
#include <optional>

namespace nnc::test {

struct Configuration {
  bool f64 = true;
  int optimization = 0;
  std::string cpu = "native";
};

/// Which functions of each case a configuration compiles.
struct Variants {
  bool fixed = false;      ///< batch of CaseBuilder::staticBatch
  bool dynamic = false;    ///< batch N; a case without a batch is compiled fixed
};

class CompiledCases {
public:
  /// Compiles; throws std::runtime_error with the diagnostics if that fails.
  CompiledCases(llvm::ArrayRef<Case> cases, Configuration configuration, Variants variants);

  /// One function of a case and everything needed to call it.
  struct Function {
    std::string name;
    std::vector<Array> makeInputs(int64_t batch) const;
    std::vector<nn::Dims> inputDims;
    std::vector<Data> data;
    std::vector<bool> floating;   ///< of each input
    unsigned floatOutputs = 0;    ///< outputs of float type
    std::vector<bool> floatOutput;
    bool usesBatch = false;
  };
  /// Null if the configuration has no such variant of the case.
  const Function *find(size_t caseIndex, bool dynamic) const;

  std::vector<Array> forward(const Function &f, int64_t batch, const std::vector<Array> &inputs);
  /// Gradients of sum(cotangent * output) by each float input, in order.
  std::vector<Array> gradient(const Function &f, int64_t batch, const std::vector<Array> &inputs,
                              const std::vector<Array> &cotangents);

private:
  std::vector<Array> run(const std::string &entry, int64_t batch, const std::vector<Array> &inputs);

  std::unique_ptr<mlir::MLIRContext> context;
  std::map<std::pair<size_t, bool>, Function> functions;
  std::map<std::string, Entry> entries;
  std::unique_ptr<JitModule> code;
};

/// The context every configuration and the coverage check use.
std::unique_ptr<mlir::MLIRContext> createContext();

} // namespace nnc::test
