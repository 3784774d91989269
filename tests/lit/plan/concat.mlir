// RUN: nnc-opt %s --nnc-form-kernels --nnc-plan --nnc-verify-stage=stage=plan | FileCheck %s

// What is joined along the first axis that is not one is written in place: no kernel copies it.
// CHECK-LABEL: func.func @forward
// CHECK: %[[A:.*]] = memref.view %{{.*}}[%c0{{.*}}][] : memref<?xi8> to memref<1x4x16xf32>
// CHECK: nn.kernel "a"{{ +}}map(%{{.*}}, %[[A]])
// CHECK: %[[B:.*]] = memref.view %{{.*}}[%c256{{.*}}][] : memref<?xi8> to memref<1x8x16xf32>
// CHECK: nn.kernel "b"{{ +}}map(%{{.*}}, %[[B]])
// CHECK-NOT: nn.kernel "concat"
// CHECK: %[[JOINED:.*]] = memref.view %{{.*}}[%c0{{.*}}][] : memref<?xi8> to memref<1x12x16xf32>
// CHECK: nn.kernel "max_pool"{{ +}}window(%[[JOINED]],
func.func @forward(%x: tensor<1x4x16xf32> {nn.kind = "input", nn.name = "x"}, %y: tensor<1x8x16xf32> {nn.kind = "input", nn.name = "y"}) -> (tensor<1x12x8xf32> {nn.name = "z"}) {
  %a = nn.map a ["exp(x0)"] (%x) : (tensor<1x4x16xf32>) -> tensor<1x4x16xf32>
  %b = nn.map b ["exp(x0)"] (%y) : (tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  %c = nn.concat %a, %b axis 1 : (tensor<1x4x16xf32>, tensor<1x8x16xf32>) -> tensor<1x12x16xf32>
  %p, %places = nn.max_pool %c {kernel = array<i64: 2>, stride = array<i64: 2>, padding = array<i64: 0>, dilation = array<i64: 1>} : tensor<1x12x16xf32> -> tensor<1x12x8xf32>, tensor<1x12x8xi8>
  return %p : tensor<1x12x8xf32>
}
