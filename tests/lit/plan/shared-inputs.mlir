// RUN: nnc-opt %s --nnc-pack-filters=cpu=x86-64-v3 --nnc-form-kernels --nnc-plan=cpu=x86-64-v3 | FileCheck %s

// Winograd's inputs of a small image are transformed once for all result channels; a larger one
// has tasks enough, each with tiles of its own.
// CHECK-LABEL: func.func @winograd
// CHECK: nn.kernel "conv"{{ +}}contract(%{{[^)]*}}) attributes {scratch}
// CHECK: nn.kernel "conv"{{ +}}contract(%{{[^)]*}}) :
func.func @winograd(%x: tensor<1x128x28x28xf32> {nn.kind = "input", nn.name = "x2"}, %large: tensor<1x64x56x56xf32> {nn.kind = "input", nn.name = "x3"}, %w: tensor<128x128x3x3xf32> {nn.kind = "parameter", nn.name = "w2"}, %v: tensor<64x64x3x3xf32> {nn.kind = "parameter", nn.name = "w3"}) -> (tensor<1x128x28x28xf32> {nn.name = "y2"}, tensor<1x64x56x56xf32> {nn.name = "y3"}) {
  %y = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x128x28x28xf32>, tensor<128x128x3x3xf32>) -> tensor<1x128x28x28xf32>
  %z = nn.conv %large, %v {stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x64x56x56xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x56x56xf32>
  return %y, %z : tensor<1x128x28x28xf32>, tensor<1x64x56x56xf32>
}
