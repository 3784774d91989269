//===- Conv.td - Convolution and its two gradients -------------------------===//
include "dialects/nn/Nn.td"

// x [N, C, spatial...], w [K, C / groups, kernel...], y [N, K, spatial...].
// padding is the low side of each spatial axis; the high side is what the
// result's size implies. Attributes hold one value a spatial axis. `packed` is the
// weight as the kernel reads it, from winograd_filter where `winograd` names its tile,
// from pack_filter where that is 0; it changes no result.
defvar convAttributes = (ins DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$padding,
    DenseI64ArrayAttr:$dilation, I64Attr:$groups);
defvar packingAttribute = (ins DefaultValuedAttr<I64Attr, "0">:$winograd);

def NN_ConvOp : NN_Diff<"conv", [
    D<"Input", "g.convInputGrad(g.dy(), op.getWeight(), dimsOf(op.getInput()), op.getStride(), op.getPadding(), op.getDilation(), op.getGroups())">,
    D<"Weight", "g.convWeightGrad(op.getInput(), g.dy(), dimsOf(op.getWeight()), op.getStride(), op.getPadding(), op.getDilation(), op.getGroups())">]> {
  let summary = "Cross-correlation of any rank (torch conv1d, conv2d, conv3d)";
  let arguments = !con((ins NN_FloatTensor:$input, NN_FloatTensor:$weight, Optional<NN_FloatTensor>:$packed), convAttributes, packingAttribute);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$input `,` $weight (`packed` $packed^)? attr-dict `:` functional-type(operands, $result)";
  let hasVerifier = 1;
}

def NN_ConvInputGradOp : NN_Diff<"conv_input_grad", [
    D<"OutputGrad", "g.conv(g.dy(), op.getWeight(), dimsOf(op.getOutputGrad()), op.getStride(), op.getPadding(), op.getDilation(), op.getGroups())">,
    D<"Weight", "g.convWeightGrad(g.dy(), op.getOutputGrad(), dimsOf(op.getWeight()), op.getStride(), op.getPadding(), op.getDilation(), op.getGroups())">]> {
  let summary = "Adjoint of conv with respect to its input; forward of conv_transpose";
  let arguments = !con((ins NN_FloatTensor:$output_grad, NN_FloatTensor:$weight, Optional<NN_FloatTensor>:$packed), convAttributes, packingAttribute);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$output_grad `,` $weight (`packed` $packed^)? attr-dict `:` functional-type(operands, $result)";
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

def NN_WinogradFilterOp : NN_Op<"winograd_filter", [
    DeclareOpInterfaceMethods<NN_ElementOpInterface>,
    NN_NonDifferentiable<"chosen after differentiation">]> {
  let summary = "A 3x3 filter in Winograd's domain, laid out for the kernel";
  let description = [{
    weight [K, C, 3, 3] gives [R / L, P, D, L]: for L of the R channels of the result side by side
    (zeros where L does not divide R), and each of the P products of a tile (16 or 36, see
    Winograd.h), the factors of the D channels that are summed over. For a forward convolution R = K and
    D = C; with `adjoint` (an input gradient: channels swapped, taps turned) R = C and D = K.
  }];
  let arguments = (ins NN_FloatTensor:$weight, UnitAttr:$adjoint);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$weight (`adjoint` $adjoint^)? attr-dict `:` functional-type(operands, $result)";
  let hasVerifier = 1;
}

def NN_PackFilterOp : NN_Op<"pack_filter", [
    DeclareOpInterfaceMethods<NN_ElementOpInterface>,
    NN_NonDifferentiable<"chosen after differentiation">]> {
  let summary = "A filter or a matrix laid out for the kernel of a direct convolution or product";
  let description = [{
    weight [K, C / groups, kernel...] (of rank 2 for a matrix) gives [groups * (R / L), D, T, L]: for each group and L of
    its R result channels side by side (zeros where L does not divide R), the T taps of the D
    channels that are summed over. R and D of a group are its filters and channels; with
    `adjoint` (an input gradient) its channels and filters.
  }];
  let arguments = (ins NN_FloatTensor:$weight, I64Attr:$groups, UnitAttr:$adjoint);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$weight (`adjoint` $adjoint^)? attr-dict `:` functional-type(operands, $result)";
  let hasVerifier = 1;
}
