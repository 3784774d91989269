// RUN: nnc-opt %s --nnc-differentiate | FileCheck %s

// A value that is used twice adds up its adjoints.
// CHECK-LABEL: func.func @fork
// CHECK-SAME: %[[X:[^:]*]]: tensor<2x3xf32>, %[[DY:[^:]*]]: tensor<2x3xf32>, %[[DZ:[^:]*]]: tensor<3x2xf32>
// CHECK-DAG: %[[FROM_Z:.*]] = nn.transpose %[[DZ]]
// CHECK-DAG: %[[FROM_Y:.*]] = nn.map ["-x0"] (%[[DY]])
// CHECK: %[[DX:.*]] = nn.map ["x0 + x1"] (%[[FROM_Z]], %[[FROM_Y]])
// CHECK: return %[[DX]]
func.func @fork(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<3x2xf32>) {
  %y = nn.map neg ["-x0"] (%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %z = nn.transpose %x [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  return %y, %z : tensor<2x3xf32>, tensor<3x2xf32>
}
