// RUN: nnc-opt %s --nnc-pack-filters=cpu=x86-64-v3 | FileCheck %s
// RUN: nnc-opt %s --nnc-pack-filters=cpu=x86-64-v4 | FileCheck %s --check-prefix=MORE

// With sixteen registers filters of one element are products. Long sums go with lanes along
// channels, by a packed filter; shorter ones along pixels, as it is; of few pixels or with
// strides along channels again.
// CHECK-LABEL: func.func @forward
// CHECK: %[[LONG:.*]] = nn.pack_filter %arg1 {groups = 1 : i64} : (tensor<64x256x1x1xf32>) -> tensor<8x256x1x8xf32>
// CHECK: nn.conv %arg0, %arg1 packed %[[LONG]]
// CHECK: nn.conv %arg4, %arg2 {
// CHECK: %[[STRIDED:.*]] = nn.pack_filter %arg3 {groups = 1 : i64} : (tensor<64x128x1x1xf32>) -> tensor<8x128x1x8xf32>
// CHECK: nn.conv %arg4, %arg3 packed %[[STRIDED]]

// With thirty-two that with a stride alone.
// MORE-LABEL: func.func @forward
// MORE: nn.conv %arg0, %arg1 {
// MORE: nn.conv %arg4, %arg2 {
// MORE: %[[STRIDED:.*]] = nn.pack_filter %arg3 {groups = 1 : i64} : (tensor<64x128x1x1xf32>) -> tensor<4x128x1x16xf32>
// MORE: nn.conv %arg4, %arg3 packed %[[STRIDED]]
func.func @forward(%x: tensor<1x256x14x14xf32> {nn.kind = "input"}, %long: tensor<64x256x1x1xf32> {nn.kind = "parameter"},
                   %short: tensor<256x128x1x1xf32> {nn.kind = "parameter"}, %strided: tensor<64x128x1x1xf32> {nn.kind = "parameter"},
                   %z: tensor<1x128x14x14xf32> {nn.kind = "input"})
    -> (tensor<1x64x14x14xf32>, tensor<1x256x14x14xf32>, tensor<1x64x7x7xf32>) {
  %a = nn.conv %x, %long {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x256x14x14xf32>, tensor<64x256x1x1xf32>) -> tensor<1x64x14x14xf32>
  %b = nn.conv %z, %short {stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x128x14x14xf32>, tensor<256x128x1x1xf32>) -> tensor<1x256x14x14xf32>
  %c = nn.conv %z, %strided {stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x128x14x14xf32>, tensor<64x128x1x1xf32>) -> tensor<1x64x7x7xf32>
  return %a, %b, %c : tensor<1x64x14x14xf32>, tensor<1x256x14x14xf32>, tensor<1x64x7x7xf32>
}
