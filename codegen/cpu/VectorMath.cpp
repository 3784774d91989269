#include "codegen/cpu/VectorMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace nnc::cpu {

Value emitMath(OpBuilder &builder, Location location, MathFunction function,
               ValueRange operands) {
  Value x = operands[0];
  auto one = [&]() -> Value {
    Type scalar = getElementTypeOrSelf(x.getType());
    TypedAttr attribute = builder.getFloatAttr(scalar, 1.0);
    if (auto vector = dyn_cast<VectorType>(x.getType()))
      attribute = DenseElementsAttr::get(vector, attribute);
    return arith::ConstantOp::create(builder, location, attribute);
  };
  switch (function) {
  case MathFunction::Exp: return math::ExpOp::create(builder, location, x);
  case MathFunction::Expm1: return math::ExpM1Op::create(builder, location, x);
  case MathFunction::Log: return math::LogOp::create(builder, location, x);
  case MathFunction::Log1p: return math::Log1pOp::create(builder, location, x);
  case MathFunction::Tanh: return math::TanhOp::create(builder, location, x);
  case MathFunction::Erf: return math::ErfOp::create(builder, location, x);
  case MathFunction::Sin: return math::SinOp::create(builder, location, x);
  case MathFunction::Cos: return math::CosOp::create(builder, location, x);
  case MathFunction::Pow: return math::PowFOp::create(builder, location, x, operands[1]);
  case MathFunction::Sqrt: return math::SqrtOp::create(builder, location, x);
  case MathFunction::Rsqrt:
    return arith::DivFOp::create(builder, location, one(),
                                 math::SqrtOp::create(builder, location, x));
  case MathFunction::Logistic: {
    Value exp = math::ExpOp::create(builder, location, arith::NegFOp::create(builder, location, x));
    return arith::DivFOp::create(builder, location, one(),
                                 arith::AddFOp::create(builder, location, one(), exp));
  }
  }
  llvm_unreachable("unknown function");
}

} // namespace nnc::cpu
