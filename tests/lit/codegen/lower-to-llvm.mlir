// RUN: nnc-opt %s --nnc-lower-to-llvm | FileCheck %s

// The tail of a row: one masked load, one masked store, no stack memory.
// CHECK-LABEL: llvm.func @relu_tail
// CHECK-NOT: llvm.alloca
// CHECK: llvm.intr.masked.load
// CHECK: llvm.fcmp "ogt"
// CHECK: llvm.select
// CHECK: llvm.intr.masked.store
func.func @relu_tail(%x: memref<?xf32>, %begin: index, %active: index) {
  %zeros = arith.constant dense<0.0> : vector<16xf32>
  %mask = vector.create_mask %active : vector<16xi1>
  %v = vector.maskedload %x[%begin], %mask, %zeros : memref<?xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
  %positive = arith.cmpf ogt, %v, %zeros : vector<16xf32>
  %y = arith.select %positive, %v, %zeros : vector<16xi1>, vector<16xf32>
  vector.maskedstore %x[%begin], %mask, %y : memref<?xf32>, vector<16xi1>, vector<16xf32>
  return
}

// A sum may be reassociated into a tree.
// CHECK-LABEL: llvm.func @sum
// CHECK: llvm.intr.vector.reduce.fadd{{.*}}fastmathFlags = #llvm.fastmath<reassoc>
func.func @sum(%v: vector<16xf32>) -> f32 {
  %s = vector.reduction <add>, %v : vector<16xf32> into f32
  return %s : f32
}
