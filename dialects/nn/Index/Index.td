//===- Index.td - Reading and adding at positions held by a tensor ---------===//
include "dialects/nn/Nn.td"

def NN_IndexTensor : RankedTensorOf<[I64, I32]>;

// Reads outside of an axis are held at its ends, so that no value of an index can
// read foreign memory; the boundary of a function checks the inputs (nn.range).

def NN_GatherOp : NN_Diff<"gather", [
    D<"Input", "g.scatterAdd(g.dy(), op.getIndex(), dimsOf(op.getInput()), op.getAxis(), op.getPadding())">]> {
  let summary = "Whole slices by their positions along an axis (torch embedding, index_select)";
  let description = [{
    input [A..., R, B...] and index [I...] give [A..., I..., B...]: element (a, i, b) is
    input[a, index[i], b]. Slices at position `padding` (-1: none) get no gradient.
  }];
  let arguments = (ins NN_Tensor:$input, NN_IndexTensor:$index, I64Attr:$axis, DefaultValuedAttr<I64Attr, "-1">:$padding);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `,` $index `axis` $axis attr-dict `:` functional-type(operands, $result)";
  let hasVerifier = 1;
}

def NN_ScatterAddOp : NN_Diff<"scatter_add", [
    D<"Input", "g.gather(withoutRow(g, g.dy(), op.getAxis(), op.getPadding()), op.getIndex(), op.getAxis())">]> {
  let summary = "Adjoint of gather: sums slices at their positions, in the order of the index";
  let arguments = (ins NN_FloatTensor:$input, NN_IndexTensor:$index, I64Attr:$axis, DefaultValuedAttr<I64Attr, "-1">:$padding);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$input `,` $index `axis` $axis attr-dict `:` functional-type(operands, $result)";
}

def NN_GatherElementsOp : NN_Diff<"gather_elements", [
    D<"Input", "g.scatterAddElements(g.dy(), op.getIndex(), dimsOf(op.getInput()), op.getAxis())">]> {
  let summary = "Single elements by their positions along an axis (torch gather)";
  let description = [{
    The result has the index's shape: element (a, i, b) is input[a, index[a, i, b], b].
  }];
  let arguments = (ins NN_Tensor:$input, NN_IndexTensor:$index, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `,` $index `axis` $axis attr-dict `:` functional-type(operands, $result)";
}

def NN_ScatterAddElementsOp : NN_Diff<"scatter_add_elements", [
    D<"Input", "g.gatherElements(g.dy(), op.getIndex(), op.getAxis())">]> {
  let summary = "Adjoint of gather_elements";
  let arguments = (ins NN_FloatTensor:$input, NN_IndexTensor:$index, I64Attr:$axis);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$input `,` $index `axis` $axis attr-dict `:` functional-type(operands, $result)";
}
