// RUN: nnc-opt %s --nnc-form-kernels=optimization=0 --nnc-plan --nnc-verify-stage=stage=plan | FileCheck %s

// A chain of four: the input and the last value are the caller's; the three between
// need two places, since the third may go where the first was.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: %[[X:[^:]*]]: memref<16xf32> {nn.kind = "input"
// CHECK-SAME: %[[Y:[^:]*]]: memref<16xf32> {nn.kind = "output"
// CHECK-SAME: %[[ARENA:[^:]*]]: memref<?xi8> {nn.kind = "arena"}
// CHECK: %[[FIRST:.*]] = arith.constant 0 : index
// CHECK: %[[A:.*]] = memref.view %[[ARENA]][%[[FIRST]]]
// CHECK: nn.kernel "a"{{ +}}naive(%[[X]], %[[A]])
// CHECK: %[[B:.*]] = memref.view %[[ARENA]][%c64{{.*}}]
// CHECK: nn.kernel "b"{{ +}}naive(%[[A]], %[[B]])
// CHECK: %[[C:.*]] = memref.view %[[ARENA]][%[[FIRST]]]
// CHECK: nn.kernel "c"{{ +}}naive(%[[B]], %[[C]])
// CHECK: nn.kernel "d"{{ +}}naive(%[[C]], %[[Y]])
func.func @forward(%x: tensor<16xf32> {nn.kind = "input", nn.name = "x"}) -> (tensor<16xf32> {nn.name = "y"}) {
  %a = nn.map a ["exp(x0)"] (%x) : (tensor<16xf32>) -> tensor<16xf32>
  %b = nn.map b ["exp(x0)"] (%a) : (tensor<16xf32>) -> tensor<16xf32>
  %c = nn.map c ["exp(x0)"] (%b) : (tensor<16xf32>) -> tensor<16xf32>
  %d = nn.map d ["exp(x0)"] (%c) : (tensor<16xf32>) -> tensor<16xf32>
  return %d : tensor<16xf32>
}

// The bytes of all places, and no scratch of workers.
// CHECK-LABEL: func.func @forward.arena_bytes
// CHECK: %[[WORKERS:.*]] = arith.muli %arg0, %c0
// CHECK: arith.addi %c128, %[[WORKERS]]
