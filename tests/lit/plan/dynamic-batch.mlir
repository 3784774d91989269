// RUN: nnc-opt %s --nnc-form-kernels=optimization=0 --nnc-plan --nnc-verify-stage=stage=plan | FileCheck %s

// Offsets are functions of the batch: the second value begins behind N * 40 bytes,
// rounded up to 64.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: %[[ARENA:[^:]*]]: memref<?xi8> {nn.kind = "arena"}, %[[N:[^:]*]]: index {nn.kind = "symbol"}
// CHECK: %[[BYTES:.*]] = arith.muli %[[N]], %c40
// CHECK: arith.addi %[[BYTES]], %c63
// CHECK: arith.divsi %{{.*}}, %c64
// CHECK: %[[SECOND:.*]] = arith.muli %{{.*}}, %c64{{.*}} overflow<nsw>
// CHECK: memref.view %[[ARENA]][%c0][%[[N]]] : memref<?xi8> to memref<?x10xf32>
// CHECK: memref.view %[[ARENA]][%[[SECOND]]][%[[N]]] : memref<?xi8> to memref<?x10xf32>
func.func @forward(%x: tensor<?x10xf32, #nn.dims<[N], N, 10>> {nn.kind = "input", nn.name = "x"}) -> (tensor<?x10xf32, #nn.dims<[N], N, 10>> {nn.name = "y"}) attributes {nn.symbols = ["N"], nn.symbol_ranges = array<i64: 1, 64>} {
  %a = nn.map a ["exp(x0)"] (%x) : (tensor<?x10xf32, #nn.dims<[N], N, 10>>) -> tensor<?x10xf32, #nn.dims<[N], N, 10>>
  %b = nn.map b ["exp(x0)"] (%a) : (tensor<?x10xf32, #nn.dims<[N], N, 10>>) -> tensor<?x10xf32, #nn.dims<[N], N, 10>>
  %c = nn.map c ["exp(x0)"] (%b) : (tensor<?x10xf32, #nn.dims<[N], N, 10>>) -> tensor<?x10xf32, #nn.dims<[N], N, 10>>
  return %c : tensor<?x10xf32, #nn.dims<[N], N, 10>>
}
