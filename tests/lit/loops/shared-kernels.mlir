// RUN: nnc-opt %s --nnc-form-kernels --nnc-plan --nnc-emit-loops | FileCheck %s

// Kernels that compute the same are one function, also of several entries; of other sizes they are others.
// CHECK-LABEL: @nnc_entry_forward
// CHECK: constant @nnc_kernel_0
// CHECK: constant @nnc_kernel_1
// CHECK: constant @nnc_kernel_0
// CHECK-LABEL: @nnc_entry_second
// CHECK: constant @nnc_kernel_1
// CHECK-NOT: constant @nnc_kernel_2
// CHECK: return
func.func @forward(%x: tensor<16xf32> {nn.kind = "input", nn.name = "x"}, %y: tensor<8xf32> {nn.kind = "input", nn.name = "y"}, %z: tensor<16xf32> {nn.kind = "input", nn.name = "z"})
    -> (tensor<16xf32> {nn.name = "a"}, tensor<8xf32> {nn.name = "b"}, tensor<16xf32> {nn.name = "c"}) {
  %a = nn.map ["relu(x0)"] (%x) : (tensor<16xf32>) -> tensor<16xf32>
  %b = nn.map ["relu(x0)"] (%y) : (tensor<8xf32>) -> tensor<8xf32>
  %c = nn.map ["relu(x0)"] (%z) : (tensor<16xf32>) -> tensor<16xf32>
  return %a, %b, %c : tensor<16xf32>, tensor<8xf32>, tensor<16xf32>
}
func.func @second(%y: tensor<8xf32> {nn.kind = "input", nn.name = "y"}) -> (tensor<8xf32> {nn.name = "b"}) {
  %b = nn.map ["relu(x0)"] (%y) : (tensor<8xf32>) -> tensor<8xf32>
  return %b : tensor<8xf32>
}
