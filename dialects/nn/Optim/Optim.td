//===- Optim.td - One optimizer step of one parameter ----------------------===//
include "dialects/nn/Nn.td"

// Each op is what torch.optim does to one parameter: pure, the new values are
// results. `lr` and `step` (f32/f64 scalar; the number of this step, from 1) are
// tensors because they change at run time.

def NN_SgdOp : NN_Composite<"sgd"> {
  let summary = "torch.optim.SGD: momentum, dampening, weight decay, Nesterov";
  let arguments = (ins NN_FloatTensor:$parameter, NN_FloatTensor:$gradient, NN_FloatTensor:$lr,
    Optional<NN_FloatTensor>:$momentum_buffer, NN_FloatTensor:$step,
    F64Attr:$momentum, F64Attr:$dampening, F64Attr:$weight_decay, BoolAttr:$nesterov, BoolAttr:$maximize);
  let results = (outs NN_FloatTensor:$new_parameter, Optional<NN_FloatTensor>:$new_momentum_buffer);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

def NN_AdamOp : NN_Composite<"adam"> {
  let summary = "torch.optim.Adam and AdamW (decoupled weight decay), with amsgrad";
  let description = "Kingma and Ba, arXiv:1412.6980; Loshchilov and Hutter, arXiv:1711.05101.";
  let arguments = (ins NN_FloatTensor:$parameter, NN_FloatTensor:$gradient, NN_FloatTensor:$lr,
    NN_FloatTensor:$exp_avg, NN_FloatTensor:$exp_avg_sq, Optional<NN_FloatTensor>:$max_exp_avg_sq,
    NN_FloatTensor:$step,
    F64Attr:$beta1, F64Attr:$beta2, F64Attr:$eps, F64Attr:$weight_decay, BoolAttr:$decoupled, BoolAttr:$maximize);
  let results = (outs NN_FloatTensor:$new_parameter, NN_FloatTensor:$new_exp_avg,
    NN_FloatTensor:$new_exp_avg_sq, Optional<NN_FloatTensor>:$new_max_exp_avg_sq);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}
