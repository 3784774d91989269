// RUN: nnc-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @reshape_of_reshape
// CHECK: %[[Y:.*]] = nn.reshape %arg0 : tensor<2x6xf32> -> tensor<3x4xf32>
// CHECK-NEXT: return %[[Y]]
func.func @reshape_of_reshape(%x: tensor<2x6xf32>) -> tensor<3x4xf32> {
  %a = nn.reshape %x : tensor<2x6xf32> -> tensor<12xf32>
  %b = nn.reshape %a : tensor<12xf32> -> tensor<3x4xf32>
  return %b : tensor<3x4xf32>
}

// There and back again.
// CHECK-LABEL: func.func @identity
// CHECK-NEXT: return %arg0
func.func @identity(%x: tensor<?x6xf32, #nn.dims<[N], N, 6>>) -> tensor<?x6xf32, #nn.dims<[N], N, 6>> {
  %a = nn.reshape %x : tensor<?x6xf32, #nn.dims<[N], N, 6>> -> tensor<?xf32, #nn.dims<[N], N * 6>>
  %b = nn.reshape %a : tensor<?xf32, #nn.dims<[N], N * 6>> -> tensor<?x6xf32, #nn.dims<[N], N, 6>>
  return %b : tensor<?x6xf32, #nn.dims<[N], N, 6>>
}

// CHECK-LABEL: func.func @transposes
// CHECK: nn.transpose %arg0 [2, 0, 1] : tensor<2x3x4xf32> -> tensor<4x2x3xf32>
// CHECK-NOT: nn.transpose
func.func @transposes(%x: tensor<2x3x4xf32>) -> tensor<4x2x3xf32> {
  %a = nn.transpose %x [1, 2, 0] : tensor<2x3x4xf32> -> tensor<3x4x2xf32>
  %b = nn.transpose %a [1, 2, 0] : tensor<3x4x2xf32> -> tensor<4x2x3xf32>
  return %b : tensor<4x2x3xf32>
}

// CHECK-LABEL: func.func @inverse
// CHECK-NEXT: return %arg0
func.func @inverse(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %a = nn.transpose %x [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  %b = nn.transpose %a [1, 0] : tensor<3x2xf32> -> tensor<2x3xf32>
  return %b : tensor<2x3xf32>
}
