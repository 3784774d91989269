// RUN: nnc-opt %s --nnc-pack-filters=cpu=x86-64-v3 --nnc-form-kernels --nnc-plan=cpu=x86-64-v3 --nnc-emit-loops=cpu=x86-64-v3 --canonicalize --cse | FileCheck %s

// Lanes along channels read single pixels: a padded plane keeps the order of the image, so that its
// rows are copied vector by vector, whatever the stride.
// CHECK: scf.for %{{.*}} to %c32 step %c8 {
// CHECK-NOT: vector.shuffle
// CHECK: vector.load %{{.*}} vector<8xf32>
// CHECK-NOT: vector.shuffle
// CHECK: vector.store
// CHECK: math.fma
func.func @forward(%x: tensor<1x64x32x32xf32> {nn.kind = "input", nn.name = "x"}, %w: tensor<64x64x3x3xf32> {nn.kind = "parameter", nn.name = "w"}) -> (tensor<1x64x16x16xf32> {nn.name = "y"}) {
  %y = nn.conv %x, %w {stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x64x32x32xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x16x16xf32>
  return %y : tensor<1x64x16x16xf32>
}
