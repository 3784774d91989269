// Depthwise convolutions, where every channel of the result reads one channel of
// the input, and their two gradients. Vectors lie along the innermost axis of the
// planes as they are in memory: no copies, no scratch. A block of rows stays in
// registers, so that each row of the data is loaded once for all it contributes to.
#pragma once

#include "codegen/cpu/Convolution.h"

namespace nnc::cpu {

struct DepthwiseSchedule {
  int64_t lanes = 0;      // elements in a vector register
  int64_t blockRows = 1;  // rows of a block (input gradient: times the stride)
  int64_t kernelRows = 1; // rows of the filter whose taps are written out
  int64_t channels = 1;   // of the result (input gradient: of dx) per task

  unsigned phases() const { return 1; }
};

/// Whether `problem` is what this engine computes: as many groups as input channels,
/// and a plain filter whose rows can be written out.
bool isDepthwise(const ConvolutionProblem &problem);

DepthwiseSchedule scheduleDepthwise(const ConvolutionProblem &problem, const Target &target);

/// The schedule in a line for people.
std::string describe(const DepthwiseSchedule &schedule);

/// None.
ContractFootprint footprint(const ConvolutionProblem &problem, const DepthwiseSchedule &schedule);

mlir::Value emitTaskCount(mlir::OpBuilder &builder, mlir::Location loc,
                          const ConvolutionProblem &problem, const DepthwiseSchedule &schedule,
                          unsigned phase = 0);

void emitDepthwiseTask(mlir::OpBuilder &builder, mlir::Location loc,
                       const ConvolutionProblem &problem, const DepthwiseSchedule &schedule,
                       mlir::Value task);

} // namespace nnc::cpu
