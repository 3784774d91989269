// RUN: nnc-opt %s --nnc-differentiate | FileCheck %s

// y [4, 5] = a [4, 3] b^T with b [5, 3]: both gradients are products without a
// transposed copy.
// CHECK-LABEL: func.func @linear
// CHECK-SAME: %[[A:[^:]*]]: tensor<4x3xf32>, %[[B:[^:]*]]: tensor<5x3xf32>, %[[DY:[^:]*]]: tensor<4x5xf32>
// CHECK-DAG: %[[DA:.*]] = nn.matmul %[[DY]], %[[B]] : (tensor<4x5xf32>, tensor<5x3xf32>) -> tensor<4x3xf32>
// CHECK-DAG: %[[DB:.*]] = nn.matmul %[[DY]], %[[A]] {transpose_a = true} : (tensor<4x5xf32>, tensor<4x3xf32>) -> tensor<5x3xf32>
// CHECK: return %[[DA]], %[[DB]]
func.func @linear(%a: tensor<4x3xf32>, %b: tensor<5x3xf32>) -> tensor<4x5xf32> {
  %y = nn.matmul %a, %b {transpose_b = true} : (tensor<4x3xf32>, tensor<5x3xf32>) -> tensor<4x5xf32>
  return %y : tensor<4x5xf32>
}
