// RUN: nnc-opt %s --nnc-form-kernels=optimization=0 --nnc-verify-stage=stage=kernels | FileCheck %s

// Every op by itself, named after its function; a reshape stays outside: it is a
// view. What nobody uses is dropped.
// CHECK-LABEL: func.func @forward
// CHECK: %[[A:.*]] = nn.kernel "matmul"{{ +}}naive(%arg0, %arg1)
// CHECK: nn.matmul
// CHECK: nn.yield
// CHECK: %[[B:.*]] = nn.reshape %[[A]]
// CHECK: %[[C:.*]] = nn.kernel "relu"{{ +}}naive(%[[B]])
// CHECK-NOT: exp
// CHECK: return %[[C]]
func.func @forward(%x: tensor<2x3xf32>, %w: tensor<3x4xf32>) -> tensor<8xf32> {
  %a = nn.matmul %x, %w : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %b = nn.reshape %a : tensor<2x4xf32> -> tensor<8xf32>
  %c = nn.map relu ["relu(x0)"] (%b) : (tensor<8xf32>) -> tensor<8xf32>
  %d = nn.map exp ["exp(x0)"] (%b) : (tensor<8xf32>) -> tensor<8xf32>
  return %c : tensor<8xf32>
}
