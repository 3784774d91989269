// RUN: nnc-opt %s --nnc-form-kernels=optimization=0 --nnc-plan --nnc-emit-loops --canonicalize --cse | FileCheck %s

// What the runtime calls beside the entry: the arena's bytes, and the sizes of the
// outputs as functions of the symbols.
// CHECK-LABEL: func.func @nnc_shapes_forward
// CHECK-SAME: (%[[SYMBOLS:.*]]: !llvm.ptr, %[[DIMS:.*]]: !llvm.ptr)
// CHECK: %[[N:.*]] = llvm.load %[[SYMBOLS]]
// CHECK: llvm.store %c10{{.*}}, %[[DIMS]]
// CHECK: %[[SECOND:.*]] = llvm.getelementptr %[[DIMS]][1]
// CHECK: llvm.store %[[N]], %[[SECOND]]
// CHECK-LABEL: func.func @nnc_arena_forward
// CHECK-SAME: (%{{.*}}: !llvm.ptr, %{{.*}}: i64) -> i64
func.func @forward(%x: tensor<?x10xf32, #nn.dims<[N], N, 10>> {nn.kind = "input", nn.name = "x"}) -> (tensor<10x?xf32, #nn.dims<[N], 10, N>> {nn.name = "y"}) attributes {nn.symbols = ["N"], nn.symbol_ranges = array<i64: 1, 64>} {
  %y = nn.transpose %x [1, 0] : tensor<?x10xf32, #nn.dims<[N], N, 10>> -> tensor<10x?xf32, #nn.dims<[N], 10, N>>
  return %y : tensor<10x?xf32, #nn.dims<[N], 10, N>>
}
