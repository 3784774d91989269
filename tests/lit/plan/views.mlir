// RUN: nnc-opt %s --nnc-form-kernels=optimization=0 --nnc-plan --nnc-verify-stage=stage=plan | FileCheck %s

// A reshape shares its input's memory: the reader gets the producer's buffer.
// CHECK-LABEL: func.func @forward
// CHECK: %[[A:.*]] = memref.view {{.*}} to memref<2x8xf32>
// CHECK: nn.kernel "a"{{ +}}naive(%{{.*}}, %[[A]])
// CHECK: nn.kernel "b"{{ +}}naive(%[[A]], %{{.*}}) : (memref<2x8xf32>, memref<16xf32>) -> ()
func.func @forward(%x: tensor<2x8xf32> {nn.kind = "input", nn.name = "x"}) -> (tensor<16xf32> {nn.name = "y"}) {
  %a = nn.map a ["exp(x0)"] (%x) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %v = nn.reshape %a : tensor<2x8xf32> -> tensor<16xf32>
  %b = nn.map b ["exp(x0)"] (%v) : (tensor<16xf32>) -> tensor<16xf32>
  return %b : tensor<16xf32>
}

// An output may not alias an input: what is returned as it came is copied.
// CHECK-LABEL: func.func @identity
// CHECK: nn.kernel "copy"{{ +}}naive(%arg0, %arg1)
func.func @identity(%x: tensor<4xf32> {nn.kind = "input", nn.name = "x"}) -> (tensor<4xf32> {nn.name = "y"}) {
  return %x : tensor<4xf32>
}

// One value returned twice fills both outputs.
// CHECK-LABEL: func.func @twice
// CHECK: nn.kernel "a"{{ +}}naive(%arg0, %[[FIRST:arg[12]]])
// CHECK: nn.kernel "copy"{{ +}}naive(%[[FIRST]], %arg{{[12]}})
func.func @twice(%x: tensor<4xf32> {nn.kind = "input", nn.name = "x"}) -> (tensor<4xf32> {nn.name = "y"}, tensor<4xf32> {nn.name = "z"}) {
  %a = nn.map a ["exp(x0)"] (%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %a, %a : tensor<4xf32>, tensor<4xf32>
}
