// RUN: nnc-opt %s --nnc-form-kernels=optimization=2 | FileCheck %s

// Bias, residual and activation are the convolution's epilogue, what follows a sum over
// pixels is that of the reduction: two passes over memory.
// CHECK-LABEL: @residual
// CHECK: nn.kernel "conv"{{ +}}contract(
// CHECK: nn.conv
// CHECK-COUNT-3: nn.map
// CHECK-NEXT: nn.yield
// CHECK: nn.kernel "reduce"{{ +}}row(
// CHECK: nn.map ["x0 / 81"]
// CHECK-NOT: nn.kernel
// CHECK: return
func.func @residual(%x: tensor<1x8x9x9xf32>, %w: tensor<8x8x3x3xf32>, %b: tensor<1x8x1x1xf32>) -> tensor<1x8x1x1xf32> {
  %y = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x8x9x9xf32>, tensor<8x8x3x3xf32>) -> tensor<1x8x9x9xf32>
  %biased = nn.map add ["x0 + x1"] (%y, %b) : (tensor<1x8x9x9xf32>, tensor<1x8x1x1xf32>) -> tensor<1x8x9x9xf32>
  %sum = nn.map add ["x0 + x1"] (%biased, %x) : (tensor<1x8x9x9xf32>, tensor<1x8x9x9xf32>) -> tensor<1x8x9x9xf32>
  %active = nn.map relu ["relu(x0)"] (%sum) : (tensor<1x8x9x9xf32>) -> tensor<1x8x9x9xf32>
  %mean = nn.reduce sum %active axes [2, 3] : tensor<1x8x9x9xf32> -> tensor<1x8x1x1xf32>
  %scaled = nn.map ["x0 / 81"] (%mean) : (tensor<1x8x1x1xf32>) -> tensor<1x8x1x1xf32>
  return %scaled : tensor<1x8x1x1xf32>
}

// A convolution that two others read is stored once, with its epilogue, and a second product is
// the anchor of a second kernel.
// CHECK-LABEL: @branches
// CHECK-COUNT-3: nn.kernel "conv"{{ +}}contract(
// CHECK: nn.conv
// CHECK-NEXT: nn.map add
// CHECK-NEXT: nn.yield
// CHECK-NOT: nn.kernel
// CHECK: return
func.func @branches(%x: tensor<1x4x5x5xf32>, %w: tensor<4x4x1x1xf32>) -> tensor<1x4x5x5xf32> {
  %a = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x5x5xf32>, tensor<4x4x1x1xf32>) -> tensor<1x4x5x5xf32>
  %active = nn.map tanh ["tanh(x0)"] (%a) : (tensor<1x4x5x5xf32>) -> tensor<1x4x5x5xf32>
  %b = nn.conv %active, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x5x5xf32>, tensor<4x4x1x1xf32>) -> tensor<1x4x5x5xf32>
  %c = nn.conv %active, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x4x5x5xf32>, tensor<4x4x1x1xf32>) -> tensor<1x4x5x5xf32>
  %sum = nn.map add ["x0 + x1"] (%b, %c) : (tensor<1x4x5x5xf32>, tensor<1x4x5x5xf32>) -> tensor<1x4x5x5xf32>
  return %sum : tensor<1x4x5x5xf32>
}
