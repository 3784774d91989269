// RUN: nnc-opt %s --nnc-pack-filters --nnc-form-kernels --nnc-plan | FileCheck %s

// One filter a channel is read where it lies and needs no scratch; groups of several channels do.
// CHECK-LABEL: func.func @depthwise
// CHECK-SAME: nn.worker_bytes = 0
// CHECK-NOT: pack_filter
// CHECK: return
func.func @depthwise(%x: tensor<1x32x14x14xf32> {nn.kind = "input", nn.name = "x"}, %w: tensor<32x1x3x3xf32> {nn.kind = "parameter", nn.name = "w"})
    -> (tensor<1x32x14x14xf32> {nn.name = "y"}) {
  %y = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 32 : i64} : (tensor<1x32x14x14xf32>, tensor<32x1x3x3xf32>) -> tensor<1x32x14x14xf32>
  return %y : tensor<1x32x14x14xf32>
}

// CHECK-LABEL: func.func @groups
// CHECK-SAME: nn.worker_bytes = {{[1-9]}}
func.func @groups(%x: tensor<1x32x14x14xf32> {nn.kind = "input", nn.name = "x"}, %w: tensor<32x8x3x3xf32> {nn.kind = "parameter", nn.name = "w"})
    -> (tensor<1x32x14x14xf32> {nn.name = "y"}) {
  %y = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 4 : i64} : (tensor<1x32x14x14xf32>, tensor<32x8x3x3xf32>) -> tensor<1x32x14x14xf32>
  return %y : tensor<1x32x14x14xf32>
}
