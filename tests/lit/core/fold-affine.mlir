// RUN: nnc-opt %s --nnc-fold-affine | FileCheck %s
// RUN: nnc-opt %s --nnc-fold-affine=into-weights=true | FileCheck %s --check-prefix=WEIGHTS

// Batch norm in inference: a factor and a term that depend on parameters alone.
// CHECK-LABEL: func.func @forward
// CHECK: %[[Y:.*]] = nn.conv %arg0, %arg1
// CHECK: %[[A:.*]] = nn.map ["x1 * x0"] (%arg3, %arg4)
// CHECK: %[[S:.*]] = nn.map ["x0 * x1"] (%[[Y]], %[[A]])
// CHECK: %[[B:.*]] = nn.map ["x3 - x2 * (x0 * x1)"] (%arg2, %arg3, %arg4, %arg5)
// CHECK: %[[Z:.*]] = nn.map ["x0 + x1"] (%[[S]], %[[B]])
// CHECK: nn.map relu ["relu(x0)"] (%[[Z]])

// In a frozen model the factor is part of the weight.
// WEIGHTS-LABEL: func.func @forward
// WEIGHTS: %[[A:.*]] = nn.map
// WEIGHTS: %[[LINE:.*]] = nn.reshape %[[A]] : tensor<1x4x1x1xf32> -> tensor<4x1x1x1xf32>
// WEIGHTS: %[[W:.*]] = nn.map ["x0 * x1"] (%arg1, %[[LINE]])
// WEIGHTS: %[[Y:.*]] = nn.conv %arg0, %[[W]]
// WEIGHTS: %[[B:.*]] = nn.map
// WEIGHTS: nn.map ["x0 + x1"] (%[[Y]], %[[B]])
func.func @forward(%x: tensor<1x3x8x8xf32> {nn.kind = "input"}, %w: tensor<4x3x1x1xf32> {nn.kind = "parameter"},
                   %mean: tensor<1x4x1x1xf32> {nn.kind = "buffer"}, %scale: tensor<1x4x1x1xf32> {nn.kind = "buffer"},
                   %weight: tensor<1x4x1x1xf32> {nn.kind = "parameter"}, %bias: tensor<1x4x1x1xf32> {nn.kind = "parameter"})
    -> tensor<1x4x8x8xf32> {
  %y = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<1x4x8x8xf32>
  %0 = nn.map ["(x0 - x1) * x2"] (%y, %mean, %scale) : (tensor<1x4x8x8xf32>, tensor<1x4x1x1xf32>, tensor<1x4x1x1xf32>) -> tensor<1x4x8x8xf32>
  %1 = nn.map ["x0 * x1"] (%0, %weight) : (tensor<1x4x8x8xf32>, tensor<1x4x1x1xf32>) -> tensor<1x4x8x8xf32>
  %2 = nn.map ["x0 + x1"] (%1, %bias) : (tensor<1x4x8x8xf32>, tensor<1x4x1x1xf32>) -> tensor<1x4x8x8xf32>
  %3 = nn.map relu ["relu(x0)"] (%2) : (tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  return %3 : tensor<1x4x8x8xf32>
}
