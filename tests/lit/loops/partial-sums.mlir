// RUN: nnc-opt %s --nnc-form-kernels --nnc-plan=cpu=x86-64-v3 --nnc-emit-loops=cpu=x86-64-v3 --canonicalize --cse | FileCheck %s

// A long sum with a small result is made by several tasks; one of a second phase adds up what they made.
// CHECK-LABEL: @nnc_entry_forward
// CHECK: nnc_parallel_for({{.*}}%c3_i64
// CHECK: nnc_parallel_for({{.*}}%c1_i64
func.func @forward(%x: tensor<65536x4xf32> {nn.kind = "input", nn.name = "x"}, %dy: tensor<65536x24xf32> {nn.kind = "input", nn.name = "dy"})
    -> (tensor<4x24xf32> {nn.name = "dw"}) {
  %dw = nn.matmul %x, %dy {transpose_a = true} : (tensor<65536x4xf32>, tensor<65536x24xf32>) -> tensor<4x24xf32>
  return %dw : tensor<4x24xf32>
}
