// RUN: nnc-opt %s | nnc-opt | FileCheck %s

// Sizes are expressions over the symbols that the type names; they are kept
// and simplified alike through text.
// CHECK-LABEL: func.func @flatten
// CHECK-SAME: tensor<?x3x4xf32, #nn.dims<[N], N, 3, 4>>
// CHECK: nn.reshape %{{.*}} : tensor<?x3x4xf32, #nn.dims<[N], N, 3, 4>> -> tensor<?xf32, #nn.dims<[N], N * 12>>
func.func @flatten(%x: tensor<?x3x4xf32, #nn.dims<[N], N, 3, 4>>) -> tensor<?xf32, #nn.dims<[N], N * 12>> {
  %y = nn.reshape %x : tensor<?x3x4xf32, #nn.dims<[N], N, 3, 4>> -> tensor<?xf32, #nn.dims<[N], N * 12>>
  return %y : tensor<?xf32, #nn.dims<[N], N * 12>>
}

// Two symbols; a halved size keeps its identity.
// CHECK-LABEL: func.func @halve
// CHECK: -> tensor<?x?xf32, #nn.dims<[N, T], N, T floordiv 2>>
func.func @halve(%x: tensor<?x?xf32, #nn.dims<[N, T], N, T>>) -> tensor<?x?xf32, #nn.dims<[N, T], N, T floordiv 2>> {
  %y = nn.slice %x starts [0, 1] steps [1, 2] : tensor<?x?xf32, #nn.dims<[N, T], N, T>> -> tensor<?x?xf32, #nn.dims<[N, T], N, T floordiv 2>>
  return %y : tensor<?x?xf32, #nn.dims<[N, T], N, T floordiv 2>>
}
