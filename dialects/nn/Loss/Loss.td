//===- Loss.td - Losses that are more than a map and a mean ----------------===//
include "dialects/nn/Attributes.td"

def NN_NllLossOp : NN_Composite<"nll_loss"> {
  let summary = "-weight[t] * x[n, t, ...] of the target class t (torch nll_loss)";
  let description = [{
    x [N, C, d...] holds log-probabilities, target [N, d...] classes (x [C] and
    target [] without batch). Positions with target == ignore_index count
    nothing; `mean` divides by the sum of the weights used.
  }];
  let arguments = (ins NN_FloatTensor:$input, NN_Tensor:$target, Optional<NN_FloatTensor>:$weight,
                       I64Attr:$ignore_index, NN_ReductionAttr:$reduction);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$input `,` $target (`weight` $weight^)? `ignore` $ignore_index `reduction` $reduction attr-dict `:` functional-type(operands, $result)";
}

def NN_CrossEntropyOp : NN_Composite<"cross_entropy"> {
  let summary = "log_softmax followed by nll_loss, with label smoothing; or class probabilities";
  let arguments = (ins NN_FloatTensor:$input, NN_Tensor:$target, Optional<NN_FloatTensor>:$weight,
                       I64Attr:$ignore_index, NN_ReductionAttr:$reduction, F64Attr:$label_smoothing);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$input `,` $target (`weight` $weight^)? `ignore` $ignore_index `reduction` $reduction `smoothing` $label_smoothing attr-dict `:` functional-type(operands, $result)";
}
