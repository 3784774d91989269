// Copies parts of a product's operands into worker scratch in the order that
// register tiles read them: rows of A at a fixed distance or k-major slivers,
// panels of B. What is not contiguous in that order is transposed on the way.
#pragma once

#include "codegen/cpu/Contract.h"
#include "codegen/cpu/MicroKernel.h"

namespace nnc::cpu {

/// Where element (row i, step k) of a packed sliver of A lies: at
/// i * rowStride + k * stepStride. Both are constants, so that a row is a
/// displacement in the instruction that reads it.
struct SliverLayout {
  int64_t rowStride, stepStride;
};
SliverLayout sliverLayout(const ProductOperand &a, int64_t rows, int64_t reduction,
                          int64_t lanes);
/// Elements that a sliver of `rows` takes, with the slack that vector stores overrun.
int64_t sliverElements(const ProductOperand &a, int64_t rows, int64_t reduction, int64_t lanes);

/// Packs rows [m, m + rows) and steps [k, k + steps) of A, for an A that is
/// not contiguous along m, to `start` of `sliver`.
void emitPackSliver(LoopEmitter &emit, const ProductOperand &a, mlir::VectorType type,
                    SliverLayout layout, mlir::Value rows, mlir::Value batch, mlir::Value m,
                    mlir::Value k, mlir::Value steps, mlir::Value sliver, mlir::Value start);

/// Packs `rows` rows of an A that is contiguous along m as slivers of
/// `tileRows`, `apart` elements from one to the next: all at once, because a
/// cache line holds parts of several slivers.
void emitPackAllSlivers(LoopEmitter &emit, const ProductOperand &a, mlir::VectorType type,
                        int64_t tileRows, int64_t apart, mlir::Value batch, mlir::Value m,
                        mlir::Value rows, mlir::Value k, mlir::Value steps,
                        mlir::Value slivers);

/// Packs columns [n, n + columns) and steps [k, k + steps) of B as panels
/// [columns / width][steps rounded to `panelSteps`][width]; missing columns of
/// the last panel become zero.
void emitPackPanels(LoopEmitter &emit, const ProductOperand &b, mlir::VectorType type,
                    int64_t width, int64_t panelSteps, mlir::Value batch, mlir::Value n,
                    mlir::Value columns, mlir::Value k, mlir::Value steps, mlir::Value panels);

} // namespace nnc::cpu
