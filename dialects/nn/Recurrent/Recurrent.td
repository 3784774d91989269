//===- Recurrent.td - One layer and direction of an RNN over a sequence ----===//
include "dialects/nn/Attributes.td"

def NN_RecurrenceOp : NN_Op<"recurrence", [AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<NN_DifferentiableOpInterface>]> {
  let summary = "The recurrent part of lstm, gru or rnn: all steps of one layer in one direction";
  let description = [{
    gates [T, N, G * H] are the projections of the inputs, biases included (G = 4 for lstm, 3 for
    gru, 1 for rnn; the order of torch), weight is torch's weight_hh [G * H, H], h0 and c0 [N, H].
    A step, with g the step's gates plus weight h:

      lstm   c' = sigmoid(g1) c + sigmoid(g0) tanh(g2),  h' = sigmoid(g3) tanh(c')
      gru    z = sigmoid(g1),  n = tanh(x2 + sigmoid(g0) (W2 h + bias)),  h' = (1 - z) n + z h
      rnn    h' = tanh(g0) or relu(g0)

    gru's `bias` [H] is the part of bias_hh that stands inside of the product. With `reverse` time
    runs backwards; results stay in the order of the inputs. `packed` is the weight as the kernel
    reads it, [H / L, G, H, L] with zeros where L does not divide H.

    Results: y [T, N, H]; of lstm then the cells c' [T, N, H]; of lstm and gru then what the
    gradient reads, [T, N, 4 * H]: sigmoid or tanh of every gate, and for gru W2 h + bias.
    The meaning of the op is its unrolling into other nn ops (unrollRecurrence).
  }];
  let arguments = (ins NN_FloatTensor:$gates, NN_FloatTensor:$weight, Optional<NN_FloatTensor>:$bias,
                       NN_FloatTensor:$h0, Optional<NN_FloatTensor>:$c0, Optional<NN_FloatTensor>:$packed,
                       NN_RecurrenceKindAttr:$kind, UnitAttr:$reverse);
  let results = (outs NN_FloatTensor:$y, Variadic<NN_FloatTensor>:$states);
  let assemblyFormat = "$kind (`reverse` $reverse^)? operands attr-dict `:` functional-type(operands, results)";
  let extraClassDeclaration = [{
    int64_t hiddenSize();
    ::mlir::Value cells(); ///< lstm only
    ::mlir::Value saved(); ///< lstm and gru
  }];
}

def NN_RecurrenceGradOp : NN_Op<"recurrence_grad", [AttrSizedOperandSegments,
    NN_NonDifferentiable<"gradients of gradients are not supported">]> {
  let summary = "Adjoint of recurrence: the steps from the last to the first";
  let description = [{
    Results: the gradient of the gates [T, N, G * H]; that of h0 [N, H]; of lstm then that of c0
    [N, H]; of gru then that of W2 h + bias [T, N, H]. The gradient of the weight is a product of
    these over all steps.
  }];
  let arguments = (ins NN_FloatTensor:$y_grad, Optional<NN_FloatTensor>:$cells_grad, NN_FloatTensor:$y,
                       Variadic<NN_FloatTensor>:$states, NN_FloatTensor:$weight, NN_FloatTensor:$h0,
                       Optional<NN_FloatTensor>:$c0, NN_RecurrenceKindAttr:$kind, UnitAttr:$reverse);
  let results = (outs NN_FloatTensor:$gates_grad, NN_FloatTensor:$h0_grad, Variadic<NN_FloatTensor>:$others);
  let assemblyFormat = "$kind (`reverse` $reverse^)? operands attr-dict `:` functional-type(operands, results)";
}
