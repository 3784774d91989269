// The index arithmetic that convolution and pooling share: which input element a
// window's tap reads, and which windows contain an input element.
#pragma once

#include "dialects/nn/ElementEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace nnc::nn {

/// Appends the input positions o * stride - padding + tap * dilation of each spatial axis
/// and returns whether all lie inside `x` [N, C, spatial...] (i1). `op` has the attributes.
template <typename WindowOp>
mlir::Value inputPositions(ElementEmitter &e, WindowOp op, mlir::Value x, mlir::ValueRange out,
                           mlir::ValueRange taps, llvm::SmallVectorImpl<mlir::Value> &positions) {
  mlir::Value inside;
  for (auto [d, o, t] : llvm::enumerate(out, taps)) {
    mlir::Value p = e.add(e.mulAdd(o, op.getStride()[d], -op.getPadding()[d]), e.mulAdd(t, op.getDilation()[d], 0));
    mlir::Value ok = e.inRange(p, 0, e.size(x, d + 2));
    inside = inside ? e.logicalAnd(inside, ok) : ok;
    positions.push_back(p);
  }
  return inside;
}

/// Appends the window positions whose `taps` read the input position `in`, and returns
/// whether there is such a window in `y` [N, C, spatial...] (i1). The division is exact
/// where there is one, so its rounding of negative numbers does not matter.
template <typename WindowOp>
mlir::Value windowPositions(ElementEmitter &e, WindowOp op, mlir::Value y, mlir::ValueRange in,
                            mlir::ValueRange taps, llvm::SmallVectorImpl<mlir::Value> &positions) {
  mlir::Value hit;
  for (auto [d, i, t] : llvm::enumerate(in, taps)) {
    mlir::Value stride = e.index(op.getStride()[d]);
    mlir::Value shifted = e.sub(e.mulAdd(i, 1, op.getPadding()[d]), e.mulAdd(t, op.getDilation()[d], 0));
    mlir::Value o = mlir::arith::DivSIOp::create(e.b, e.loc, shifted, stride);
    mlir::Value exact =
        mlir::arith::CmpIOp::create(e.b, e.loc, mlir::arith::CmpIPredicate::eq, e.mul(o, stride), shifted);
    mlir::Value ok = e.logicalAnd(exact, e.inRange(o, 0, e.size(y, d + 2)));
    hit = hit ? e.logicalAnd(hit, ok) : ok;
    positions.push_back(o);
  }
  return hit;
}

} // namespace nnc::nn
