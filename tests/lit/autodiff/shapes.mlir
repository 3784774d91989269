// RUN: nnc-opt %s --nnc-differentiate --split-input-file | FileCheck %s

// The gradient of a copy is a sum.
// CHECK-LABEL: func.func @broadcast
// CHECK: nn.reduce{{ +}}sum %arg1 axes [0] : tensor<2x3xf32> -> tensor<1x3xf32>
func.func @broadcast(%x: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %y = nn.broadcast %x : tensor<1x3xf32> -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// -----

// CHECK-LABEL: func.func @transpose
// CHECK: nn.transpose %arg1 [2, 0, 1] : tensor<3x4x2xf32> -> tensor<2x3x4xf32>
func.func @transpose(%x: tensor<2x3x4xf32>) -> tensor<3x4x2xf32> {
  %y = nn.transpose %x [1, 2, 0] : tensor<2x3x4xf32> -> tensor<3x4x2xf32>
  return %y : tensor<3x4x2xf32>
}

// -----

// Back in its places: elements 1, 3, 5 among zeros.
// CHECK-LABEL: func.func @slice
// CHECK: nn.pad %arg1 low [1] interior [1] value 0.{{.*}} : tensor<3xf32> -> tensor<7xf32>
func.func @slice(%x: tensor<7xf32>) -> tensor<3xf32> {
  %y = nn.slice %x starts [1] steps [2] : tensor<7xf32> -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @pad
// CHECK: nn.slice %arg1 starts [1] steps [2] : tensor<7xf32> -> tensor<3xf32>
func.func @pad(%x: tensor<3xf32>) -> tensor<7xf32> {
  %y = nn.pad %x low [1] interior [1] value 5.0 : tensor<3xf32> -> tensor<7xf32>
  return %y : tensor<7xf32>
}

// -----

// CHECK-LABEL: func.func @concat
// CHECK-DAG: nn.slice %arg2 starts [0, 0] steps [1, 1] : tensor<2x5xf32> -> tensor<2x3xf32>
// CHECK-DAG: nn.slice %arg2 starts [0, 3] steps [1, 1] : tensor<2x5xf32> -> tensor<2x2xf32>
func.func @concat(%a: tensor<2x3xf32>, %b: tensor<2x2xf32>) -> tensor<2x5xf32> {
  %y = nn.concat %a, %b axis 1 : (tensor<2x3xf32>, tensor<2x2xf32>) -> tensor<2x5xf32>
  return %y : tensor<2x5xf32>
}
