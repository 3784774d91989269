// RUN: nnc-opt %s --nnc-verify-stage=stage=graph --nnc-add-training="loss=cross_entropy optimizer=adam" --nnc-verify-stage=stage=train --nnc-decompose --canonicalize --cse --nnc-verify-stage=stage=core --nnc-form-kernels=optimization=0 --nnc-verify-stage=stage=kernels --nnc-plan --nnc-verify-stage=stage=plan --nnc-emit-loops --nnc-verify-stage=stage=loops --nnc-lower-to-llvm --nnc-verify-stage=stage=llvm | FileCheck %s
// RUN: nnc-opt %s --nnc-add-training="loss=cross_entropy optimizer=adam" --nnc-decompose --canonicalize --cse --nnc-form-kernels=optimization=2 --nnc-verify-stage=stage=kernels --nnc-plan --nnc-verify-stage=stage=plan --nnc-emit-loops --nnc-verify-stage=stage=loops --nnc-lower-to-llvm --nnc-verify-stage=stage=llvm | FileCheck %s

// A layer's whole way to the LLVM dialect, naive and optimised: every stage keeps
// its contract.
// CHECK-DAG: llvm.func @nnc_entry_forward
// CHECK-DAG: llvm.func @nnc_entry_train_step
// CHECK-DAG: llvm.func @nnc_entry_forward_backward
// CHECK-DAG: llvm.func @nnc_entry_optimizer_step
func.func @forward(%x: tensor<?x3xf32, #nn.dims<[N], N, 3>> {nn.kind = "input", nn.name = "x"}, %w: tensor<4x3xf32> {nn.kind = "parameter", nn.name = "w", nn.requires_grad}) -> (tensor<?x4xf32, #nn.dims<[N], N, 4>> {nn.name = "y"}) attributes {nn.symbols = ["N"], nn.symbol_ranges = array<i64: 1, 64>} {
  %y = nn.matmul %x, %w {transpose_b = true} : (tensor<?x3xf32, #nn.dims<[N], N, 3>>, tensor<4x3xf32>) -> tensor<?x4xf32, #nn.dims<[N], N, 4>>
  return %y : tensor<?x4xf32, #nn.dims<[N], N, 4>>
}
