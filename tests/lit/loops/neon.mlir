// RUN: nnc-opt %s --nnc-form-kernels --nnc-plan="target=aarch64-linux-gnu cpu=generic" --nnc-emit-loops="target=aarch64-linux-gnu cpu=generic" --canonicalize --cse | FileCheck %s

// NEON has vectors of 16 bytes and 32 registers for them: a register tile of 13 rows by 2 vectors, four
// steps a round.
// CHECK-LABEL: func.func private @nnc_kernel_0
// CHECK: %{{.*}}:26 = scf.for {{.*}} = %c0 to %c64 step %c4
// CHECK-COUNT-104: math.fma {{.*}} : vector<4xf32>
// CHECK-NOT: math.fma
// CHECK: scf.yield
func.func @forward(%x: tensor<64x64xf32> {nn.kind = "input", nn.name = "x"}, %w: tensor<64x64xf32> {nn.kind = "input", nn.name = "w"}) -> (tensor<64x64xf32> {nn.name = "y"}) {
  %y = nn.matmul %x, %w : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

// CHECK-LABEL: func.func private @nnc_kernel_1
// CHECK: math.fma {{.*}} : vector<2xf64>
// CHECK-NOT: vector<4xf64>
func.func @exponential(%x: tensor<64xf64> {nn.kind = "input", nn.name = "x"}) -> (tensor<64xf64> {nn.name = "y"}) {
  %y = nn.map exp ["exp(x0)"] (%x) : (tensor<64xf64>) -> tensor<64xf64>
  return %y : tensor<64xf64>
}

// CHECK-LABEL: func.func private @nnc_kernel_2
// CHECK: %{{.*}}:27 = scf.for
// CHECK: math.fma {{.*}} : vector<4xf32>
// CHECK-NOT: vector<8xf32>
func.func @strided(%x: tensor<1x16x31x31xf32> {nn.kind = "input", nn.name = "x"}, %w: tensor<24x16x3x3xf32> {nn.kind = "input", nn.name = "w"}) -> (tensor<1x24x15x15xf32> {nn.name = "y"}) {
  %y = nn.conv %x, %w {stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x16x31x31xf32>, tensor<24x16x3x3xf32>) -> tensor<1x24x15x15xf32>
  return %y : tensor<1x24x15x15xf32>
}
