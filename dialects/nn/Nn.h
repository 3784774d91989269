// The nn dialect: everything a user of the ops includes.
#pragma once

#include "dialects/nn/Dims.h"
#include "dialects/nn/ElementEmitter.h"
#include "dialects/nn/Expr/Expr.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace nnc::nn {
class Builder;
class Grad;

/// The op has no gradient by its nature; its ODS record says why.
template <typename ConcreteOp>
class NonDifferentiable : public mlir::OpTrait::TraitBase<ConcreteOp, NonDifferentiable> {};

/// Steps of the slice that undoes a pad with that interior.
llvm::SmallVector<int64_t> interiorSteps(llvm::ArrayRef<int64_t> interior);
} // namespace nnc::nn

#include "dialects/nn/NnInterfaces.h.inc"
#include "dialects/nn/NnDialect.h.inc"
#include "dialects/nn/NnEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NnAttributes.h.inc"

#define GET_OP_CLASSES
#include "dialects/nn/Elementwise/Elementwise.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/Shape/Shape.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/Reduce/Reduce.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/Contract/Contract.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/Conv/Conv.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/Pool/Pool.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/Norm/Norm.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/Random/Random.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/Loss/Loss.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/Index/Index.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/Recurrent/Recurrent.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/Optim/Optim.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/Kernel/Kernel.h.inc"
