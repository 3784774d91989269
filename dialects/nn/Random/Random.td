//===- Random.td - Counter-based random numbers ----------------------------===//
include "dialects/nn/Nn.td"

def NN_UniformOp : NN_Op<"uniform", [NN_NonDifferentiable<"random numbers are constants">,
    DeclareOpInterfaceMethods<NN_ElementOpInterface>]> {
  let summary = "Philox 4x32-10 uniform numbers in [0, 1)";
  let description = [{
    Element i is a function of (seed, step, site, i) alone: i is the logical
    row-major index, so that numbers depend neither on layout nor on fusion nor on
    threads. `site` is unique in a function.
    Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
  }];
  let arguments = (ins NN_Scalar64:$seed, NN_Scalar64:$step, I64Attr:$site);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$seed `,` $step `site` $site attr-dict `:` functional-type(operands, $result)";
}

def NN_DropoutOp : NN_Composite<"dropout", [AllTypesMatch<["input", "result"]>]> {
  let summary = "Zeroes elements with probability p and scales the others by 1 / (1 - p)";
  let arguments = (ins NN_FloatTensor:$input, NN_Scalar64:$seed, NN_Scalar64:$step, F64Attr:$p, I64Attr:$site);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$input `,` $seed `,` $step `p` $p `site` $site attr-dict `:` functional-type(operands, $result)";
}
