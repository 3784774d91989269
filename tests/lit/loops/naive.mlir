// RUN: nnc-opt %s --nnc-form-kernels=optimization=0 --nnc-plan --nnc-emit-loops --nnc-verify-stage=stage=loops --canonicalize | FileCheck %s

// The two exps are one kernel: their code is the same but for the buffers.
// CHECK: llvm.func @nnc_parallel_for
// CHECK-LABEL: func.func @nnc_entry_forward
// CHECK-SAME: (%{{.*}}: !llvm.ptr) -> i32
// CHECK: constant @nnc_kernel_0
// CHECK: llvm.call @nnc_parallel_for
// CHECK: llvm.call @nnc_parallel_for
// CHECK-LABEL: func.func private @nnc_kernel_0
// CHECK: scf.for
// CHECK: memref.load
// CHECK: memref.store
// CHECK-NOT: @nnc_kernel_1
func.func @forward(%x: tensor<16xf32> {nn.kind = "input", nn.name = "x"}) -> (tensor<16xf32> {nn.name = "y"}) {
  %a = nn.map exp ["exp(x0)"] (%x) : (tensor<16xf32>) -> tensor<16xf32>
  %b = nn.map ["exp(x0)"] (%a) : (tensor<16xf32>) -> tensor<16xf32>
  return %b : tensor<16xf32>
}
