#include "codegen/cpu/VectorMath.h"

#include "codegen/cpu/VectorMathEmitter.h"

using namespace mlir;

namespace nnc::cpu {

Value emitMath(OpBuilder &builder, Location location, MathFunction function,
               ValueRange operands) {
  Value x = operands[0];
  VectorMathEmitter e(builder, location, x.getType());
  switch (function) {
  case MathFunction::Exp: return emitExp(e, x);
  case MathFunction::Expm1: return emitExpm1(e, x);
  case MathFunction::Log: return emitLog(e, x);
  case MathFunction::Log1p: return emitLog1p(e, x);
  case MathFunction::Tanh: return emitTanh(e, x);
  case MathFunction::Erf: return emitErf(e, x);
  case MathFunction::Logistic: return emitLogistic(e, x);
  case MathFunction::Sin: return emitSin(e, x);
  case MathFunction::Cos: return emitCos(e, x);
  case MathFunction::Pow: return emitPow(e, x, operands[1]);
  case MathFunction::Sqrt: return e.squareRoot(x);
  case MathFunction::GatedTanh: return emitGatedTanh(e, x, operands[1]);
  case MathFunction::Rsqrt: return e.div(e.constant(1.0), e.squareRoot(x));
  }
  llvm_unreachable("every function has a case");
}

} // namespace nnc::cpu
