// RUN: nnc-opt %s --nnc-decompose --nnc-verify-stage=stage=core | FileCheck %s

// The target's entry is picked by comparing classes: no gather, and so a gradient.
// CHECK-LABEL: func.func @nll
// CHECK: nn.map ["select(x0 == -100, 0, 1)"]
// CHECK: nn.iota 1
// CHECK: nn.map ["select(x0 == x1, x2, 0)"]
// CHECK: nn.reduce{{ +}}sum {{.*}} axes [1]
// CHECK: nn.reduce{{ +}}sum {{.*}} axes [0, 1]
func.func @nll(%x: tensor<4x3xf32>, %t: tensor<4xi64>) -> tensor<f32> {
  %y = nn.nll_loss %x, %t ignore -100 reduction sum : (tensor<4x3xf32>, tensor<4xi64>) -> tensor<f32>
  return %y : tensor<f32>
}

// cross_entropy is log_softmax and nll_loss: nothing composite is left.
// CHECK-LABEL: func.func @cross_entropy
// CHECK-NOT: nn.log_softmax
// CHECK: nn.reduce{{ +}}max
// CHECK: nn.map exp
// CHECK: nn.iota 1
func.func @cross_entropy(%x: tensor<4x3xf32>, %t: tensor<4xi64>) -> tensor<f32> {
  %y = nn.cross_entropy %x, %t ignore -100 reduction mean smoothing 0.0 : (tensor<4x3xf32>, tensor<4xi64>) -> tensor<f32>
  return %y : tensor<f32>
}

// Class probabilities: the mean divides by the batch.
// CHECK-LABEL: func.func @probabilities
// CHECK-NOT: nn.iota
// CHECK: nn.map ["-(x0 * x1)"]
// CHECK: nn.size <[N], N>
func.func @probabilities(%x: tensor<?x3xf32, #nn.dims<[N], N, 3>>, %q: tensor<?x3xf32, #nn.dims<[N], N, 3>>) -> tensor<f32> attributes {nn.symbols = ["N"]} {
  %y = nn.cross_entropy %x, %q ignore -100 reduction mean smoothing 0.0 : (tensor<?x3xf32, #nn.dims<[N], N, 3>>, tensor<?x3xf32, #nn.dims<[N], N, 3>>) -> tensor<f32>
  return %y : tensor<f32>
}
