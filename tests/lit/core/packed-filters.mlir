// RUN: nnc-opt %s --nnc-pack-filters=cpu=x86-64-v4 | FileCheck %s

// Of a small image the filter is packed, vectors along the channels, where that is
// done once: in `forward`, from which it is outlined.
// CHECK-LABEL: func.func @forward
// CHECK: %[[FILTER:.*]] = nn.pack_filter %arg1 {groups = 1 : i64} : (tensor<1024x256x1x1xf32>) -> tensor<64x256x1x16xf32>
// CHECK: nn.conv %arg0, %arg1 packed %[[FILTER]]
// A matrix likewise, but not one that is computed from inputs.
// CHECK: %[[MATRIX:.*]] = nn.pack_filter %arg3 {groups = 1 : i64} : (tensor<40x100xf32>) -> tensor<3x100x1x16xf32>
// CHECK: nn.matmul %arg2, %arg3 packed %[[MATRIX]]
// CHECK: nn.matmul %arg2, %arg2 {
func.func @forward(%x: tensor<1x256x7x7xf32> {nn.kind = "input"}, %w: tensor<1024x256x1x1xf32> {nn.kind = "parameter"},
                   %r: tensor<64x100xf32> {nn.kind = "input"}, %v: tensor<40x100xf32> {nn.kind = "parameter"}) -> (tensor<1x1024x7x7xf32>, tensor<64x40xf32>, tensor<64x64xf32>) {
  %y = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x256x7x7xf32>, tensor<1024x256x1x1xf32>) -> tensor<1x1024x7x7xf32>
  %p = nn.matmul %r, %v {transpose_b = true} : (tensor<64x100xf32>, tensor<40x100xf32>) -> tensor<64x40xf32>
  %q = nn.matmul %r, %r {transpose_b = true} : (tensor<64x100xf32>, tensor<64x100xf32>) -> tensor<64x64xf32>
  return %y, %p, %q : tensor<1x1024x7x7xf32>, tensor<64x40xf32>, tensor<64x64xf32>
}

// CHECK-LABEL: func.func @train_step
// CHECK-NOT: pack_filter
func.func @train_step(%x: tensor<1x256x7x7xf32>, %w: tensor<1024x256x1x1xf32>) -> tensor<1x1024x7x7xf32> {
  %y = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x256x7x7xf32>, tensor<1024x256x1x1xf32>) -> tensor<1x1024x7x7xf32>
  return %y : tensor<1x1024x7x7xf32>
}

// Large images of few channels have vectors along pixels, and read the filter as it is.
// CHECK-LABEL: func.func @prepare
// CHECK-NOT: pack_filter
func.func @prepare(%x: tensor<1x3x64x64xf32>, %w: tensor<8x3x5x5xf32>) -> tensor<1x8x60x60xf32> {
  %y = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x3x64x64xf32>, tensor<8x3x5x5xf32>) -> tensor<1x8x60x60xf32>
  return %y : tensor<1x8x60x60xf32>
}
