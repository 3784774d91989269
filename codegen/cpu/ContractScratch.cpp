#include "codegen/cpu/ContractScratch.h"
#include "codegen/cpu/Packing.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;

namespace nnc::cpu {

bool isSinglePanel(const ContractProblem &problem, const ContractSchedule &schedule) {
  return problem.k.isStatic() && schedule.splits == 1 && problem.k.fixed <= schedule.blockReduction;
}

bool packsAllSlivers(const ContractProblem &problem, const ContractSchedule &schedule) {
  return schedule.columnsOutermost || problem.a.contiguous == ProductOperand::Contiguous::Outer;
}

ContractScratch::ContractScratch(const ContractProblem &problem, const ContractSchedule &schedule) {
  int64_t line = 64 / (problem.elementType.getIntOrFloatBitWidth() / 8);
  elementBytes = 64 / line;
  int64_t columns = llvm::alignTo(schedule.blockColumns, schedule.tileColumns());
  if (schedule.kind == ContractSchedule::Kind::Outer) {
    if (schedule.packB)
      panels = llvm::alignTo(columns * schedule.blockReduction, line);
    sliver = llvm::alignTo(
        sliverElements(problem.a, schedule.tileRows, schedule.blockReduction, schedule.lanes),
        line);
    sliverApart = sliver;
    if (packsAllSlivers(problem, schedule))
      sliver *= llvm::divideCeil(llvm::alignTo(schedule.blockRows, schedule.lanes), schedule.tileRows);
  }
  bool singlePanel = schedule.kind == ContractSchedule::Kind::Outer && isSinglePanel(problem, schedule);
  bool keepsAllColumns = !singlePanel || (schedule.columnsOutermost && !problem.storesTransposed);
  int64_t keptColumns = keepsAllColumns ? columns : schedule.tileColumns();
  int64_t keptRows = singlePanel && !schedule.columnsOutermost ? schedule.tileRows : schedule.blockRows;
  pitch = llvm::alignTo(keptColumns, line) + line;
  keptRows = llvm::alignTo(keptRows, schedule.tileRows);
  if (problem.storesTransposed)
    keptRows = llvm::alignTo(keptRows, schedule.lanes);
  dotPitch = llvm::alignTo(columns, line) + line;
  block = llvm::alignTo(std::max(keptRows * pitch, schedule.dotRows * dotPitch), line);
}

int64_t partialPitch(const ContractProblem &problem, const ContractSchedule &schedule) {
  return llvm::alignTo(problem.n.fixed, schedule.lanes);
}

int64_t partialElements(const ContractProblem &problem, const ContractSchedule &schedule) {
  return schedule.splits * problem.batch.fixed * problem.m.fixed *
         partialPitch(problem, schedule);
}

int64_t combinedRows(const ContractProblem &problem, const ContractSchedule &schedule) {
  int64_t row = schedule.splits * partialPitch(problem, schedule);
  return std::clamp<int64_t>((1 << 16) / row, 1, problem.m.fixed * problem.batch.fixed);
}

ContractFootprint footprint(const ContractProblem &problem, const ContractSchedule &schedule) {
  ContractScratch layout(problem, schedule);
  ContractFootprint result;
  result.perWorkerBytes = layout.bytes();
  if (schedule.splits > 1)
    result.sharedBytes =
        llvm::alignTo(partialElements(problem, schedule) * layout.elementBytes, 64);
  return result;
}

} // namespace nnc::cpu
