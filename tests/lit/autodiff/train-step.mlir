// RUN: nnc-opt %s --nnc-add-training="loss=mse optimizer=sgd:lr=0.1,momentum=0.9" --nnc-verify-stage=stage=train | FileCheck %s

// Loss, gradient and optimizer are one function: the new parameter and the new
// momentum buffer are results that say which argument they update.
// CHECK-LABEL: func.func @train_step
// CHECK-SAME: %[[X:[^:]*]]: tensor<2x3xf32> {nn.kind = "input", nn.name = "x"}
// CHECK-SAME: %[[W:[^:]*]]: tensor<4x3xf32> {nn.kind = "parameter"
// CHECK-SAME: {nn.kind = "input", nn.name = "target"}
// CHECK-SAME: {nn.kind = "lr", nn.name = "lr"}
// CHECK-SAME: {nn.kind = "optimizer", nn.name = "momentum_buffer/w"}
// CHECK-SAME: -> (tensor<f32> {nn.name = "loss"}
// CHECK-SAME: tensor<4x3xf32> {nn.updates = 1 : i64}
// CHECK: %[[DW:.*]] = nn.matmul %{{.*}}, %[[X]] {transpose_a = true}
// CHECK: nn.map sgd {{.*}} (%[[W]], %[[DW]],
// CHECK-LABEL: func.func @forward_backward
// CHECK-SAME: {nn.kind = "gradient", nn.name = "w"}
// CHECK-LABEL: func.func @optimizer_step
// CHECK-SAME: {nn.kind = "gradient", nn.name = "w"}
func.func @forward(%x: tensor<2x3xf32> {nn.kind = "input", nn.name = "x"}, %w: tensor<4x3xf32> {nn.kind = "parameter", nn.name = "w", nn.requires_grad}) -> (tensor<2x4xf32> {nn.name = "y"}) {
  %y = nn.matmul %x, %w {transpose_b = true} : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
