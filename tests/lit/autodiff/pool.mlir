// RUN: nnc-opt %s --nnc-differentiate --split-input-file | FileCheck %s

// The position within the window is all that the gradient keeps.
// CHECK-LABEL: func.func @max_pool
// CHECK-SAME: %[[X:[^:]*]]: tensor<1x2x6x6xf32>, %[[DY:[^:]*]]: tensor<1x2x3x3xf32>
// CHECK: %{{.*}}, %[[P:.*]] = nn.max_pool %[[X]]
// CHECK: nn.max_pool_grad %[[DY]], %[[P]] {{.*}} -> tensor<1x2x6x6xf32>
func.func @max_pool(%x: tensor<1x2x6x6xf32>) -> tensor<1x2x3x3xf32> {
  %y, %p = nn.max_pool %x {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : tensor<1x2x6x6xf32> -> tensor<1x2x3x3xf32>, tensor<1x2x3x3xi8>
  return %y : tensor<1x2x3x3xf32>
}

// -----

// CHECK-LABEL: func.func @sum_pool
// CHECK: nn.sum_pool_grad %arg1 {{.*}} : tensor<1x2x3x3xf32> -> tensor<1x2x6x6xf32>
func.func @sum_pool(%x: tensor<1x2x6x6xf32>) -> tensor<1x2x3x3xf32> {
  %y = nn.sum_pool %x {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : tensor<1x2x6x6xf32> -> tensor<1x2x3x3xf32>
  return %y : tensor<1x2x3x3xf32>
}
