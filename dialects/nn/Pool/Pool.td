//===- Pool.td - Pooling and its gradients ---------------------------------===//
include "dialects/nn/Nn.td"

// x [N, C, spatial...]; one value of each attribute a spatial axis; the result's
// type carries what ceil_mode made of the sizes.
defvar windowAttributes = (ins DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$stride,
    DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation);

def NN_MaxPoolOp : NN_Op<"max_pool", [
    DeclareOpInterfaceMethods<NN_ElementOpInterface>,
    DeclareOpInterfaceMethods<NN_DifferentiableOpInterface>]> {
  let summary = "Largest element of each window; NaN wins, the first of equals wins";
  let description = [{
    `position` is the row-major position of the maximum within its window: all
    that the gradient needs.
  }];
  let arguments = !con((ins NN_FloatTensor:$input), windowAttributes);
  let results = (outs NN_FloatTensor:$result, RankedTensorOf<[I8, I32]>:$position);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result) `,` type($position)";
}

def NN_MaxPoolGradOp : NN_Op<"max_pool_grad", [
    DeclareOpInterfaceMethods<NN_ElementOpInterface>,
    NN_NonDifferentiable<"gradients of gradients are not supported">]> {
  let summary = "Adjoint of max_pool: each window's gradient goes to its maximum";
  let arguments = !con((ins NN_FloatTensor:$output_grad, RankedTensorOf<[I8, I32]>:$position), windowAttributes);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$output_grad `,` $position attr-dict `:` functional-type(operands, $result)";
}

def NN_SumPoolOp : NN_Diff<"sum_pool", [
    D<"Input", "g.sumPoolGrad(g.dy(), dimsOf(op.getInput()), op.getKernel(), op.getStride(), op.getPadding(), op.getDilation())">]> {
  let summary = "Sum of each window; avg_pool is this times one over the divisor";
  let arguments = !con((ins NN_FloatTensor:$input), windowAttributes);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

def NN_SumPoolGradOp : NN_Diff<"sum_pool_grad", [
    D<"OutputGrad", "g.sumPool(g.dy(), dimsOf(op.getOutputGrad()), op.getKernel(), op.getStride(), op.getPadding(), op.getDilation())">]> {
  let summary = "Adjoint of sum_pool";
  let arguments = !con((ins NN_FloatTensor:$output_grad), windowAttributes);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$output_grad attr-dict `:` type($output_grad) `->` type($result)";
}
