//===- Shape.td - Data movement --------------------------------------------===//
include "dialects/nn/Nn.td"

def NN_ReshapeOp : NN_Diff<"reshape", [
    D<"Input", "g.reshape(g.dy(), dimsOf(op.getInput()))">]> {
  let summary = "The same elements in row-major order under another shape";
  let arguments = (ins NN_Tensor:$input);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NN_TransposeOp : NN_Diff<"transpose", [
    D<"Input", "g.transpose(g.dy(), inversePermutation(op.getPermutation()))">],
    [InferTypeOpAdaptor]> {
  let summary = "Permutes axes: result axis i is input axis permutation[i]";
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$permutation);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input $permutation attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
}

def NN_BroadcastOp : NN_Diff<"broadcast", [
    D<"Input", "g.sumTo(g.dy(), dimsOf(op.getInput()))">]> {
  let summary = "Repeats axes of size 1 and adds leading axes (torch.expand)";
  let arguments = (ins NN_Tensor:$input);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NN_SliceOp : NN_Diff<"slice", [
    D<"Input", "g.unslice(g.dy(), dimsOf(op.getInput()), op.getStarts(), op.getSteps())">]> {
  let summary = "Elements starts[a] + i * steps[a] of every axis a";
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$starts, DenseI64ArrayAttr:$steps);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `starts` $starts `steps` $steps attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NN_PadOp : NN_Diff<"pad", [
    D<"Input", "g.slice(g.dy(), op.getLow(), dimsOf(op.getInput()), interiorSteps(op.getInterior()))">]> {
  let summary = "Surrounds and interleaves with a constant";
  let description = [{
    Input element i of axis a lands at low[a] + i * (interior[a] + 1); everything
    else is `value`. The result type gives the size.
  }];
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$interior, F64Attr:$value);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `low` $low `interior` $interior `value` $value attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def NN_ConcatOp : NN_Op<"concat", [InferTypeOpAdaptor,
    DeclareOpInterfaceMethods<NN_ElementOpInterface>,
    DeclareOpInterfaceMethods<NN_DifferentiableOpInterface>]> {
  let summary = "Joins tensors along one axis (torch.cat)";
  let arguments = (ins Variadic<NN_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$inputs `axis` $axis attr-dict `:` functional-type($inputs, $result)";
}
