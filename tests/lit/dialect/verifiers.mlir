// RUN: nnc-opt %s -split-input-file -verify-diagnostics

func.func @channels(%x: tensor<1x3x8x8xf32>, %w: tensor<4x2x3x3xf32>) {
  // expected-error@+1 {{channels do not fit the weight and groups = 1}}
  %y = nn.conv %x, %w {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x3x8x8xf32>, tensor<4x2x3x3xf32>) -> tensor<1x4x6x6xf32>
  return
}

// -----

func.func @broadcast(%x: tensor<3xf32>) {
  // expected-error@+1 {{the input does not broadcast to the result}}
  %y = nn.broadcast %x : tensor<3xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @slice(%x: tensor<3x4xf32>) {
  // expected-error@+1 {{starts and steps need one value for each of the 2 axes}}
  %y = nn.slice %x starts [1] steps [1] : tensor<3x4xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @reduce(%x: tensor<3x4xf32>) {
  // expected-error@+2 {{axis 2 of a tensor of rank 2}}
  // expected-error@+1 {{failed to infer returned types}}
  %y = nn.reduce sum %x axes [2] : tensor<3x4xf32> -> tensor<3x1xf32>
  return
}

// -----

func.func @kernel(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{has 1 operands where its region needs 2}}
  %y = nn.kernel "add" map(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
    %c = nn.map ["x0 + x1"] (%a, %b) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    nn.yield %c : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}
