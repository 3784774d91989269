// RUN: nnc-opt %s --nnc-fold-affine | FileCheck %s

// Layer norm's factor and term, then batch norm's: of other sizes, so a second chain, which
// starts from the end of the first.
// CHECK-LABEL: func.func @forward
// CHECK: nn.map ["x0 * x1"] (%arg0, %arg1)
// CHECK: %[[END:.*]] = nn.map ["x0 + x1"]
// CHECK: nn.map ["x0 * x1"] (%[[END]], %arg4)
// CHECK: %[[Y:.*]] = nn.map ["x0 + x1"]
// CHECK: return %[[Y]]
func.func @forward(%x: tensor<2x7xf32> {nn.kind = "input"}, %weight: tensor<7xf32> {nn.kind = "parameter"}, %bias: tensor<7xf32> {nn.kind = "parameter"},
                   %mean: tensor<1x7xf32> {nn.kind = "buffer"}, %scale: tensor<1x7xf32> {nn.kind = "buffer"}) -> tensor<2x7xf32> {
  %0 = nn.map ["x0 * x1"] (%x, %weight) : (tensor<2x7xf32>, tensor<7xf32>) -> tensor<2x7xf32>
  %1 = nn.map ["x0 + x1"] (%0, %bias) : (tensor<2x7xf32>, tensor<7xf32>) -> tensor<2x7xf32>
  %2 = nn.map ["(x0 - x1) * x2"] (%1, %mean, %scale) : (tensor<2x7xf32>, tensor<1x7xf32>, tensor<1x7xf32>) -> tensor<2x7xf32>
  return %2 : tensor<2x7xf32>
}
