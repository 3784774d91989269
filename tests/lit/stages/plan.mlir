// RUN: nnc-opt %s --split-input-file -verify-diagnostics --nnc-verify-stage=stage=plan

func.func @results(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{has no place after stage plan: a planned kernel writes to operands and has no results}}
  %y = nn.kernel "relu" map(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>):
    %b = nn.map relu ["relu(x0)"] (%a) : (tensor<4xf32>) -> tensor<4xf32>
    nn.yield %b : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}

// -----

func.func @tensors(%x: tensor<4xf32>) {
  // expected-error@+1 {{has no place after stage plan: tensors are buffers by now}}
  %y = nn.reshape %x : tensor<4xf32> -> tensor<2x2xf32>
  return
}
