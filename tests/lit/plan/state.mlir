// RUN: nnc-opt %s --nnc-form-kernels=optimization=0 --nnc-plan --nnc-verify-stage=stage=plan | FileCheck %s

// The update is written over the parameter in place, behind the last reader of
// its old value.
// CHECK-LABEL: func.func @in_place
// CHECK-SAME: %[[X:[^:]*]]: memref<4xf32> {nn.kind = "input"
// CHECK-SAME: %[[Y:[^:]*]]: memref<4xf32> {nn.kind = "output"
// CHECK-SAME: %[[W:[^:]*]]: memref<4xf32> {nn.kind = "parameter"
// CHECK: nn.kernel "reader"{{ +}}naive(%[[X]], %[[W]], %[[Y]])
// CHECK: nn.kernel "update"{{ +}}naive(%[[W]], %[[X]], %[[W]])
func.func @in_place(%x: tensor<4xf32> {nn.kind = "input", nn.name = "x"}, %w: tensor<4xf32> {nn.kind = "parameter", nn.name = "w"}) -> (tensor<4xf32> {nn.name = "y"}, tensor<4xf32> {nn.updates = 1 : i64}) {
  %w1 = nn.map update ["x0 - x1"] (%w, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %y = nn.map reader ["x0 * x1"] (%x, %w) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %y, %w1 : tensor<4xf32>, tensor<4xf32>
}

// A product reads every element of its operand many times: the new value goes
// through the arena.
// CHECK-LABEL: func.func @through_a_copy
// CHECK-SAME: %[[W:[^:]*]]: memref<4x4xf32> {nn.kind = "parameter"
// CHECK: %[[NEW:.*]] = memref.view
// CHECK: nn.kernel "matmul"{{ +}}naive(%[[W]], %[[NEW]])
// CHECK: nn.kernel "copy"{{ +}}naive(%[[NEW]], %[[W]])
func.func @through_a_copy(%w: tensor<4x4xf32> {nn.kind = "parameter", nn.name = "w"}) -> (tensor<4x4xf32> {nn.updates = 0 : i64}) {
  %w1 = nn.matmul %w, %w : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %w1 : tensor<4x4xf32>
}

// A reader of the new value runs before the old value's memory is given up: it
// reads the arena.
// CHECK-LABEL: func.func @read_after
// CHECK-SAME: %[[Y:[^:]*]]: memref<4xf32> {nn.kind = "output"
// CHECK-SAME: %[[W:[^:]*]]: memref<4xf32> {nn.kind = "parameter"
// CHECK: %[[NEW:.*]] = memref.view
// CHECK: nn.kernel "update"{{ +}}naive(%[[W]], %[[NEW]])
// CHECK: nn.kernel "both"{{ +}}naive(%[[NEW]], %[[W]], %[[Y]])
// CHECK: nn.kernel "copy"{{ +}}naive(%[[NEW]], %[[W]])
func.func @read_after(%w: tensor<4xf32> {nn.kind = "parameter", nn.name = "w"}) -> (tensor<4xf32> {nn.name = "y"}, tensor<4xf32> {nn.updates = 0 : i64}) {
  %w1 = nn.map update ["exp(x0)"] (%w) : (tensor<4xf32>) -> tensor<4xf32>
  %y = nn.map both ["x0 + x1"] (%w1, %w) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %y, %w1 : tensor<4xf32>, tensor<4xf32>
}
