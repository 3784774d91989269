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

// Nor does it matter how much scratch the other kernels of an entry need: an entry tells its own.
// CHECK-LABEL: @nnc_entry_narrow
// CHECK: arith.constant [[BYTES:[1-9][0-9]{4,}]] : i64
// CHECK: constant @[[PRODUCT:nnc_kernel_[0-9]+]]
// CHECK-LABEL: @nnc_entry_wide
// CHECK-NOT: arith.constant [[BYTES]] : i64
// CHECK: constant @[[PRODUCT]]
func.func @narrow(%x: tensor<64x64xf32> {nn.kind = "input", nn.name = "x"}, %y: tensor<64x64xf32> {nn.kind = "input", nn.name = "y"})
    -> (tensor<64x64xf32> {nn.name = "a"}) {
  %a = nn.matmul %x, %y {transpose_a = true} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %a : tensor<64x64xf32>
}
func.func @wide(%x: tensor<64x64xf32> {nn.kind = "input", nn.name = "x"}, %y: tensor<64x64xf32> {nn.kind = "input", nn.name = "y"},
                %z: tensor<512x512xf32> {nn.kind = "input", nn.name = "z"})
    -> (tensor<64x64xf32> {nn.name = "a"}, tensor<512x512xf32> {nn.name = "b"}) {
  %a = nn.matmul %x, %y {transpose_a = true} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %b = nn.matmul %z, %z {transpose_a = true} : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
  return %a, %b : tensor<64x64xf32>, tensor<512x512xf32>
}
