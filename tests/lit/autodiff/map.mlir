// RUN: nnc-opt %s --nnc-differentiate --canonicalize | FileCheck %s

// The derivative is derived from the expression. relu's is read off its result: its
// input need not be kept.
// CHECK-LABEL: func.func @relu
// CHECK-SAME: %[[X:[^:]*]]: tensor<4xf32>, %[[DY:[^:]*]]: tensor<4xf32>
// CHECK: %[[Y:.*]] = nn.map relu
// CHECK: %[[DX:.*]] = nn.map ["select(x1 <= 0, 0, x0)"] (%[[DY]], %[[Y]])
// CHECK: return %[[DX]]
func.func @relu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = nn.map relu ["relu(x0)"] (%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// An operand that was broadcast sums its gradient over the axes it was repeated along.
// CHECK-LABEL: func.func @bias
// CHECK-SAME: %[[X:[^:]*]]: tensor<2x4xf32>, %[[B:[^:]*]]: tensor<4xf32>, %[[DY:[^:]*]]: tensor<2x4xf32>
// CHECK: %[[S:.*]] = nn.reduce{{ +}}sum %{{.*}} axes [0] : tensor<2x4xf32> -> tensor<1x4xf32>
// CHECK: nn.reshape %[[S]] : tensor<1x4xf32> -> tensor<4xf32>
func.func @bias(%x: tensor<2x4xf32>, %b: tensor<4xf32>) -> tensor<2x4xf32> {
  %y = nn.map ["x0 + x1"] (%x, %b) : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
