//===- Norm.td - Softmax and normalisation ---------------------------------===//
include "dialects/nn/Nn.td"

class NN_AxisOp<string mnemonic> : NN_Composite<mnemonic, [SameOperandsAndResultType]> {
  let arguments = (ins NN_FloatTensor:$input, I64Attr:$axis);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$input `axis` $axis attr-dict `:` type($input)";
}

def NN_SoftmaxOp : NN_AxisOp<"softmax"> {
  let summary = "exp(x - max) / sum(exp(x - max)) along an axis";
}

def NN_LogSoftmaxOp : NN_AxisOp<"log_softmax"> {
  let summary = "x - max - log(sum(exp(x - max))) along an axis";
}
