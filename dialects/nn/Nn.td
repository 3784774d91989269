//===- Nn.td - The nn dialect: base classes shared by every family --------===//
//
// The dialect is pure: tensors in, tensors out, torch semantics. Each family of
// ops has its own folder with one .td and one .cpp.
//
//===----------------------------------------------------------------------===//
#ifndef NNC_NN_TD
#define NNC_NN_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/nn/Interfaces.td"

def NN_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::nnc::nn";
  let summary = "torch.nn modules as pure ops on tensors";
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    // One registration function a family keeps translation units small.
    void registerElementwiseOps(); void registerShapeOps(); void registerReduceOps();
    void registerContractOps(); void registerConvOps(); void registerPoolOps();
    void registerNormOps(); void registerRandomOps(); void registerOptimOps();
    void registerLossOps(); void registerIndexOps(); void registerRecurrentOps();
    void registerKernelOps(); void registerAttributes();
  }];
}

/// The sizes of a tensor with dynamic dimensions, as expressions over the
/// symbols of its function: tensor<?x10xf32, #nn.dims<[N], N, 10>>. The identity
/// of a dimension is never lost, so N and 2 * N stay comparable.
def NN_DimsAttr : AttrDef<NN_Dialect, "Dims"> {
  let mnemonic = "dims";
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$symbols,
                        ArrayRefParameter<"::mlir::AffineExpr">:$dims);
  let hasCustomAssemblyFormat = 1;
}

def NN_Float : AnyTypeOf<[F32, F64]>;
def NN_Tensor : RankedTensorOf<[F32, F64, I64, I32, I8, I1]>;
def NN_FloatTensor : RankedTensorOf<[NN_Float]>;
def NN_Scalar64 : 0DTensorOf<[I64]>;

/// An op without a gradient, and why.
class NN_NonDifferentiable<string reason> : NativeOpTrait<"NonDifferentiable"> {
  string why = reason;
  let cppNamespace = "::nnc::nn";
}

class NN_Op<string mnemonic, list<Trait> traits = []>
    : Op<NN_Dialect, mnemonic, !listconcat(traits, [Pure])>;

/// One gradient: the operand's name and an expression that makes its adjoint.
/// `g` is the nnc::nn::Grad at hand, `op` the op.
class D<string operand_, string expr_> { string operand = operand_; string expr = expr_; }

/// A structured op: its own meaning (emitElement) and its gradients, stated as
/// expressions over the builder.
class NN_Diff<string mnemonic, list<D> gradients, list<Trait> traits = []>
    : NN_Op<mnemonic, !listconcat(traits, [
        DeclareOpInterfaceMethods<NN_ElementOpInterface>,
        DeclareOpInterfaceMethods<NN_DifferentiableOpInterface>])> {
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::vjp(::nnc::nn::Grad &g) { auto op = *this; (void)op;
  }] # !interleave(!foreach(d, gradients,
      "if (g.needs(op.get" # d.operand # "())) g.push(op.get" # d.operand #
      "(), [&]() -> ::mlir::Value { return " # d.expr # "; });"), "\n") # [{
      return ::llvm::success(); } }];
}

/// A composite op: a decomposition into other nn ops, which are differentiated.
class NN_Composite<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, !listconcat(traits, [
        DeclareOpInterfaceMethods<NN_DecomposableOpInterface>])>;

#endif // NNC_NN_TD
