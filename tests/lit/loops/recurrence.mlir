// RUN: nnc-opt %s --nnc-form-kernels --nnc-plan=cpu=x86-64-v3 --nnc-emit-loops=cpu=x86-64-v3 --canonicalize --cse | FileCheck %s

// Products and gates of a panel of units in one loop over steps, and no exp or tanh of libm; every
// other step takes the panels from the last to the first, as those are still in the cache.
// CHECK-LABEL: func.func private @nnc_kernel_0
// CHECK: scf.for %[[STEP:.+]] = %c0 to %c7 step %c1
// CHECK: %[[ODD:.+]] = arith.remui %[[STEP]], %c2
// CHECK: scf.for %[[PANEL:.+]] = %c0 to %c32 step %c16
// CHECK: %[[MIRRORED:.+]] = arith.subi %c16, %[[PANEL]]
// CHECK: arith.select %{{.+}}, %[[MIRRORED]], %[[PANEL]]
// Tiles of rows pass while a gate's weights are in the first-level cache.
// CHECK: scf.for %[[FIRST:.+]] = %c0 to %c8 step %c2
// CHECK: scf.for %{{.+}} = %c0 to %c12 step %c6
// CHECK: math.fma
// Gates of all units of a panel at once; without a gradient, one division for o tanh(c).
// CHECK: arith.divf %{{.+}} : vector<16xf32>
// CHECK-NOT: math.{{exp|tanh}}
// CHECK: return
func.func @forward(%gates: tensor<7x16x128xf32> {nn.kind = "input", nn.name = "gates"}, %w: tensor<128x32xf32> {nn.kind = "input", nn.name = "w"},
    %h: tensor<16x32xf32> {nn.kind = "input", nn.name = "h"}, %packed: tensor<2x4x32x16xf32> {nn.kind = "input", nn.name = "packed"}) -> (tensor<7x16x32xf32> {nn.name = "y"}) {
  %y, %states:2 = nn.recurrence lstm %gates, %w, %h, %h, %packed {operandSegmentSizes = array<i32: 1, 1, 0, 1, 1, 1>} : (tensor<7x16x128xf32>, tensor<128x32xf32>, tensor<16x32xf32>, tensor<16x32xf32>, tensor<2x4x32x16xf32>) -> (tensor<7x16x32xf32>, tensor<7x16x32xf32>, tensor<7x16x128xf32>)
  return %y : tensor<7x16x32xf32>
}
