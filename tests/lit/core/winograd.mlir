// RUN: nnc-opt %s --nnc-pack-filters=cpu=x86-64-v4 | FileCheck %s

// A 3x3 convolution of many channels reads its filter in Winograd's domain.
// CHECK-LABEL: func.func @forward
// CHECK: %[[FILTER:.*]] = nn.winograd_filter %arg1 : (tensor<40x32x3x3xf32>) -> tensor<3x36x32x16xf32>
// CHECK: nn.conv %arg0, %arg1 packed %[[FILTER]] {{.*}}winograd = 4
func.func @forward(%x: tensor<1x32x28x28xf32> {nn.kind = "input"}, %w: tensor<40x32x3x3xf32> {nn.kind = "parameter"}) -> tensor<1x40x28x28xf32> {
  %y = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x32x28x28xf32>, tensor<40x32x3x3xf32>) -> tensor<1x40x28x28xf32>
  return %y : tensor<1x40x28x28xf32>
}

// Its input gradient is one with channels swapped and taps turned.
// CHECK-LABEL: func.func @train_step
// CHECK: nn.winograd_filter %arg1 adjoint : (tensor<40x32x3x3xf32>) -> tensor<2x36x40x16xf32>
func.func @train_step(%dy: tensor<8x40x28x28xf32>, %w: tensor<40x32x3x3xf32>) -> tensor<8x32x28x28xf32> {
  %dx = nn.conv_input_grad %dy, %w {stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<8x40x28x28xf32>, tensor<40x32x3x3xf32>) -> tensor<8x32x28x28xf32>
  return %dx : tensor<8x32x28x28xf32>
}

// Neither a stride, nor a few channels, nor a filter that is packed for one call
// over a small image are worth it.
// CHECK-LABEL: func.func @direct
// CHECK-NOT: winograd_filter
func.func @direct(%x: tensor<1x32x28x28xf32>, %w: tensor<40x32x3x3xf32>, %few: tensor<1x3x28x28xf32>, %v: tensor<4x3x3x3xf32>,
                  %small: tensor<1x512x4x4xf32>, %large: tensor<512x512x3x3xf32>)
    -> (tensor<1x40x14x14xf32>, tensor<1x4x28x28xf32>, tensor<1x512x4x4xf32>) {
  %y = nn.conv %x, %w {stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x32x28x28xf32>, tensor<40x32x3x3xf32>) -> tensor<1x40x14x14xf32>
  %z = nn.conv %few, %v {stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x3x28x28xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x28x28xf32>
  %s = nn.conv %small, %large {stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x512x4x4xf32>, tensor<512x512x3x3xf32>) -> tensor<1x512x4x4xf32>
  return %y, %z, %s : tensor<1x40x14x14xf32>, tensor<1x4x28x28xf32>, tensor<1x512x4x4xf32>
}
