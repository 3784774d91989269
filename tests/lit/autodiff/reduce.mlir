// RUN: nnc-opt %s --nnc-differentiate --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @sum
// CHECK: nn.broadcast %arg1 : tensor<2x1xf32> -> tensor<2x3xf32>
func.func @sum(%x: tensor<2x3xf32>) -> tensor<2x1xf32> {
  %y = nn.reduce sum %x axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  return %y : tensor<2x1xf32>
}

// -----

// Ties share the gradient: it is divided by their number.
// CHECK-LABEL: func.func @max
// CHECK: %[[Y:.*]] = nn.reduce{{ +}}max %arg0
// CHECK: %[[HIT:.*]] = nn.map ["select(x0 == x1, 1, 0)"] (%arg0, %[[Y]])
// CHECK: %[[N:.*]] = nn.reduce{{ +}}sum %[[HIT]] axes [1]
// CHECK: nn.map ["select(x2 == x3, x0 / x1, 0)"] (%arg1, %[[N]], %arg0, %[[Y]])
func.func @max(%x: tensor<2x3xf32>) -> tensor<2x1xf32> {
  %y = nn.reduce max %x axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  return %y : tensor<2x1xf32>
}
