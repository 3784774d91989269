// RUN: nnc-opt %s -split-input-file -verify-diagnostics

// The result of a concat is the sum of the sizes, also where they are symbolic.
func.func @concat(%a: tensor<?x3xf32, #nn.dims<[N], N, 3>>, %b: tensor<?x3xf32, #nn.dims<[N], N * 2, 3>>) {
  %y = nn.concat %a, %b axis 0 : (tensor<?x3xf32, #nn.dims<[N], N, 3>>, tensor<?x3xf32, #nn.dims<[N], N * 2, 3>>) -> tensor<?x3xf32, #nn.dims<[N], N * 3, 3>>
  return
}

// -----

// N * 2 and N + 2 are different sizes.
func.func @matmul(%a: tensor<4x?xf32, #nn.dims<[N], 4, N * 2>>, %b: tensor<?x5xf32, #nn.dims<[N], N + 2, 5>>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{nn.matmul: the inner or batch sizes of the operands differ}}
  %y = nn.matmul %a, %b : (tensor<4x?xf32, #nn.dims<[N], 4, N * 2>>, tensor<?x5xf32, #nn.dims<[N], N + 2, 5>>) -> tensor<4x5xf32>
  return
}

// -----

func.func @reshape(%x: tensor<?x4xf32, #nn.dims<[N], N, 4>>) {
  // expected-error@+1 {{the shapes hold different numbers of elements}}
  %y = nn.reshape %x : tensor<?x4xf32, #nn.dims<[N], N, 4>> -> tensor<?xf32, #nn.dims<[N], N * 5>>
  return
}
