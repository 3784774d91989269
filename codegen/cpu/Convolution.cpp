#include "codegen/cpu/Convolution.h"
#include "codegen/cpu/ConvolutionTask.h"
#include "codegen/cpu/ConvolutionWinograd.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace nnc::cpu {

GroupChannels::GroupChannels(const ConvolutionProblem &problem) {
  const ConvolutionGeometry &geometry = problem.geometry;
  result = geometry.outChannels / geometry.groups;
  reduced = geometry.inChannels / geometry.groups;
  if (problem.direction == ConvolutionDirection::InputGradient)
    std::swap(result, reduced);
}

int64_t filterElements(const ConvolutionProblem &problem) {
  int64_t elements =
      problem.geometry.outChannels * problem.geometry.inChannels / problem.geometry.groups;
  for (int64_t size : problem.geometry.kernel)
    elements *= size;
  return elements;
}

static bool isFilterGradient(const ConvolutionProblem &problem) {
  return problem.direction == ConvolutionDirection::WeightGradient;
}

static bool alongChannels(const ConvolutionSchedule &schedule) {
  return schedule.along == ConvolutionSchedule::Lanes::Channels;
}

ContractFootprint footprint(const ConvolutionProblem &problem,
                            const ConvolutionSchedule &schedule) {
  int64_t bytes = problem.elementType.getIntOrFloatBitWidth() / 8;
  ContractFootprint result;
  if (schedule.winograd) {
    WinogradScratch sizes(problem, schedule);
    result.perWorkerBytes = sizes.perWorker() * bytes;
    result.sharedBytes = llvm::alignTo(sizes.shared * bytes, 64);
    return result;
  }
  Plane plane(problem, schedule);
  if (isFilterGradient(problem)) {
    result.perWorkerBytes =
        (alongChannels(schedule)
             ? FilterLanesScratch(problem, schedule, plane).elements()
             : FilterScratch(problem, schedule, plane).elements()) *
        bytes;
    if (schedule.splits > 1)
      result.sharedBytes =
          llvm::alignTo(schedule.splits * filterElements(problem) + schedule.lanes, 64) * bytes;
  } else {
    result.perWorkerBytes = (alongChannels(schedule)
                                 ? DataLanesScratch(problem, schedule, plane).elements()
                                 : DataScratch(problem, schedule, plane).elements()) *
                            bytes;
  }
  return result;
}

Value emitTaskCount(OpBuilder &builder, Location loc, const ConvolutionProblem &problem,
                    const ConvolutionSchedule &schedule, unsigned phase) {
  LoopEmitter emit(builder, loc);
  if (phase == 1 && isFilterGradient(problem))
    return emit.index(llvm::divideCeil(filterElements(problem), combinedElements));
  Value count = emit.index(1);
  for (Value size : schedule.winograd            ? winogradTaskGrid(emit, problem, schedule, phase)
                    : isFilterGradient(problem) ? filterTaskGrid(emit, problem, schedule)
                                                : dataTaskGrid(emit, problem, schedule))
    count = emit.mul(count, size);
  return count;
}

void emitConvolutionTask(OpBuilder &builder, Location loc, const ConvolutionProblem &problem,
                         const ConvolutionSchedule &schedule, Value task, Value workerScratch,
                         Value sharedScratch, unsigned phase) {
  LoopEmitter emit(builder, loc);
  if (schedule.winograd)
    emitWinogradTask(emit, problem, schedule, task, workerScratch, sharedScratch, phase);
  else if (phase == 1 && isFilterGradient(problem))
    emitFilterCombineTask(emit, problem, schedule, task, sharedScratch);
  else if (isFilterGradient(problem) && alongChannels(schedule))
    emitFilterLanesTask(emit, problem, schedule, task, workerScratch, sharedScratch);
  else if (isFilterGradient(problem))
    emitFilterTask(emit, problem, schedule, task, workerScratch, sharedScratch);
  else if (alongChannels(schedule))
    emitDataLanesTask(emit, problem, schedule, task, workerScratch);
  else
    emitDataTask(emit, problem, schedule, task, workerScratch);
}

} // namespace nnc::cpu
