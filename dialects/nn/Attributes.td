//===- Attributes.td - Attributes and enums of all families ----------------===//
#ifndef NNC_NN_ATTRIBUTES_TD
#define NNC_NN_ATTRIBUTES_TD

include "mlir/IR/EnumAttr.td"
include "dialects/nn/Nn.td"

class NN_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::nnc::nn";
  let genSpecializedAttr = 0;
}

def NN_ReduceKind : NN_Enum<"ReduceKind", "how elements are combined", [
    I32EnumAttrCase<"sum", 0>, I32EnumAttrCase<"max", 1>, I32EnumAttrCase<"min", 2>,
    I32EnumAttrCase<"prod", 3>, I32EnumAttrCase<"argmax", 4>, I32EnumAttrCase<"argmin", 5>]>;
def NN_ReduceKindAttr : EnumAttr<NN_Dialect, NN_ReduceKind, "reduce_kind">;

def NN_Reduction : NN_Enum<"Reduction", "torch's reduction of a loss", [
    I32EnumAttrCase<"none", 0>, I32EnumAttrCase<"mean", 1>, I32EnumAttrCase<"sum", 2>]>;
def NN_ReductionAttr : EnumAttr<NN_Dialect, NN_Reduction, "reduction">;

def NN_RecurrenceKind : NN_Enum<"RecurrenceKind", "the cell of a recurrent layer", [
    I32EnumAttrCase<"lstm", 0>, I32EnumAttrCase<"gru", 1>,
    I32EnumAttrCase<"rnn_tanh", 2>, I32EnumAttrCase<"rnn_relu", 3>]>;
def NN_RecurrenceKindAttr : EnumAttr<NN_Dialect, NN_RecurrenceKind, "recurrence_kind">;

def NN_Family : NN_Enum<"Family", "schedule family", [
    I32EnumAttrCase<"naive", 0>, I32EnumAttrCase<"map", 1>, I32EnumAttrCase<"row", 2>,
    I32EnumAttrCase<"contract", 3>, I32EnumAttrCase<"window", 4>,
    I32EnumAttrCase<"sequence", 5>, I32EnumAttrCase<"scatter", 6>,
    I32EnumAttrCase<"pack", 7>]>;
def NN_FamilyAttr : EnumAttr<NN_Dialect, NN_Family, "family">;

#endif // NNC_NN_ATTRIBUTES_TD
