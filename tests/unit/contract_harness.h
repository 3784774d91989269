// Compiles one product or convolution to a function that runs all its tasks,
// for tests and benchmarks: operands are plain arrays.
#pragma once

#include "codegen/cpu/Contract.h"
#include "codegen/cpu/Convolution.h"
#include "codegen/cpu/Target.h"
#include "tests/unit/Jit.h"

#include "mlir/IR/MLIRContext.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace nnc::test {

/// An emitted product or convolution: call with its three arrays and the
/// dynamic sizes.
class CompiledProduct {
public:
  void run(const void *first, const void *second, void *result, llvm::ArrayRef<int64_t> sizes);
  /// Ends the program if a kernel wrote behind its scratch.
  void checkScratch();
  cpu::ContractFootprint footprint;
  int64_t workers = 1;    // that take turns
  int64_t panelWidth = 0; // columns of a panel of a packed B: the lanes of a vector

private:
  friend class ProductCompiler;
  std::unique_ptr<JitModule> module;
  void *entry = nullptr;
  std::vector<char> worker, shared;
  // What lies behind the scratch that was asked for, and must stay as it is.
  static constexpr int64_t guardBytes = 4096;
  void reserveScratch();
};

/// How the arrays of a product lie in memory, and which sizes are static.
struct ProductCase {
  int64_t batch = 1, m = 1, n = 1, k = 1;
  cpu::ProductOperand::Contiguous a = cpu::ProductOperand::Contiguous::Reduction;
  cpu::ProductOperand::Contiguous b = cpu::ProductOperand::Contiguous::Outer;
  bool isStatic = true;
  bool isDouble = false;
  /// B is packed ahead of time, in panels of a vector.
  bool packedB = false;
  int64_t panelWidth = 0;
  /// Batch and rows are known at run time alone, whatever the others are.
  bool dynamicRows = false;
  /// C lies [batch, n, m].
  bool storesTransposed = false;

  // Where elements lie; operands that are contiguous along nothing have a gap after each element.
  int64_t positionA(int64_t item, int64_t row, int64_t step) const;
  int64_t positionB(int64_t item, int64_t step, int64_t column) const;
};

struct ConvolutionCase {
  cpu::ConvolutionDirection direction = cpu::ConvolutionDirection::Forward;
  int64_t batch = 1, groups = 1, inChannels = 1, outChannels = 1;
  std::vector<int64_t> input, kernel, stride, padding, dilation;
  bool isStatic = true;
  bool isDouble = false;
  bool packed = false;  ///< the filter is packed, for a direct sum or...
  int64_t winograd = 0; ///< ...for Winograd tiles of so many results along an axis
  /// The batch is known at run time alone, whatever the other sizes are.
  bool dynamicBatch = false;

  std::vector<int64_t> output() const;
};

/// Changes a schedule before emission, so that tests reach every path.
template <typename Schedule> using Adjust = std::function<void(Schedule &)>;

/// How the tasks of a phase follow each other: each after the one before it, or, as threads might
/// run them, last first and two workers in turns.
enum class TaskOrder { OneThread, AsThreadsMight };

class ProductCompiler {
public:
  ProductCompiler(cpu::Target target, TaskOrder order);
  std::unique_ptr<CompiledProduct> compile(const ProductCase &product,
                                           Adjust<cpu::ContractSchedule> adjust = nullptr);
  /// `adjust` does not concern depthwise convolutions, which have a schedule of their own.
  std::unique_ptr<CompiledProduct> compile(const ConvolutionCase &convolution,
                                           Adjust<cpu::ConvolutionSchedule> adjust = nullptr);
  /// Nothing but `steps` x 24 multiply-adds of f32 vectors in registers: the peak.
  std::unique_ptr<CompiledProduct> compileMultiplyAdds(int64_t steps);

private:
  struct Entry;
  template <typename EmitCount, typename EmitTask>
  void finish(Entry &entry, unsigned phases, CompiledProduct &result, EmitCount count, EmitTask task);

  cpu::Target target;
  TaskOrder order;
  std::unique_ptr<mlir::MLIRContext> context;
};

} // namespace nnc::test
