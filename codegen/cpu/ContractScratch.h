// What a task of the product engine keeps in memory, and which order of its work that
// follows from. Inside the engine only.
#pragma once

#include "codegen/cpu/Contract.h"

namespace nnc::cpu {

/// All of k in one panel: C's tiles go straight from registers to `store`.
bool isSinglePanel(const ContractProblem &problem, const ContractSchedule &schedule);

/// All of a block's rows of A are packed before its first register tile.
bool packsAllSlivers(const ContractProblem &problem, const ContractSchedule &schedule);

/// Worker scratch in elements: panels of B, slivers of A, the block of C.
struct ContractScratch {
  int64_t panels = 0, sliver = 0, sliverApart = 0, block = 0, pitch = 0, dotPitch = 0, elementBytes = 0;

  ContractScratch(const ContractProblem &problem, const ContractSchedule &schedule);
  int64_t bytes() const { return (panels + sliver + block) * elementBytes; }
};

/// Columns of C in the partial sums' buffer, rounded to whole vectors.
int64_t partialPitch(const ContractProblem &problem, const ContractSchedule &schedule);
int64_t partialElements(const ContractProblem &problem, const ContractSchedule &schedule);

/// Rows of C that a task of the second phase adds up.
int64_t combinedRows(const ContractProblem &problem, const ContractSchedule &schedule);

} // namespace nnc::cpu
