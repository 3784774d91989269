// RUN: nnc-opt %s --nnc-form-kernels --nnc-plan=cpu=x86-64-v3 --nnc-emit-loops=cpu=x86-64-v3 --canonicalize --cse | FileCheck %s

// Forty rows are three tasks, each of which goes through all steps, the last first.
// CHECK-LABEL: @nnc_entry_forward
// CHECK: nnc_parallel_for({{.*}}%c3_i64
// CHECK-LABEL: func.func private @nnc_kernel_0
// CHECK: scf.for %[[BACK:.+]] = %c0 to %c7 step %c1
// CHECK: arith.subi %c6, %[[BACK]]
// CHECK: math.fma
// CHECK: return
func.func @forward(%dy: tensor<7x40x32xf32> {nn.kind = "input", nn.name = "dy"}, %y: tensor<7x40x32xf32> {nn.kind = "input", nn.name = "y"},
                   %w: tensor<32x32xf32> {nn.kind = "input", nn.name = "w"}, %h: tensor<40x32xf32> {nn.kind = "input", nn.name = "h"})
    -> (tensor<7x40x32xf32> {nn.name = "dgates"}) {
  %dgates, %dh = nn.recurrence_grad rnn_tanh %dy, %y, %w, %h {operandSegmentSizes = array<i32: 1, 0, 1, 0, 1, 1, 0>} : (tensor<7x40x32xf32>, tensor<7x40x32xf32>, tensor<32x32xf32>, tensor<40x32xf32>) -> (tensor<7x40x32xf32>, tensor<40x32xf32>)
  return %dgates : tensor<7x40x32xf32>
}
