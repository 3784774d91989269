// What VectorMath's functions are written in: arithmetic on values of one shape
// (scalar or vector) of f32 or f64, and on their bits. Every method makes one or
// two operations; nothing here makes a call or a branch.
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace nnc::cpu {

class VectorMathEmitter {
public:
  using Value = mlir::Value;
  using Predicate = mlir::arith::CmpFPredicate;

  VectorMathEmitter(mlir::OpBuilder &builder, mlir::Location location, mlir::Type type)
      : builder(builder), location(location), type(type),
        isDouble(mlir::getElementTypeOrSelf(type).isF64()),
        bitsType(withElement(builder.getIntegerType(isDouble ? 64 : 32))) {}

  /// The same shape with elements of f64.
  VectorMathEmitter wide() { return {builder, location, withElement(builder.getF64Type())}; }

  bool is64() const { return isDouble; }
  /// Bits of the mantissa that are stored: 23 or 52.
  int mantissaBits() const { return isDouble ? 52 : 23; }
  /// The exponent field of 1.0: 127 or 1023.
  int64_t bias() const { return isDouble ? 1023 : 127; }

  Value constant(double value) {
    return splat(type, builder.getFloatAttr(mlir::getElementTypeOrSelf(type), value));
  }
  Value integer(int64_t value) {
    return splat(bitsType, builder.getIntegerAttr(mlir::getElementTypeOrSelf(bitsType), value));
  }

  Value add(Value a, Value b) { return make<mlir::arith::AddFOp>(a, b); }
  Value sub(Value a, Value b) { return make<mlir::arith::SubFOp>(a, b); }
  Value mul(Value a, Value b) { return make<mlir::arith::MulFOp>(a, b); }
  Value div(Value a, Value b) { return make<mlir::arith::DivFOp>(a, b); }
  Value fma(Value a, Value b, Value c) { return make<mlir::math::FmaOp>(a, b, c); }
  Value negate(Value a) { return make<mlir::arith::NegFOp>(a); }
  Value absolute(Value a) { return make<mlir::math::AbsFOp>(a); }
  Value squareRoot(Value a) { return make<mlir::math::SqrtOp>(a); }
  Value floor(Value a) { return make<mlir::math::FloorOp>(a); }
  Value copySign(Value magnitude, Value sign) {
    return make<mlir::math::CopySignOp>(magnitude, sign);
  }

  Value compare(Predicate predicate, Value a, Value b) {
    return mlir::arith::CmpFOp::create(builder, location, predicate, a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return make<mlir::arith::SelectOp>(condition, a, b);
  }
  Value both(Value a, Value b) { return make<mlir::arith::AndIOp>(a, b); }
  Value either(Value a, Value b) { return make<mlir::arith::OrIOp>(a, b); }
  /// min(a, bound), and NaN where a is NaN: one instruction, unlike arith.minimumf.
  Value atMost(Value a, double bound) {
    Value limit = constant(bound);
    return select(compare(Predicate::OGT, a, limit), limit, a);
  }
  Value atLeast(Value a, double bound) {
    Value limit = constant(bound);
    return select(compare(Predicate::OLT, a, limit), limit, a);
  }

  Value bits(Value a) { return mlir::arith::BitcastOp::create(builder, location, bitsType, a); }
  Value real(Value a) { return mlir::arith::BitcastOp::create(builder, location, type, a); }
  Value addBits(Value a, Value b) { return make<mlir::arith::AddIOp>(a, b); }
  Value subBits(Value a, Value b) { return make<mlir::arith::SubIOp>(a, b); }
  Value andBits(Value a, Value b) { return make<mlir::arith::AndIOp>(a, b); }
  Value orBits(Value a, Value b) { return make<mlir::arith::OrIOp>(a, b); }
  Value xorBits(Value a, Value b) { return make<mlir::arith::XOrIOp>(a, b); }
  Value shiftLeft(Value a, int count) { return make<mlir::arith::ShLIOp>(a, integer(count)); }
  Value shiftRight(Value a, int count) { return make<mlir::arith::ShRUIOp>(a, integer(count)); }
  Value bitsEqual(Value a, Value b) {
    return mlir::arith::CmpIOp::create(builder, location, mlir::arith::CmpIPredicate::eq, a, b);
  }
  Value bitsNegative(Value a) {
    return mlir::arith::CmpIOp::create(builder, location, mlir::arith::CmpIPredicate::slt, a,
                                       integer(0));
  }

  /// f32 -> f64 on the wide emitter; f64 -> this emitter's type.
  Value extend(Value a) { return mlir::arith::ExtFOp::create(builder, location, type, a); }
  Value truncate(Value a) { return mlir::arith::TruncFOp::create(builder, location, type, a); }
  Value truncateBits(Value a) {
    return mlir::arith::TruncIOp::create(builder, location, bitsType, a);
  }

  /// sum of coefficients[k] x^k by Horner's rule.
  template <typename Number, size_t count> Value polynomial(const Number (&coefficients)[count], Value x) {
    Value result = constant(coefficients[count - 1]);
    for (size_t k = count - 1; k-- > 0;)
      result = fma(result, x, constant(coefficients[k]));
    return result;
  }

  /// The f32 or the f64 table, by the type at hand.
  template <size_t count32, size_t count64>
  Value polynomial(const float (&table32)[count32], const double (&table64)[count64], Value x) {
    return isDouble ? polynomial(table64, x) : polynomial(table32, x);
  }

  /// x scaled and rounded to an integer n by adding 1.5 * 2^mantissaBits: `value`
  /// is n, and the low bits of `bits` are n + offset, ready to be shifted into an
  /// exponent field (Hecker, "Let's get to the (floating) point", 1996).
  struct Rounded {
    Value value, bits;
  };
  Rounded roundScaled(Value x, double scale, int64_t offset) {
    double magic = (isDouble ? 0x1.8p52 : 0x1.8p23) + double(offset);
    Value shifted = fma(x, constant(scale), constant(magic));
    return {sub(shifted, constant(magic)), bits(shifted)};
  }
  /// bits << mantissaBits as a number: 2^n for Rounded::bits with offset = bias().
  Value powerOfTwo(Value exponentBits) { return real(shiftLeft(exponentBits, mantissaBits())); }

private:
  template <typename Op, typename... Operands> Value make(Operands... operands) {
    return Op::create(builder, location, operands...);
  }
  mlir::Type withElement(mlir::Type element) {
    if (auto vector = mlir::dyn_cast<mlir::VectorType>(type))
      return vector.clone(element);
    return element;
  }
  Value splat(mlir::Type shape, mlir::TypedAttr attribute) {
    if (auto vector = mlir::dyn_cast<mlir::VectorType>(shape))
      attribute = mlir::DenseElementsAttr::get(vector, mlir::Attribute(attribute));
    return mlir::arith::ConstantOp::create(builder, location, attribute);
  }

  mlir::OpBuilder &builder;
  mlir::Location location;
  mlir::Type type;
  bool isDouble;
  mlir::Type bitsType;
};

// The functions, by family; see VectorMath.h for what each promises.
mlir::Value emitExp(VectorMathEmitter &e, mlir::Value x);
mlir::Value emitExpm1(VectorMathEmitter &e, mlir::Value x);
mlir::Value emitTanh(VectorMathEmitter &e, mlir::Value x);
mlir::Value emitLogistic(VectorMathEmitter &e, mlir::Value x);
mlir::Value emitGatedTanh(VectorMathEmitter &e, mlir::Value gate, mlir::Value x);
mlir::Value emitErf(VectorMathEmitter &e, mlir::Value x);
mlir::Value emitLog(VectorMathEmitter &e, mlir::Value x);
mlir::Value emitLog1p(VectorMathEmitter &e, mlir::Value x);
mlir::Value emitPow(VectorMathEmitter &e, mlir::Value base, mlir::Value exponent);
mlir::Value emitSin(VectorMathEmitter &e, mlir::Value x);
mlir::Value emitCos(VectorMathEmitter &e, mlir::Value x);

} // namespace nnc::cpu
