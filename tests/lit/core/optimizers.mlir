// RUN: nnc-opt %s --nnc-decompose --nnc-verify-stage=stage=core | FileCheck %s

// One map a parameter; the first step starts the momentum buffer undamped.
// CHECK-LABEL: func.func @sgd
// CHECK: nn.map sgd ["{{.*}}", "select(x4 <= 1, x1, 0.9 * x3 + 0.9 * x1)"] (%arg0, %arg1, %arg2, %arg3, %arg4)
// CHECK-NOT: nn.
func.func @sgd(%p: tensor<4xf32>, %g: tensor<4xf32>, %lr: tensor<f32>, %buf: tensor<4xf32>, %step: tensor<f32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %p1, %b1 = nn.sgd %p, %g, %lr, %buf, %step {momentum = 0.9 : f64, dampening = 0.1 : f64, weight_decay = 0.0 : f64, nesterov = false, maximize = false} : (tensor<4xf32>, tensor<4xf32>, tensor<f32>, tensor<4xf32>, tensor<f32>) -> (tensor<4xf32>, tensor<4xf32>)
  return %p1, %b1 : tensor<4xf32>, tensor<4xf32>
}

// The bias corrections are scalars, computed once.
// CHECK-LABEL: func.func @adamw
// CHECK: nn.map ["1 - pow(0.9, x0)"] (%{{.*}}) : (tensor<f32>) -> tensor<f32>
// CHECK: nn.map adamw
// CHECK-NOT: nn.
func.func @adamw(%p: tensor<4xf32>, %g: tensor<4xf32>, %lr: tensor<f32>, %m: tensor<4xf32>, %v: tensor<4xf32>, %step: tensor<f32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %p1, %m1, %v1 = nn.adam %p, %g, %lr, %m, %v, %step {beta1 = 0.9 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = 0.01 : f64, decoupled = true, maximize = false} : (tensor<4xf32>, tensor<4xf32>, tensor<f32>, tensor<4xf32>, tensor<4xf32>, tensor<f32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
  return %p1, %m1, %v1 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}
