#include "codegen/cpu/ScheduleFamily.h"
#include "codegen/cpu/Families.h"

namespace nnc::cpu {

const ScheduleFamily &scheduleFamily(nn::Family family) {
  switch (family) {
  case nn::Family::naive: return naiveFamily();
  case nn::Family::contract: return contractFamily();
  case nn::Family::map: return mapFamily();
  case nn::Family::window: return windowFamily();
  case nn::Family::row: return rowFamily();
  case nn::Family::sequence: return sequenceFamily();
  case nn::Family::scatter: return scatterFamily();
  case nn::Family::pack: return packFamily();
  }
  llvm_unreachable("every family is listed");
}

nn::KernelMemory memoryOf(mlir::Operation *kernel, const Target &target) {
  auto op = mlir::cast<nn::KernelOp>(kernel);
  return scheduleFamily(op.getFamily()).memory(op, target);
}

} // namespace nnc::cpu
