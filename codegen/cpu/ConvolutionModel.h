// What the cost models of convolutions share: tiles of pixels, blocks of channels, register
// tiles. Costs are in cycles of one core, which starts about one multiply-add of a vector a
// cycle. Inside the convolution engine only.
#pragma once

#include "codegen/cpu/ConvolutionTask.h"
#include "codegen/cpu/Target.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

namespace nnc::cpu {

struct ConvolutionModel {
  /// What a dynamic size is taken for.
  static constexpr int64_t usualBatch = 16, usualWidth = 32;
  /// Cycles of a task: some 40 us, and at most twice that where blocks are cut.
  static constexpr int64_t taskCycles = 160'000;

  const ConvolutionProblem &problem;
  const Target &target;
  GroupChannels channels;
  int64_t lanes, registers, elementBytes, batch;
  int64_t places[3]; // result places per axis (of one phase)
  bool known[3];

  ConvolutionModel(const ConvolutionProblem &problem, const Target &target)
      : problem(problem), target(target), channels(problem) {
    lanes = target.lanes(problem.elementType);
    registers = target.registers;
    elementBytes = problem.elementType.getIntOrFloatBitWidth() / 8;
    batch = std::max<int64_t>(problem.geometry.batch.orElse(usualBatch), 1);
    ConvolutionSchedule one;
    one.lanes = lanes;
    Plane plane(problem, one);
    for (int i = 0; i < 3; ++i) {
      const PlaneAxis &a = plane.axis[i];
      known[i] = a.result.isStatic();
      places[i] = a.result.orElse(i == 2 ? usualWidth : usualWidth / 2);
      if (a.inputGradient && known[i])
        places[i] = (places[i] - 1 + a.padding) / a.stride - a.padding / a.stride + 1;
      places[i] = std::max<int64_t>(places[i], 1);
    }
  }

  /// Elements that padded planes may take in the second-level cache.
  int64_t slabLimit() const { return target.l2 * 2 / 5 / elementBytes; }

  /// Cycles of a step of an outer-product tile, at the least what a multiply-add takes.
  static double stepCost(int64_t rows, int64_t vectors) {
    return rows && vectors ? std::max<double>({double(rows * vectors), double(rows + vectors), 8}) : 0;
  }
};

/// Forward and input gradient; sets `cost` to the cycles of the usual batch.
ConvolutionSchedule scheduleData(const ConvolutionProblem &problem, const Target &target, double &cost);
ConvolutionSchedule scheduleFilterGradient(const ConvolutionProblem &problem, const Target &target);

} // namespace nnc::cpu
