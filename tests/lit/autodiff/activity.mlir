// RUN: nnc-opt %s --nnc-differentiate --split-input-file -verify-diagnostics | FileCheck %s

// What the result does not depend on has gradient zero, not an error.
// CHECK-LABEL: func.func @unused
// CHECK: %[[ZERO:.*]] = nn.map full ["0"] () : () -> tensor<4xf32>
// CHECK: return %arg2, %[[ZERO]]
func.func @unused(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// An active op without a gradient is an error, never a silent zero.
func.func @second_order(%dy: tensor<1x1x2x2xf32>, %p: tensor<1x1x2x2xi8>) -> tensor<1x1x4x4xf32> {
  // expected-error@+1 {{the gradient of this operation is not supported; freeze the parameters before it (requires_grad = False) or remove it from the training path}}
  %y = nn.max_pool_grad %dy, %p {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : (tensor<1x1x2x2xf32>, tensor<1x1x2x2xi8>) -> tensor<1x1x4x4xf32>
  return %y : tensor<1x1x4x4xf32>
}
