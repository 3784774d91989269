// RUN: nnc-opt %s --nnc-differentiate | FileCheck %s

// CHECK-LABEL: func.func @conv
// CHECK-SAME: %[[X:[^:]*]]: tensor<2x3x8x8xf32>, %[[W:[^:]*]]: tensor<4x3x3x3xf32>, %[[DY:[^:]*]]: tensor<2x4x4x4xf32>
// CHECK-DAG: %[[DX:.*]] = nn.conv_input_grad %[[DY]], %[[W]] {{.*}}padding = array<i64: 1, 1>, stride = array<i64: 2, 2>{{.*}} -> tensor<2x3x8x8xf32>
// CHECK-DAG: %[[DW:.*]] = nn.conv_weight_grad %[[X]], %[[DY]] {{.*}}padding = array<i64: 1, 1>, stride = array<i64: 2, 2>{{.*}} -> tensor<4x3x3x3xf32>
// CHECK: return %[[DX]], %[[DW]]
func.func @conv(%x: tensor<2x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) -> tensor<2x4x4x4xf32> {
  %y = nn.conv %x, %w {stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x4x4xf32>
  return %y : tensor<2x4x4x4xf32>
}
