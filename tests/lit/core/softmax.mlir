// RUN: nnc-opt %s --nnc-decompose --nnc-verify-stage=stage=core | FileCheck %s

// The largest element is taken off first, so that no exp overflows; its own gradient
// would cancel, so the difference is stated to have none by it.
// CHECK-LABEL: func.func @softmax
// CHECK: %[[MAX:.*]] = nn.reduce{{ +}}max %arg0 axes [1]
// CHECK-NEXT: %[[D:.*]] = nn.map ["stated(x0 - x1, x0, 1)"] (%arg0, %[[MAX]])
// CHECK: %[[E:.*]] = nn.map exp ["exp(x0)"] (%[[D]])
// CHECK: %[[S:.*]] = nn.reduce{{ +}}sum %[[E]] axes [1]
// CHECK: nn.map ["x0 / x1"] (%[[E]], %[[S]])
func.func @softmax(%x: tensor<2x5xf32>) -> tensor<2x5xf32> {
  %y = nn.softmax %x axis 1 : tensor<2x5xf32>
  return %y : tensor<2x5xf32>
}

// CHECK-LABEL: func.func @log_softmax
// CHECK: %[[D:.*]] = nn.map ["stated(x0 - x1, x0, 1)"]
// CHECK: %[[S:.*]] = nn.reduce{{ +}}sum
// CHECK: nn.map ["x0 - log(x1)"] (%[[D]], %[[S]])
func.func @log_softmax(%x: tensor<2x5xf32>) -> tensor<2x5xf32> {
  %y = nn.log_softmax %x axis 1 : tensor<2x5xf32>
  return %y : tensor<2x5xf32>
}
