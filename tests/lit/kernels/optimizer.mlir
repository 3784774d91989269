// RUN: nnc-opt %s --nnc-form-kernels=optimization=2 --nnc-plan | FileCheck %s

// The update of a large parameter joins the kernel that makes its gradient and is written in
// place; that of a small one stays apart, so that entries share kernels.
// CHECK-LABEL: func.func @large
// CHECK: nn.kernel {{.*}}contract(%arg1, %arg0, %arg2, %arg2)
// CHECK-NOT: nn.kernel
// CHECK: return
func.func @large(%x: tensor<8x512xf32> {nn.kind = "input", nn.name = "x"}, %dy: tensor<8x512xf32> {nn.kind = "input", nn.name = "dy"},
                 %w: tensor<512x512xf32> {nn.kind = "parameter", nn.name = "w"}) -> (tensor<512x512xf32> {nn.updates = 2 : i64}) {
  %dw = nn.matmul %dy, %x {transpose_a = true} : (tensor<8x512xf32>, tensor<8x512xf32>) -> tensor<512x512xf32>
  %new = nn.map sgd ["x0 - 0.1 * x1"] (%w, %dw) : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
  return %new : tensor<512x512xf32>
}

// CHECK-LABEL: func.func @small
// CHECK: nn.kernel {{.*}}contract(%arg1, %arg0, %[[GRADIENT:[a-z_0-9]+]])
// CHECK: nn.kernel "sgd"{{ +}}map(%arg2, %[[GRADIENT]], %arg2)
func.func @small(%x: tensor<8x512xf32> {nn.kind = "input", nn.name = "x"}, %dy: tensor<8x511xf32> {nn.kind = "input", nn.name = "dy"},
                 %w: tensor<511x512xf32> {nn.kind = "parameter", nn.name = "w"}) -> (tensor<511x512xf32> {nn.updates = 2 : i64}) {
  %dw = nn.matmul %dy, %x {transpose_a = true} : (tensor<8x511xf32>, tensor<8x512xf32>) -> tensor<511x512xf32>
  %new = nn.map sgd ["x0 - 0.1 * x1"] (%w, %dw) : (tensor<511x512xf32>, tensor<511x512xf32>) -> tensor<511x512xf32>
  return %new : tensor<511x512xf32>
}
