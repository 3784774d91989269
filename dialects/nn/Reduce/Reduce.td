//===- Reduce.td - Reductions over axes ------------------------------------===//
include "dialects/nn/Attributes.td"

def NN_ReduceOp : NN_Op<"reduce", [InferTypeOpAdaptor,
    DeclareOpInterfaceMethods<NN_ElementOpInterface>,
    DeclareOpInterfaceMethods<NN_DifferentiableOpInterface>]> {
  let summary = "Combines the elements along axes, which keep size 1";
  let description = [{
    Reduced axes stay with size 1, so that results broadcast back; dropping them
    is a reshape. max and min propagate NaN and split their gradient between
    ties (torch.amax); argmax and argmin give the first position over the one axis, as i64.
  }];
  let arguments = (ins NN_Tensor:$input, NN_ReduceKindAttr:$kind, DenseI64ArrayAttr:$axes);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$kind $input `axes` $axes attr-dict `:` type($input) `->` type($result)";
}
