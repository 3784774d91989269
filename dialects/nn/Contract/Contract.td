//===- Contract.td - Matrix products ---------------------------------------===//
include "dialects/nn/Nn.td"

def NN_MatmulOp : NN_Diff<"matmul", [
    D<"A", "op.getTransposeA() ? g.matmul(op.getB(), g.dy(), op.getTransposeB(), true)"
           " : g.matmul(g.dy(), op.getB(), false, !op.getTransposeB())">,
    D<"B", "op.getTransposeB() ? g.matmul(g.dy(), op.getA(), true, op.getTransposeA())"
           " : g.matmul(op.getA(), g.dy(), !op.getTransposeA(), false)">],
    [InferTypeOpAdaptor]> {
  let summary = "Batched matrix product";
  let description = [{
    a [B..., M, K] times b [B..., K, N] gives [B..., M, N]; transpose_a reads a
    as [B..., K, M], transpose_b reads b as [B..., N, K] (nn.Linear's weight).
    Batch axes of a and b are equal; the builder broadcasts. `packed` is b as the kernel
    reads it (pack_filter); it changes no result.
  }];
  let arguments = (ins NN_FloatTensor:$a, NN_FloatTensor:$b, Optional<NN_FloatTensor>:$packed,
                       DefaultValuedAttr<BoolAttr, "false">:$transpose_a,
                       DefaultValuedAttr<BoolAttr, "false">:$transpose_b);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$a `,` $b (`packed` $packed^)? attr-dict `:` functional-type(operands, $result)";
}
