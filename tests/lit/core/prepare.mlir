// RUN: nnc-opt %s --nnc-outline-prepare | FileCheck %s

// What the parameters alone decide is computed once, by @prepare. What has a size of the
// call (here the broadcast state and its tanh) is not known before it.
// CHECK: func.func @prepare(%[[B:.*]]: tensor<3xf32> {{.*}}, %{{.*}}: tensor<3xf32> {nn.kind = "prepared", nn.name = "0"})
// CHECK-NEXT: %[[E:.*]] = nn.map ["exp(x0)"] (%[[B]])
// CHECK-NEXT: return %[[E]] : tensor<3xf32>
// CHECK: func.func @forward(%arg0: {{.*}}, %[[P:.*]]: tensor<3xf32> {nn.kind = "parameter", nn.name = "b"}, %[[READY:.*]]: tensor<3xf32> {nn.kind = "prepared", nn.name = "0"})
// CHECK-NEXT: %[[STATE:.*]] = nn.broadcast %[[P]]
// CHECK-NEXT: %[[T:.*]] = nn.map ["tanh(x0)"] (%[[STATE]])
// CHECK-NEXT: nn.map ["x0 * x1 + x2"] (%arg0, %[[READY]], %[[T]])
!batch = tensor<?x3xf32, #nn.dims<[N], N, 3>>
func.func @forward(%x: !batch {nn.kind = "input", nn.name = "x"}, %b: tensor<3xf32> {nn.kind = "parameter", nn.name = "b"})
    -> (!batch {nn.name = "y"}) attributes {nn.symbols = ["N"], nn.symbol_ranges = array<i64: 1, 8>} {
  %e = nn.map ["exp(x0)"] (%b) : (tensor<3xf32>) -> tensor<3xf32>
  %state = nn.broadcast %b : tensor<3xf32> -> !batch
  %t = nn.map ["tanh(x0)"] (%state) : (!batch) -> !batch
  %y = nn.map ["x0 * x1 + x2"] (%x, %e, %t) : (!batch, tensor<3xf32>, !batch) -> !batch
  return %y : !batch
}
