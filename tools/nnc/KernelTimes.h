// The times of a function's kernels over several calls, beside the limits of the machine.
#pragma once

#include "tools/nnc/Roofline.h"
#include "tools/nnc/Tensor.h"
#include "llvm/Support/JSON.h"

namespace nnc::cli {

class KernelTimes {
public:
  KernelTimes(const FunctionReport &function, int64_t stateBytes)
      : function(function), stateBytes(stateBytes), runs(function.kernels.size()) {}

  /// The output `kernel_times` of a call.
  void add(const Tensor &clock);

  /// Sorted by time, with sums.
  void print(const Roofline &roofline) const;
  void write(llvm::json::OStream &stream, const Roofline &roofline) const;

private:
  struct Row {
    const KernelReport *kernel;
    double seconds; ///< the median, without the clock's own time
    Roofline::Bound bound;
    double share() const { return bound.seconds / seconds; }
  };
  std::vector<Row> rows(const Roofline &roofline) const;

  const FunctionReport &function;
  int64_t stateBytes; ///< of the whole model
  std::vector<std::vector<double>> runs; ///< seconds of each kernel
};

} // namespace nnc::cli
