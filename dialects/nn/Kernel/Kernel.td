//===- Kernel.td - A fused region with one schedule ------------------------===//
include "dialects/nn/Attributes.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

// Pure while it has results; after PLAN its effect is what it writes to memory.
def NN_KernelOp : Op<NN_Dialect, "kernel", [IsolatedFromAbove, SingleBlock,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "A fused group of ops that one schedule family emits as one kernel";
  let description = [{
    Operands become the region's arguments; the yielded values are the results.
    After PLAN the operands are memrefs, inputs first, then one for each result, and
    with `scratch` the memory that the kernel's tasks share.
    `family` says which emitter; `name` is the layer, for diagnostics and
    profiles.
  }];
  let arguments = (ins Variadic<AnyType>:$inputs, NN_FamilyAttr:$family, StrAttr:$name,
                       UnitAttr:$scratch);
  let results = (outs Variadic<AnyType>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$name $family `(` $inputs `)` attr-dict-with-keyword `:` functional-type($inputs, $outputs) $body";
  let hasVerifier = 1;
}

def NN_YieldOp : Op<NN_Dialect, "yield", [Pure, ReturnLike, Terminator]> {
  let summary = "Ends a kernel's region";
  let arguments = (ins Variadic<NN_Tensor>:$values);
  let assemblyFormat = "$values attr-dict `:` type($values)";
}
