//===- Elementwise.td - nn.map, nn.iota ------------------------------------===//
include "dialects/nn/Nn.td"

def NN_MapOp : NN_Op<"map", [
    DeclareOpInterfaceMethods<NN_ElementOpInterface>,
    DeclareOpInterfaceMethods<NN_DifferentiableOpInterface>]> {
  let summary = "Scalar expressions applied to every element";
  let description = [{
    Results are `exprs[r](x0, x1, ...)` element by element; operands broadcast
    against the result shape as torch does. Every elementwise function of the
    table dialects/nn/Expr/Functions is a map with that function's expression;
    its derivative is derived from the expression. `fn` is the name for readers.
    Without operands it is a constant fill.

    ```mlir
    %y = nn.map relu ["relu(x0)"] (%x) : (tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
  let arguments = (ins Variadic<NN_Tensor>:$inputs, StrArrayAttr:$exprs, OptionalAttr<StrAttr>:$fn);
  let results = (outs Variadic<NN_Tensor>:$outputs);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The expression of result `r`, parsed.
    ::nnc::Expr getExpr(unsigned r);
    /// The names expressions use for operands: x0, x1, ...
    static ::llvm::SmallVector<std::string> operandNames(unsigned count);
  }];
}

def NN_IotaOp : NN_Op<"iota", [NN_NonDifferentiable<"a constant">,
    DeclareOpInterfaceMethods<NN_ElementOpInterface>]> {
  let summary = "Counts 0, 1, ... along one axis";
  let arguments = (ins I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$axis attr-dict `:` type($result)";
}

def NN_SizeOp : NN_Op<"size", [NN_NonDifferentiable<"a size is a constant">,
    DeclareOpInterfaceMethods<NN_ElementOpInterface>]> {
  let summary = "A symbolic size (the one entry of `dims`) as a scalar";
  let arguments = (ins NN_DimsAttr:$dims);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$dims attr-dict `:` type($result)";
}
