// RUN: nnc-opt %s -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @relu
// CHECK: nn.map relu ["relu(x0)"] (%{{.*}}) : (tensor<4xf32>) -> tensor<4xf32>
func.func @relu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = nn.map relu ["relu(x0)"] (%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// Operands broadcast as in torch; several results share them.
// CHECK-LABEL: func.func @broadcast
func.func @broadcast(%x: tensor<2x1xf32>, %y: tensor<3xf32>) -> (tensor<2x3xf32>, tensor<2x3xi1>) {
  %a, %b = nn.map ["x0 * x1", "x0 < x1"] (%x, %y) : (tensor<2x1xf32>, tensor<3xf32>) -> (tensor<2x3xf32>, tensor<2x3xi1>)
  return %a, %b : tensor<2x3xf32>, tensor<2x3xi1>
}

// -----

func.func @unknown(%x: tensor<4xf32>) {
  // expected-error@+1 {{expression 0: }}
  %y = nn.map ["frobnicate(x0)"] (%x) : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @shape(%x: tensor<4xf32>, %y: tensor<3xf32>) {
  // expected-error@+1 {{the operands do not broadcast to the shape of the result}}
  %z = nn.map ["x0 + x1"] (%x, %y) : (tensor<4xf32>, tensor<3xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @count(%x: tensor<4xf32>) {
  // expected-error@+1 {{needs one expression for each result}}
  %z = nn.map ["x0", "x0"] (%x) : (tensor<4xf32>) -> tensor<4xf32>
  return
}
