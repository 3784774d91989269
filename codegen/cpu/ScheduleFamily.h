// A schedule family: how one class of fused kernels becomes loops. Each family is
// one file; the table in ScheduleFamily.cpp is the only place that lists them.
#pragma once

#include "codegen/cpu/KernelContext.h"
#include "dialects/nn/Kernel/KernelMemory.h"
#include <string>

namespace nnc::cpu {

class ScheduleFamily {
public:
  virtual ~ScheduleFamily() = default;
  /// How the kernel is computed, in a line for people.
  virtual std::string scheduleText(nn::KernelOp, const Target &) const = 0;
  /// Why the family computes this kernel element by element, as the naive one does;
  /// empty: it does not.
  virtual std::string fallback(nn::KernelOp, const Target &) const { return {}; }
  /// Multiply-adds of the sum as it is written for each that is computed: above 1 for
  /// Winograd's filtering, its transforms aside.
  virtual double savings(nn::KernelOp, const Target &) const { return 1; }
  /// Scratch the kernel needs; asked before memory is planned.
  virtual nn::KernelMemory memory(nn::KernelOp, const Target &) const { return {}; }
  /// Phases run one after the other; the tasks of a phase in any order.
  virtual unsigned phases(nn::KernelOp, const Target &) const { return 1; }
  /// Number of tasks of a phase (index), of about 20 to 100 us each: a function of
  /// the shapes alone, never of the number of threads. Emitted in the entry function.
  virtual mlir::Value emitTaskCount(KernelContext &context, unsigned phase) const = 0;
  /// The code of one task.
  virtual void emitTask(KernelContext &context, mlir::Value task, unsigned phase) const = 0;
};

const ScheduleFamily &scheduleFamily(nn::Family family);

/// What the family of `kernel`, an nn.kernel, needs: what memory is planned by.
nn::KernelMemory memoryOf(mlir::Operation *kernel, const Target &target);

} // namespace nnc::cpu
