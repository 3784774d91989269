// RUN: nnc-opt %s --nnc-form-kernels=optimization=2 | FileCheck %s

// A gradient reads what the forward pass made of %y, a product that is in memory
// anyway: its kernel repeats the subtraction, and the forward kernel stores no more
// than the activation. Both sums over the same tensors are one kernel.
// CHECK-LABEL: @forward_and_back
// CHECK: nn.kernel {{.*}}contract({{.*}}) : ({{.*}}) -> tensor<6x5xf32>
// CHECK: %[[ROW:.+]]:2 = nn.kernel {{.*}}row({{.*}}) -> (tensor<6x1xf32>, tensor<6x5xf32>)
// CHECK: nn.kernel {{.*}}contract(%[[ROW]]#1
// CHECK: nn.kernel {{.*}}row(
// CHECK-COUNT-2: nn.reduce{{ +}}sum
// CHECK-NOT: nn.kernel
// CHECK: return
func.func @forward_and_back(%x: tensor<6x4xf32>, %w: tensor<4x5xf32>, %v: tensor<5x5xf32>)
    -> (tensor<6x1xf32>, tensor<6x1xf32>) {
  %y = nn.matmul %x, %w : (tensor<6x4xf32>, tensor<4x5xf32>) -> tensor<6x5xf32>
  %sum = nn.reduce sum %y axes [1] : tensor<6x5xf32> -> tensor<6x1xf32>
  %centred = nn.map ["x0 - x1"] (%y, %sum) : (tensor<6x5xf32>, tensor<6x1xf32>) -> tensor<6x5xf32>
  %activation = nn.map relu ["relu(x0)"] (%centred) : (tensor<6x5xf32>) -> tensor<6x5xf32>
  %dy = nn.matmul %activation, %v : (tensor<6x5xf32>, tensor<5x5xf32>) -> tensor<6x5xf32>
  %bias = nn.reduce sum %dy axes [1] : tensor<6x5xf32> -> tensor<6x1xf32>
  %product = nn.map ["x0 * x1"] (%centred, %dy) : (tensor<6x5xf32>, tensor<6x5xf32>) -> tensor<6x5xf32>
  %scale = nn.reduce sum %product axes [1] : tensor<6x5xf32> -> tensor<6x1xf32>
  return %bias, %scale : tensor<6x1xf32>, tensor<6x1xf32>
}
