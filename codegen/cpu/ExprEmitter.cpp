#include "codegen/cpu/ExprEmitter.h"

#include "codegen/cpu/VectorMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/ErrorHandling.h"

#include <cmath>
#include <limits>
#include <map>

using namespace mlir;
using namespace nnc;

namespace {

bool isFloat(Type elementType) { return isa<FloatType>(elementType); }

// torch's uint8 and bool count from zero; the wider integers are signed.
bool isUnsigned(Type elementType) { return elementType.getIntOrFloatBitWidth() <= 8; }

bool isIntegral(double value) { return std::nearbyint(value) == value; }

// A node's value. A constant has neither type nor op until another operand gives
// it one; what depends on scalar inputs alone stays scalar.
struct Operand {
  Value value;
  double constant = 0;

  bool isConstant() const { return !value; }
  Type elementType() const { return getElementTypeOrSelf(value.getType()); }
};

class Emitter {
public:
  Emitter(OpBuilder &builder, Location loc, ArrayRef<Value> inputs, Type floatType,
          Type numericType)
      : b(builder), loc(loc), inputs(inputs), floatType(floatType), numericType(numericType) {
    for (Value input : inputs)
      if (auto type = input ? dyn_cast<VectorType>(input.getType()) : VectorType())
        vectorType = type;
  }

  Value emit(Expr root, Type resultType) {
    for (Expr e : root.postOrder())
      if (!values.contains(e)) {
        Operand value = emitNode(e); // may move what the map holds
        values[e] = value;
      }
    return asVector(materialize(values.lookup(root), resultType));
  }

private:
  Operand emitNode(Expr e);
  Value emitFloat(Primitive primitive, ArrayRef<Value> x);
  Value emitInteger(Primitive primitive, ArrayRef<Value> x);
  Value emitCompare(Primitive primitive, Value a, Value b);
  Value emitSelect(Expr e);
  Value emitExtremum(Expr e);
  Value emitCall(Primitive primitive, ArrayRef<Value> x);
  Value emitSmallPower(Value x, int exponent);

  Value splatConstant(double value, Type elementType, Type like);
  Value constantLike(Value other, double value) {
    return splatConstant(value, getElementTypeOrSelf(other.getType()), other.getType());
  }
  Value convert(Value value, Type elementType);
  Value asVector(Value value);
  void unifyShapes(SmallVectorImpl<Value> &values);

  // The operand as a value of `elementType`.
  Value materialize(Operand operand, Type elementType) {
    return operand.isConstant() ? splatConstant(operand.constant, elementType, elementType)
                                : convert(operand.value, elementType);
  }
  Type commonType(ArrayRef<Operand> operands);
  SmallVector<Operand> operandsOf(Expr e) {
    return llvm::map_to_vector(e.operands(), [&](Expr operand) { return values.lookup(operand); });
  }
  // Operands of one element type and one shape.
  SmallVector<Value> unified(ArrayRef<Operand> operands, Type elementType) {
    SmallVector<Value> result = llvm::map_to_vector(
        operands, [&](Operand operand) { return materialize(operand, elementType); });
    unifyShapes(result);
    return result;
  }

  // No global fast-math; contraction into an FMA alone, which rounds once less.
  arith::FastMathFlags contract() { return arith::FastMathFlags::contract; }

  OpBuilder &b;
  Location loc;
  ArrayRef<Value> inputs;
  Type floatType;   // what `float(x)` and a function of integers give
  Type numericType; // of truth values in arithmetic, and of choices between constants
  VectorType vectorType;
  llvm::DenseMap<Expr, Operand> values;
  llvm::DenseMap<Value, Value> splats;
  std::map<std::pair<uint64_t, const void *>, Value> constants;
};

Value Emitter::splatConstant(double value, Type elementType, Type like) {
  Type type = elementType;
  if (auto vector = dyn_cast<VectorType>(like))
    type = vector.clone(elementType);
  Value &constant = constants[{llvm::bit_cast<uint64_t>(value), type.getAsOpaquePointer()}];
  if (constant)
    return constant;
  TypedAttr element = isFloat(elementType)       ? TypedAttr(b.getFloatAttr(elementType, value))
                      : elementType.isInteger(1) ? TypedAttr(b.getBoolAttr(value != 0))
                                                 : b.getIntegerAttr(elementType, int64_t(value));
  if (auto vector = dyn_cast<VectorType>(type))
    element = DenseElementsAttr::get(vector, Attribute(element));
  return constant = arith::ConstantOp::create(b, loc, element);
}

Value Emitter::asVector(Value value) {
  if (!vectorType || isa<VectorType>(value.getType()))
    return value;
  Value &splat = splats[value];
  if (!splat)
    splat = vector::BroadcastOp::create(b, loc, vectorType.clone(value.getType()), value);
  return splat;
}

void Emitter::unifyShapes(SmallVectorImpl<Value> &operands) {
  if (llvm::any_of(operands, [](Value v) { return isa<VectorType>(v.getType()); }))
    for (Value &operand : operands)
      operand = asVector(operand);
}

Value Emitter::convert(Value value, Type to) {
  Type from = getElementTypeOrSelf(value.getType());
  if (from == to)
    return value;
  Type type = to;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(to);
  unsigned fromBits = from.getIntOrFloatBitWidth(), toBits = to.getIntOrFloatBitWidth();
  if (to.isInteger(1))
    return emitCompare(Primitive::Ne, value, constantLike(value, 0));
  if (isFloat(from) && isFloat(to))
    return fromBits < toBits ? arith::ExtFOp::create(b, loc, type, value).getResult()
                             : arith::TruncFOp::create(b, loc, type, value).getResult();
  if (isFloat(from)) {
    if (isUnsigned(to)) // as torch: to a wide integer, then modulo 256
      return convert(convert(value, b.getI32Type()), to);
    return arith::FPToSIOp::create(b, loc, type, value);
  }
  if (isFloat(to))
    return isUnsigned(from) ? arith::UIToFPOp::create(b, loc, type, value).getResult()
                            : arith::SIToFPOp::create(b, loc, type, value).getResult();
  if (fromBits > toBits)
    return arith::TruncIOp::create(b, loc, type, value);
  return isUnsigned(from) ? arith::ExtUIOp::create(b, loc, type, value).getResult()
                          : arith::ExtSIOp::create(b, loc, type, value).getResult();
}

// The widest of the operands' types, floats before integers; a constant adopts
// it, unless it is a fraction among integers.
Type Emitter::commonType(ArrayRef<Operand> operands) {
  auto rank = [](Type t) { return t.getIntOrFloatBitWidth() + (isFloat(t) ? 1000u : 0u); };
  Type common;
  bool fraction = false;
  for (const Operand &operand : operands) {
    if (operand.isConstant())
      fraction |= !isIntegral(operand.constant);
    else if (!common || rank(operand.elementType()) > rank(common))
      common = operand.elementType();
  }
  if (!common)
    return fraction ? floatType : numericType;
  return fraction && !isFloat(common) ? floatType : common;
}

Value Emitter::emitCompare(Primitive primitive, Value x, Value y) {
  using arith::CmpFPredicate;
  using arith::CmpIPredicate;
  struct Predicates {
    CmpFPredicate ofFloats;
    CmpIPredicate ofSigned, ofUnsigned;
  };
  auto predicates = [&]() -> Predicates {
    switch (primitive) {
    case Primitive::Lt: return {CmpFPredicate::OLT, CmpIPredicate::slt, CmpIPredicate::ult};
    case Primitive::Le: return {CmpFPredicate::OLE, CmpIPredicate::sle, CmpIPredicate::ule};
    case Primitive::Gt: return {CmpFPredicate::OGT, CmpIPredicate::sgt, CmpIPredicate::ugt};
    case Primitive::Ge: return {CmpFPredicate::OGE, CmpIPredicate::sge, CmpIPredicate::uge};
    case Primitive::Eq: return {CmpFPredicate::OEQ, CmpIPredicate::eq, CmpIPredicate::eq};
    case Primitive::Ne: return {CmpFPredicate::UNE, CmpIPredicate::ne, CmpIPredicate::ne};
    default: llvm_unreachable("not a comparison");
    }
  }();
  Type type = getElementTypeOrSelf(x.getType());
  if (isFloat(type))
    return arith::CmpFOp::create(b, loc, predicates.ofFloats, x, y);
  return arith::CmpIOp::create(b, loc, isUnsigned(type) ? predicates.ofUnsigned : predicates.ofSigned,
                               x, y);
}

// select(a <= b, b, a) is emitted as select(a < b, b, a), which machines have as
// one maximum instruction; they differ in the sign of a zero.
Value Emitter::emitSelect(Expr e) {
  Expr test = e.operand(0);
  bool isExtremum = (test.is(Primitive::Le) || test.is(Primitive::Ge)) &&
                    test.operand(0) == e.operand(2) && test.operand(1) == e.operand(1);
  SmallVector<Operand> operands = operandsOf(e);
  SmallVector<Value> arms = unified({operands[1], operands[2]}, commonType({operands[1], operands[2]}));
  SmallVector<Value> all = {nullptr, arms[0], arms[1]};
  all[0] = isExtremum ? emitCompare(test.is(Primitive::Le) ? Primitive::Lt : Primitive::Gt, arms[1], arms[0])
                      : materialize(operands[0], b.getI1Type());
  unifyShapes(all);
  return arith::SelectOp::create(b, loc, all[0], all[1], all[2]);
}

// NaN on either side passes; against a constant one comparison is enough.
Value Emitter::emitExtremum(Expr e) {
  bool maximum = e.is(Primitive::Maximum);
  SmallVector<Operand> operands = operandsOf(e);
  if (operands[0].isConstant())
    std::swap(operands[0], operands[1]);
  SmallVector<Value> x = unified(operands, commonType(operands));
  Type type = getElementTypeOrSelf(x[0].getType());
  Value yields = emitCompare(maximum ? Primitive::Lt : Primitive::Gt, x[0], x[1]);
  if (!isFloat(type) || (operands[1].isConstant() && !std::isnan(operands[1].constant)))
    return arith::SelectOp::create(b, loc, yields, x[1], x[0]);
  Value otherIsNan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x[1], x[1]);
  Value larger = arith::SelectOp::create(b, loc, yields, x[1], x[0]);
  return arith::SelectOp::create(b, loc, otherIsNan, x[1], larger);
}

// x to the power -4 ... 4 by multiplication.
Value Emitter::emitSmallPower(Value x, int exponent) {
  Value power = x;
  if (std::abs(exponent) >= 2)
    power = arith::MulFOp::create(b, loc, x, x);
  if (std::abs(exponent) >= 3)
    power = arith::MulFOp::create(b, loc, power, std::abs(exponent) == 3 ? x : power);
  return exponent > 0 ? power
                      : arith::DivFOp::create(b, loc, constantLike(x, 1), power).getResult();
}

// What VectorMath has, or is made of it.
Value Emitter::emitCall(Primitive primitive, ArrayRef<Value> x) {
  auto call = [&](cpu::MathFunction function, ValueRange operands) {
    return cpu::emitMath(b, loc, function, operands);
  };
  switch (primitive) {
  case Primitive::Exp: return call(cpu::MathFunction::Exp, x);
  case Primitive::Expm1: return call(cpu::MathFunction::Expm1, x);
  case Primitive::Log: return call(cpu::MathFunction::Log, x);
  case Primitive::Log1p: return call(cpu::MathFunction::Log1p, x);
  case Primitive::Sqrt: return call(cpu::MathFunction::Sqrt, x);
  case Primitive::Rsqrt: return call(cpu::MathFunction::Rsqrt, x);
  case Primitive::Tanh: return call(cpu::MathFunction::Tanh, x);
  case Primitive::Erf: return call(cpu::MathFunction::Erf, x);
  case Primitive::Sin: return call(cpu::MathFunction::Sin, x);
  case Primitive::Cos: return call(cpu::MathFunction::Cos, x);
  case Primitive::Logistic: return call(cpu::MathFunction::Logistic, x);
  case Primitive::Pow: return call(cpu::MathFunction::Pow, x);
  case Primitive::LogSigmoid: { // min(x, 0) - log1p(exp(-|x|))
    Value zero = constantLike(x[0], 0);
    Value positive = emitCompare(Primitive::Gt, x[0], zero);
    Value low = arith::SelectOp::create(b, loc, positive, zero, x[0]);
    Value decay = arith::NegFOp::create(b, loc, math::AbsFOp::create(b, loc, x[0]));
    Value tail = call(cpu::MathFunction::Log1p, call(cpu::MathFunction::Exp, decay));
    return arith::SubFOp::create(b, loc, low, tail);
  }
  default:
    return nullptr;
  }
}

Value Emitter::emitFloat(Primitive primitive, ArrayRef<Value> x) {
  switch (primitive) {
  case Primitive::Neg: return arith::NegFOp::create(b, loc, x[0]);
  case Primitive::Add: return arith::AddFOp::create(b, loc, x[0], x[1], contract());
  case Primitive::Sub: return arith::SubFOp::create(b, loc, x[0], x[1], contract());
  case Primitive::Mul: return arith::MulFOp::create(b, loc, x[0], x[1], contract());
  case Primitive::Div: return arith::DivFOp::create(b, loc, x[0], x[1]);
  case Primitive::Fmod: return arith::RemFOp::create(b, loc, x[0], x[1]);
  case Primitive::Abs: return math::AbsFOp::create(b, loc, x[0]);
  case Primitive::Floor: return math::FloorOp::create(b, loc, x[0]);
  case Primitive::Ceil: return math::CeilOp::create(b, loc, x[0]);
  case Primitive::Round: return math::RoundEvenOp::create(b, loc, x[0]);
  case Primitive::Trunc: return math::TruncOp::create(b, loc, x[0]);
  case Primitive::IsNan:
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x[0], x[0]);
  case Primitive::IsInf:
    return emitCompare(Primitive::Eq, math::AbsFOp::create(b, loc, x[0]),
                       constantLike(x[0], std::numeric_limits<double>::infinity()));
  // torch's definitions, step by step as nnc::remainderLikeTorch and floorDivide.
  case Primitive::Remainder:
  case Primitive::FloorDiv: {
    Value zero = constantLike(x[0], 0);
    Value rest = arith::RemFOp::create(b, loc, x[0], x[1]);
    Value signsDiffer = arith::XOrIOp::create(b, loc, emitCompare(Primitive::Lt, x[1], zero),
                                              emitCompare(Primitive::Lt, rest, zero));
    Value adjust = arith::AndIOp::create(b, loc, emitCompare(Primitive::Ne, rest, zero), signsDiffer);
    if (primitive == Primitive::Remainder)
      return arith::SelectOp::create(b, loc, adjust, arith::AddFOp::create(b, loc, rest, x[1]), rest);
    Value plain = arith::DivFOp::create(b, loc, x[0], x[1]);
    Value whole = arith::DivFOp::create(b, loc, arith::SubFOp::create(b, loc, x[0], rest), x[1]);
    Value lower = arith::SubFOp::create(b, loc, whole, constantLike(x[0], 1));
    Value quotient = arith::SelectOp::create(b, loc, adjust, lower, whole);
    Value floored = math::FloorOp::create(b, loc, quotient);
    Value past = emitCompare(Primitive::Gt, arith::SubFOp::create(b, loc, quotient, floored),
                             constantLike(x[0], 0.5));
    Value upper = arith::AddFOp::create(b, loc, floored, constantLike(x[0], 1));
    Value nearest = arith::SelectOp::create(b, loc, past, upper, floored);
    Value isZero = emitCompare(Primitive::Eq, x[1], zero);
    return arith::SelectOp::create(b, loc, isZero, plain, nearest);
  }
  default:
    llvm_unreachable("handled before");
  }
}

Value Emitter::emitInteger(Primitive primitive, ArrayRef<Value> x) {
  bool isUnsignedType = isUnsigned(getElementTypeOrSelf(x[0].getType()));
  switch (primitive) {
  case Primitive::Neg: return arith::SubIOp::create(b, loc, constantLike(x[0], 0), x[0]);
  case Primitive::Add: return arith::AddIOp::create(b, loc, x[0], x[1]);
  case Primitive::Sub: return arith::SubIOp::create(b, loc, x[0], x[1]);
  case Primitive::Mul: return arith::MulIOp::create(b, loc, x[0], x[1]);
  case Primitive::Abs: return isUnsignedType ? x[0] : math::AbsIOp::create(b, loc, x[0]).getResult();
  case Primitive::Floor:
  case Primitive::Ceil:
  case Primitive::Round:
  case Primitive::Trunc: return x[0];
  case Primitive::IsNan:
  case Primitive::IsInf: return splatConstant(0, b.getI1Type(), x[0].getType());
  case Primitive::Fmod:
    return isUnsignedType ? arith::RemUIOp::create(b, loc, x[0], x[1]).getResult()
                          : arith::RemSIOp::create(b, loc, x[0], x[1]).getResult();
  // Division truncates; one lower where it was inexact and the signs differ.
  case Primitive::FloorDiv:
  case Primitive::Remainder: {
    bool wantsRest = primitive == Primitive::Remainder;
    if (isUnsignedType)
      return wantsRest ? arith::RemUIOp::create(b, loc, x[0], x[1]).getResult()
                       : arith::DivUIOp::create(b, loc, x[0], x[1]).getResult();
    Value zero = constantLike(x[0], 0);
    Value rest = arith::RemSIOp::create(b, loc, x[0], x[1]);
    Value signsDiffer = emitCompare(Primitive::Lt, arith::XOrIOp::create(b, loc, rest, x[1]), zero);
    Value adjust = arith::AndIOp::create(b, loc, emitCompare(Primitive::Ne, rest, zero), signsDiffer);
    Value plain = wantsRest ? rest : arith::DivSIOp::create(b, loc, x[0], x[1]).getResult();
    Value adjusted = wantsRest
                         ? arith::AddIOp::create(b, loc, rest, x[1]).getResult()
                         : arith::SubIOp::create(b, loc, plain, constantLike(x[0], 1)).getResult();
    return arith::SelectOp::create(b, loc, adjust, adjusted, plain);
  }
  default:
    llvm_unreachable("handled before");
  }
}

Operand Emitter::emitNode(Expr e) {
  Primitive primitive = e.primitive();
  SmallVector<Operand> operands;
  if (primitive != Primitive::Stated)
    operands = operandsOf(e);
  auto truth = [&] { return unified(operands, b.getI1Type()); };
  switch (primitive) {
  case Primitive::Input:
    assert(e.inputIndex() < inputs.size() && "an expression over more inputs than given");
    return {inputs[e.inputIndex()]};
  case Primitive::Constant: return {nullptr, e.value()};
  case Primitive::Parameter:
    llvm::report_fatal_error("an expression's parameter '" + e.parameterName() +
                             "' must be bound before its code is emitted");
  case Primitive::Stated: return values.lookup(e.operand(0));
  case Primitive::Select: return {emitSelect(e)};
  case Primitive::Maximum:
  case Primitive::Minimum: return {emitExtremum(e)};
  case Primitive::And: {
    SmallVector<Value> x = truth();
    return {arith::AndIOp::create(b, loc, x[0], x[1])};
  }
  case Primitive::Or: {
    SmallVector<Value> x = truth();
    return {arith::OrIOp::create(b, loc, x[0], x[1])};
  }
  case Primitive::Not: {
    Value x = truth()[0];
    return {arith::XOrIOp::create(b, loc, x, constantLike(x, 1))};
  }
  case Primitive::ToF32: return {materialize(operands[0], b.getF32Type())};
  case Primitive::ToF64: return {materialize(operands[0], b.getF64Type())};
  case Primitive::ToI64: return {materialize(operands[0], b.getI64Type())};
  case Primitive::ToI32: return {materialize(operands[0], b.getI32Type())};
  case Primitive::ToI1: return {materialize(operands[0], b.getI1Type())};
  case Primitive::ToFloat: return {materialize(operands[0], floatType)};
  default: break;
  }

  Type type = commonType(operands);
  if (primitive >= Primitive::Lt && primitive <= Primitive::Ne) {
    SmallVector<Value> x = unified(operands, type);
    return {emitCompare(primitive, x[0], x[1])};
  }
  bool isCall = primitive == Primitive::Pow ||
                (primitive >= Primitive::Exp && primitive <= Primitive::LogSigmoid);
  if ((isCall || primitive == Primitive::Div) && !isFloat(type))
    type = floatType;
  else if (type.isInteger(1))
    type = numericType;
  // A splat in the right operand folds into the instruction's memory broadcast.
  if ((primitive == Primitive::Add || primitive == Primitive::Mul) && operands[0].isConstant())
    std::swap(operands[0], operands[1]);
  SmallVector<Value> x = unified(operands, type);
  if (primitive == Primitive::Pow && operands[1].isConstant()) {
    double exponent = operands[1].constant;
    if (isIntegral(exponent) && std::fabs(exponent) <= 4 && exponent != 0)
      return {emitSmallPower(x[0], int(exponent))};
  }
  if (isCall)
    return {emitCall(primitive, x)};
  if (primitive == Primitive::Relu) { // one maximum instruction; NaN passes
    Value zero = constantLike(x[0], 0);
    return {arith::SelectOp::create(b, loc, emitCompare(Primitive::Lt, x[0], zero), zero, x[0])};
  }
  if (primitive == Primitive::Sign) {
    Value zero = constantLike(x[0], 0);
    Value negative = arith::SelectOp::create(b, loc, emitCompare(Primitive::Lt, x[0], zero),
                                             constantLike(x[0], -1), zero);
    return {arith::SelectOp::create(b, loc, emitCompare(Primitive::Gt, x[0], zero),
                                    constantLike(x[0], 1), negative)};
  }
  return {isFloat(type) ? emitFloat(primitive, x) : emitInteger(primitive, x)};
}

} // namespace

SmallVector<Value> nnc::cpu::emitExprs(OpBuilder &builder, Location loc, ArrayRef<Expr> exprs,
                                       ArrayRef<Value> inputs, ArrayRef<Type> resultElementTypes) {
  assert(exprs.size() == resultElementTypes.size() && "one type a result");
  // Results that are no floats compute in the float type that is around.
  Type around;
  for (Type type : resultElementTypes)
    if (isFloat(type) && !around)
      around = type;
  for (Value input : inputs)
    if (input && isFloat(getElementTypeOrSelf(input.getType())) && !around)
      around = getElementTypeOrSelf(input.getType());
  // One emitter a float type: float(x) is another value in f32 than in f64.
  std::map<const void *, Emitter> emitters;
  SmallVector<Value> results;
  for (auto [expr, resultType] : llvm::zip_equal(exprs, resultElementTypes)) {
    Type floatType = isFloat(resultType) ? resultType : around;
    Type numericType = floatType ? floatType : Type(builder.getI64Type());
    if (!floatType)
      floatType = builder.getF32Type();
    auto [emitter, created] = emitters.try_emplace(floatType.getAsOpaquePointer(), builder, loc,
                                                   inputs, floatType, numericType);
    results.push_back(emitter->second.emit(expr, resultType));
  }
  return results;
}
