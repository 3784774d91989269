// RUN: nnc-opt %s --nnc-form-kernels=optimization=0 --nnc-fit-memory=budget=8256 | FileCheck %s
// RUN: nnc-opt %s --nnc-form-kernels=optimization=0 --nnc-fit-memory=budget=8256 --nnc-plan --nnc-verify-stage=stage=plan | FileCheck %s --check-prefix=PLAN
// RUN: not nnc-opt %S/Inputs/unbounded.mlir --nnc-form-kernels=optimization=0 --nnc-fit-memory=budget=8256 2>&1 | FileCheck %s --check-prefix=BOUND
// RUN: nnc-opt %S/Inputs/unbounded.mlir --nnc-form-kernels=optimization=0 --nnc-fit-memory="budget=8256 batch=3"
// RUN: not nnc-opt %s --nnc-form-kernels=optimization=0 --nnc-fit-memory=budget=100 2>&1 | FileCheck %s --check-prefix=LESS

// `a` is read at the end again, and costs little: it is not kept over b, c and d.
// CHECK-LABEL: func.func @forward
// CHECK: %[[A:.*]] = nn.kernel "a"
// CHECK: %[[B:.*]] = nn.kernel "b"{{ +}}naive(%[[A]])
// CHECK: %[[C:.*]] = nn.kernel "c"{{ +}}naive(%[[B]])
// CHECK: %[[D:.*]] = nn.kernel "d"{{ +}}naive(%[[C]])
// CHECK: %[[AGAIN:.*]] = nn.kernel "a (again)"
// CHECK: nn.kernel "e"{{ +}}naive(%[[D]], %[[AGAIN]])

// PLAN-LABEL: func.func @forward.arena_bytes
// PLAN: arith.addi %c8192

// BOUND: a memory budget needs an upper bound of every size: give --batch or --max-batch

// LESS: the arena of forward takes 12.29 kB, and 8.192 kB at least with values computed again; the budget is 0.1 kB: give more
func.func @forward(%x: tensor<1024xf32> {nn.kind = "input", nn.name = "x"}) -> (tensor<1024xf32> {nn.name = "y"}) {
  %a = nn.map a ["exp(x0)"] (%x) : (tensor<1024xf32>) -> tensor<1024xf32>
  %b = nn.map b ["exp(x0)"] (%a) : (tensor<1024xf32>) -> tensor<1024xf32>
  %c = nn.map c ["exp(x0)"] (%b) : (tensor<1024xf32>) -> tensor<1024xf32>
  %d = nn.map d ["exp(x0)"] (%c) : (tensor<1024xf32>) -> tensor<1024xf32>
  %e = nn.map e ["x0 + x1"] (%d, %a) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
  return %e : tensor<1024xf32>
}
