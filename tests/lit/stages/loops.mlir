// RUN: nnc-opt %s --split-input-file -verify-diagnostics --nnc-verify-stage=stage=loops

func.func @loops(%x: memref<4xf32>, %y: memref<4xf32>) {
  // expected-error@+1 {{has no place after stage loops: only loops, vectors and buffers are left}}
  nn.kernel "relu" map(%x, %y) : (memref<4xf32>, memref<4xf32>) -> () {
  ^bb0(%a: tensor<4xf32>):
    %b = nn.map relu ["relu(x0)"] (%a) : (tensor<4xf32>) -> tensor<4xf32>
    nn.yield %b : tensor<4xf32>
  }
  return
}
