// RUN: nnc-opt %s --nnc-decompose --nnc-form-kernels=optimization=2 | FileCheck %s

// A chain of elementwise ops is one pass over memory.
// CHECK-LABEL: @pointwise
// CHECK: nn.kernel {{.*}}map(
// CHECK-COUNT-3: nn.map
// CHECK-NOT: nn.kernel
// CHECK: return
func.func @pointwise(%x: tensor<7x5xf32>, %b: tensor<5xf32>) -> tensor<7x5xf32> {
  %a = nn.map ["x0 + x1"] (%x, %b) : (tensor<7x5xf32>, tensor<5xf32>) -> tensor<7x5xf32>
  %t = nn.map tanh ["tanh(x0)"] (%a) : (tensor<7x5xf32>) -> tensor<7x5xf32>
  %y = nn.map ["x0 * x1"] (%t, %x) : (tensor<7x5xf32>, tensor<7x5xf32>) -> tensor<7x5xf32>
  return %y : tensor<7x5xf32>
}

// Maximum, sum and quotient of a softmax are one kernel.
// CHECK-LABEL: @softmax
// CHECK: nn.kernel {{.*}}row(
// CHECK-COUNT-2: nn.reduce
// CHECK-NOT: nn.kernel
// CHECK: return
func.func @softmax(%x: tensor<7x5xf32>) -> tensor<7x5xf32> {
  %y = nn.softmax %x axis 1 : tensor<7x5xf32>
  return %y : tensor<7x5xf32>
}

// Sums over different axes need a pass each.
// CHECK-LABEL: @sums
// CHECK-COUNT-2: nn.kernel {{.*}}row(
// CHECK-NOT: nn.kernel
// CHECK: return
func.func @sums(%x: tensor<7x5xf32>) -> (tensor<7x1xf32>, tensor<1x5xf32>) {
  %rows = nn.reduce sum %x axes [1] : tensor<7x5xf32> -> tensor<7x1xf32>
  %columns = nn.reduce sum %x axes [0] : tensor<7x5xf32> -> tensor<1x5xf32>
  return %rows, %columns : tensor<7x1xf32>, tensor<1x5xf32>
}

// What reads both sides of a product cannot join the kernel before it.
// CHECK-LABEL: @around
// CHECK: nn.kernel {{.*}}map(
// CHECK: nn.kernel {{.*}}contract(
// CHECK: nn.kernel {{.*}}row(
// CHECK-NOT: nn.kernel
// CHECK: return
func.func @around(%x: tensor<7x5xf32>, %w: tensor<5x5xf32>) -> tensor<7x5xf32> {
  %t = nn.map tanh ["tanh(x0)"] (%x) : (tensor<7x5xf32>) -> tensor<7x5xf32>
  %p = nn.matmul %t, %w : (tensor<7x5xf32>, tensor<5x5xf32>) -> tensor<7x5xf32>
  %s = nn.reduce sum %p axes [1] : tensor<7x5xf32> -> tensor<7x1xf32>
  %y = nn.map ["x0 * x1"] (%t, %s) : (tensor<7x5xf32>, tensor<7x1xf32>) -> tensor<7x5xf32>
  return %y : tensor<7x5xf32>
}

// An activation after pooling is the window's epilogue.
// CHECK-LABEL: @pooled
// CHECK: nn.kernel {{.*}}window(
// CHECK-NOT: nn.kernel
// CHECK: return
func.func @pooled(%x: tensor<1x3x6x6xf32>) -> tensor<1x3x3x3xf32> {
  %p, %places = nn.max_pool %x {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>} : tensor<1x3x6x6xf32> -> tensor<1x3x3x3xf32>, tensor<1x3x3x3xi8>
  %y = nn.map relu ["relu(x0)"] (%p) : (tensor<1x3x3x3xf32>) -> tensor<1x3x3x3xf32>
  return %y : tensor<1x3x3x3xf32>
}
