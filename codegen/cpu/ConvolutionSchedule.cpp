// How a convolution is computed: direct or by Winograd's filtering, its filter as it is or packed.
#include "codegen/cpu/ConvolutionModel.h"
#include "codegen/cpu/ConvolutionWinograd.h"

using namespace mlir;

namespace nnc::cpu {

ConvolutionSchedule scheduleConvolution(const ConvolutionProblem &problem, const Target &target) {
  double cost;
  if (problem.winograd) {
    ConvolutionSchedule schedule = scheduleWinograd(problem, target, problem.winograd, &cost);
    schedule.cycles = cost / ConvolutionModel(problem, target).batch;
    return schedule;
  }
  return problem.direction == ConvolutionDirection::WeightGradient ? scheduleFilterGradient(problem, target)
                                                                   : scheduleData(problem, target, cost);
}

FilterPacking chooseFilterPacking(ConvolutionProblem problem, const Target &target,
                                  bool admitWinograd, bool isKept) {
  FilterPacking chosen;
  double best;
  scheduleData(problem, target, best);
  double reading = filterReadCycles(filterElements(problem), problem, target);
  best = std::max(best, reading);
  if (isKept) {
    problem.packed = true;
    double cost;
    scheduleData(problem, target, cost);
    cost = std::max(cost, reading);
    // Twice the memory should be worth something.
    if (cost < 0.97 * best) {
      best = cost;
      chosen.packed = true;
    }
    problem.packed = false;
  }
  if (!admitWinograd || !admitsWinograd(problem))
    return chosen;
  for (int64_t outputs : {2, 4}) {
    double cost;
    scheduleWinograd(problem, target, outputs, &cost);
    if (!isKept)
      cost += winogradFilterCycles(problem, target, outputs);
    if (cost < best) {
      best = cost;
      chosen = {true, outputs};
    }
  }
  return chosen;
}

std::string describe(const ConvolutionSchedule &s) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (s.winograd)
    os << "Winograd F(" << s.winograd << "x" << s.winograd << ", 3x3), in tiles: ";
  os << "lanes of " << s.lanes << " along " << (s.along == ConvolutionSchedule::Lanes::Pixels ? "pixels" : "channels")
     << ", register tile " << s.tileRows << "x" << s.tileVectors << ", task " << s.blockChannels << " channels x "
     << s.tile[0] << "x" << s.tile[1] << "x" << s.tile[2] << " pixels x " << s.images << " images, channels summed by "
     << s.blockReduction;
  if (s.sharesInputs)
    os << ", inputs transformed once for all tasks";
  if (s.splits > 1)
    os << ", " << s.splits << " partial sums";
  os << "; estimate " << int64_t(s.cycles) << " cycles an image";
  return text;
}

} // namespace nnc::cpu
