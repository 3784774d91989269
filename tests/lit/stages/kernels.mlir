// RUN: nnc-opt %s --split-input-file -verify-diagnostics --nnc-verify-stage=stage=kernels

func.func @outside(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{has no place after stage kernels: outside kernels only reshapes are left}}
  %y = nn.map relu ["relu(x0)"] (%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @composite(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = nn.kernel "softmax" row(%x) : (tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>):
    // expected-error@+1 {{has no place after stage kernels: a kernel holds core ops alone}}
    %b = nn.softmax %a axis 0 : tensor<4xf32>
    nn.yield %b : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}
