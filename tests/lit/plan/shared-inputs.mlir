// RUN: nnc-opt %s --nnc-pack-filters=cpu=x86-64-v3 --nnc-form-kernels --nnc-plan=cpu=x86-64-v3 | FileCheck %s

// A strided convolution of many channels pads its planes once, in memory that its tasks share;
// with a batch that is not known each task pads for itself.
// CHECK-LABEL: func.func @forward
// CHECK: nn.kernel "pack_filter"
// CHECK: nn.kernel "conv"{{ +}}contract(%{{[^)]*}}) attributes {scratch}
func.func @forward(%x: tensor<1x256x28x28xf32> {nn.kind = "input", nn.name = "x"}, %w: tensor<256x256x3x3xf32> {nn.kind = "parameter", nn.name = "w"}) -> (tensor<1x256x14x14xf32> {nn.name = "y"}) {
  %y = nn.conv %x, %w {stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x256x28x28xf32>, tensor<256x256x3x3xf32>) -> tensor<1x256x14x14xf32>
  return %y : tensor<1x256x14x14xf32>
}

// CHECK-LABEL: func.func @dynamic
// CHECK: nn.kernel "conv"{{ +}}contract(%{{[^)]*}}) :
func.func @dynamic(%x: tensor<?x256x28x28xf32, #nn.dims<[N], N, 256, 28, 28>> {nn.kind = "input", nn.name = "x"}, %w: tensor<256x256x3x3xf32> {nn.kind = "parameter", nn.name = "w"}) -> (tensor<?x256x14x14xf32, #nn.dims<[N], N, 256, 14, 14>> {nn.name = "y"}) attributes {nn.symbols = ["N"], nn.symbol_ranges = array<i64: 1, 64>} {
  %y = nn.conv %x, %w {stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<?x256x28x28xf32, #nn.dims<[N], N, 256, 28, 28>>, tensor<256x256x3x3xf32>) -> tensor<?x256x14x14xf32, #nn.dims<[N], N, 256, 14, 14>>
  return %y : tensor<?x256x14x14xf32, #nn.dims<[N], N, 256, 14, 14>>
}

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
