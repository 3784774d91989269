// RUN: nnc-opt %s --nnc-form-kernels=optimization=0 | FileCheck %s

// A kernel bears the layer's path from the location: errors and profiles name it.
// CHECK: nn.kernel "features.0.act/relu"{{ +}}naive
func.func @forward(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = nn.map relu ["relu(x0)"] (%x) : (tensor<4xf32>) -> tensor<4xf32> loc("features.0.act")
  return %y : tensor<4xf32>
}
