//===- Interfaces.td - What an nn op can be asked --------------------------===//
#ifndef NNC_NN_INTERFACES_TD
#define NNC_NN_INTERFACES_TD

include "mlir/IR/OpBase.td"

def NN_DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let description = "States the adjoints of the operands, given those of the results.";
  let cppNamespace = "::nnc::nn";
  let methods = [InterfaceMethod<
    "Pushes the adjoint of every operand that needs one.",
    "::llvm::LogicalResult", "vjp", (ins "::nnc::nn::Grad &":$g)>];
}

def NN_DecomposableOpInterface : OpInterface<"DecomposableOpInterface"> {
  let description = "A composite op: rewritten into other nn ops before differentiation.";
  let cppNamespace = "::nnc::nn";
  let methods = [InterfaceMethod<
    "Builds the decomposition; returns one value for each result.",
    "::llvm::SmallVector<::mlir::Value>", "decompose", (ins "::nnc::nn::Builder &":$b)>];
}

def NN_ElementOpInterface : OpInterface<"ElementOpInterface"> {
  let description = [{
    The executable meaning of an op: the code that computes one element of one
    result from elements of the operands. The naive lowering, the reference that
    every optimised kernel is compared with, is a loop nest around it.
  }];
  let cppNamespace = "::nnc::nn";
  let methods = [InterfaceMethod<
    "Emits scalar code for element `index` of result `result`.",
    "::mlir::Value", "emitElement",
    (ins "::nnc::nn::ElementEmitter &":$e, "unsigned":$result, "::mlir::ValueRange":$index)>];
}

#endif // NNC_NN_INTERFACES_TD
