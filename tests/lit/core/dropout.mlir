// RUN: nnc-opt %s --nnc-decompose --nnc-verify-stage=stage=core | FileCheck %s

// The site stays with the random numbers, so that no two dropouts share a mask.
// CHECK-LABEL: func.func @dropout
// CHECK: %[[U:.*]] = nn.uniform %arg1, %arg2 site 7
// CHECK: nn.map dropout ["select(x1 >= 0.25, {{.*}} * x0, 0)"] (%arg0, %[[U]])
func.func @dropout(%x: tensor<4xf32>, %seed: tensor<i64>, %step: tensor<i64>) -> tensor<4xf32> {
  %y = nn.dropout %x, %seed, %step p 0.25 site 7 : (tensor<4xf32>, tensor<i64>, tensor<i64>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// CHECK-LABEL: func.func @keeps_all
// CHECK-NEXT: return %arg0
func.func @keeps_all(%x: tensor<4xf32>, %seed: tensor<i64>, %step: tensor<i64>) -> tensor<4xf32> {
  %y = nn.dropout %x, %seed, %step p 0.0 site 7 : (tensor<4xf32>, tensor<i64>, tensor<i64>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
