// The schedule families, one file each.
#pragma once

namespace nnc::cpu {

class ScheduleFamily;

const ScheduleFamily &naiveFamily();    ///< Naive.cpp: one element after the other, the reference
const ScheduleFamily &mapFamily();      ///< Map.cpp: pointwise chains over flat vectors
const ScheduleFamily &rowFamily();      ///< Row.cpp: reductions with pointwise before and after
const ScheduleFamily &contractFamily(); ///< Products.cpp: matmul, conv and their gradients
const ScheduleFamily &windowFamily();   ///< Window.cpp: pooling and its gradients
const ScheduleFamily &sequenceFamily(); ///< Sequence.cpp: all steps of a recurrent layer, and their gradient
const ScheduleFamily &scatterFamily();  ///< Scatter.cpp: sums of rows at positions held by a tensor
const ScheduleFamily &packFamily();     ///< Pack.cpp: filters as products read them

} // namespace nnc::cpu
