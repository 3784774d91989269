//===- Conv.td - Convolution and its two gradients -------------------------===//
include "dialects/nn/Nn.td"

// x [N, C, spatial...], w [K, C / groups, kernel...], y [N, K, spatial...].
// padding is the low side of each spatial axis; the high side is what the
// result's size implies. Attributes hold one value a spatial axis.
defvar convAttributes = (ins DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding,
    DenseI64ArrayAttr:$dilation, I64Attr:$groups);

def NN_ConvOp : NN_Diff<"conv", [
    D<"Input", "g.convInputGrad(g.dy(), op.getWeight(), dimsOf(op.getInput()), op.getStride(), op.getPadding(), op.getDilation(), op.getGroups())">,
    D<"Weight", "g.convWeightGrad(op.getInput(), g.dy(), dimsOf(op.getWeight()), op.getStride(), op.getPadding(), op.getDilation(), op.getGroups())">]> {
  let summary = "Cross-correlation of any rank (torch conv1d, conv2d, conv3d)";
  let arguments = !con((ins NN_FloatTensor:$input, NN_FloatTensor:$weight), convAttributes);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` functional-type(operands, $result)";
  let hasVerifier = 1;
}

def NN_ConvInputGradOp : NN_Diff<"conv_input_grad", [
    D<"OutputGrad", "g.conv(g.dy(), op.getWeight(), dimsOf(op.getOutputGrad()), op.getStride(), op.getPadding(), op.getDilation(), op.getGroups())">,
    D<"Weight", "g.convWeightGrad(g.dy(), op.getOutputGrad(), dimsOf(op.getWeight()), op.getStride(), op.getPadding(), op.getDilation(), op.getGroups())">]> {
  let summary = "Adjoint of conv with respect to its input; forward of conv_transpose";
  let arguments = !con((ins NN_FloatTensor:$output_grad, NN_FloatTensor:$weight), convAttributes);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$output_grad `,` $weight attr-dict `:` functional-type(operands, $result)";
  let hasVerifier = 1;
}

def NN_ConvWeightGradOp : NN_Diff<"conv_weight_grad", [
    D<"Input", "g.convInputGrad(op.getOutputGrad(), g.dy(), dimsOf(op.getInput()), op.getStride(), op.getPadding(), op.getDilation(), op.getGroups())">,
    D<"OutputGrad", "g.conv(op.getInput(), g.dy(), dimsOf(op.getOutputGrad()), op.getStride(), op.getPadding(), op.getDilation(), op.getGroups())">]> {
  let summary = "Adjoint of conv with respect to its weight";
  let arguments = !con((ins NN_FloatTensor:$input, NN_FloatTensor:$output_grad), convAttributes);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$input `,` $output_grad attr-dict `:` functional-type(operands, $result)";
  let hasVerifier = 1;
}
