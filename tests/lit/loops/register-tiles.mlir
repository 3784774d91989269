// RUN: nnc-opt %s --nnc-form-kernels --nnc-plan=cpu=x86-64-v3 --nnc-emit-loops=cpu=x86-64-v3 --canonicalize --cse | FileCheck %s

// A register tile of 4 rows by 3 vectors sums four steps a round: what counting costs, it costs once.
// CHECK-LABEL: func.func private @nnc_kernel_0
// CHECK: %[[SUMS:.*]]:12 = scf.for {{.*}} = %c0 to %c64 step %c4
// CHECK-COUNT-48: math.fma
// CHECK-NOT: math.fma
// CHECK: scf.yield
func.func @forward(%x: tensor<64x64xf32> {nn.kind = "input", nn.name = "x"}, %w: tensor<64x64xf32> {nn.kind = "input", nn.name = "w"}) -> (tensor<64x64xf32> {nn.name = "y"}) {
  %y = nn.matmul %x, %w : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

// A direct convolution takes a row of the filter's taps a round, at distances that LLVM does not
// see: it would keep the elements that they share in registers.
// CHECK-LABEL: func.func private @nnc_kernel_1
// CHECK: llvm.inline_asm
// CHECK: scf.for
// CHECK-COUNT-36: math.fma
// CHECK-NOT: math.fma
// CHECK: scf.yield
func.func @strided(%x: tensor<1x16x31x31xf32> {nn.kind = "input", nn.name = "x"}, %w: tensor<24x16x3x3xf32> {nn.kind = "input", nn.name = "w"}) -> (tensor<1x24x15x15xf32> {nn.name = "y"}) {
  %y = nn.conv %x, %w {stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x16x31x31xf32>, tensor<24x16x3x3xf32>) -> tensor<1x24x15x15xf32>
  return %y : tensor<1x24x15x15xf32>
}
