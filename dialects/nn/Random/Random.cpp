#include "dialects/nn/Builder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

#define GET_OP_CLASSES
#include "dialects/nn/Random/Random.cpp.inc"

using namespace mlir;

namespace nnc::nn {

void NNDialect::registerRandomOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/Random/Random.cpp.inc"
      >();
}

// Philox 4x32 with 10 rounds. Key: seed. Counter: element index, step and site.
// Word 0 of the four gives the number: its upper 24 bits (f32) times 2^-24; f64
// takes 53 bits of words 0 and 1.
Value UniformOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  OpBuilder &b = e.b;
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  auto constant64 = [&](uint64_t v) -> Value {
    return arith::ConstantOp::create(b, e.loc, b.getIntegerAttr(i64, static_cast<int64_t>(v)));
  };
  auto low = [&](Value v) -> Value { return arith::TruncIOp::create(b, e.loc, i32, v); };
  auto high = [&](Value v) -> Value {
    return arith::TruncIOp::create(b, e.loc, i32, arith::ShRUIOp::create(b, e.loc, v, constant64(32)));
  };
  Value linear = e.index(0);
  for (auto [axis, i] : llvm::enumerate(index))
    linear = e.add(e.mul(linear, e.size(getResult(), axis)), i);
  linear = arith::IndexCastOp::create(b, e.loc, i64, linear);
  Value seed = e.element(getSeed(), {}), step = e.element(getStep(), {});
  // The site is spread over the upper half of the step's word: steps stay below 2^32.
  Value stream = arith::XOrIOp::create(b, e.loc, step, constant64(static_cast<uint64_t>(getSite()) << 32));
  Value counter[4] = {low(linear), high(linear), low(stream), high(stream)};
  Value key[2] = {low(seed), high(seed)};
  auto constant32 = [&](uint32_t v) -> Value {
    return arith::ConstantOp::create(b, e.loc, b.getIntegerAttr(i32, static_cast<int32_t>(v)));
  };
  for (int round = 0; round < 10; ++round) {
    auto product = [&](uint32_t m, Value v) -> Value {
      return arith::MulIOp::create(b, e.loc, constant64(m), arith::ExtUIOp::create(b, e.loc, i64, v));
    };
    Value p0 = product(0xD2511F53u, counter[0]), p1 = product(0xCD9E8D57u, counter[2]);
    auto mix = [&](Value x, Value y, Value k) -> Value {
      return arith::XOrIOp::create(b, e.loc, arith::XOrIOp::create(b, e.loc, x, y), k);
    };
    Value next[4] = {mix(high(p1), counter[1], key[0]), low(p1), mix(high(p0), counter[3], key[1]), low(p0)};
    std::copy(next, next + 4, counter);
    key[0] = arith::AddIOp::create(b, e.loc, key[0], constant32(0x9E3779B9u));
    key[1] = arith::AddIOp::create(b, e.loc, key[1], constant32(0xBB67AE85u));
  }
  Type type = elementTypeOf(getResult());
  if (type.isF32()) {
    Value bits = arith::ShRUIOp::create(b, e.loc, counter[0], constant32(8));
    Value number = arith::UIToFPOp::create(b, e.loc, type, bits);
    return e.mul(number, e.constant(type, 0x1p-24));
  }
  Value wide = arith::OrIOp::create(b, e.loc,
      arith::ShLIOp::create(b, e.loc, arith::ExtUIOp::create(b, e.loc, i64, counter[0]), constant64(32)),
      arith::ExtUIOp::create(b, e.loc, i64, counter[1]));
  Value number = arith::UIToFPOp::create(b, e.loc, type, arith::ShRUIOp::create(b, e.loc, wide, constant64(11)));
  return e.mul(number, e.constant(type, 0x1p-53));
}

SmallVector<Value> DropoutOp::decompose(Builder &b) {
  double p = getP().convertToDouble();
  Value x = getInput();
  if (p == 0.0)
    return {x};
  if (p == 1.0)
    return {b.zerosLike(x)};
  Value u = UniformOp::create(b.builder(), b.loc, x.getType(), getSeed(), getStep(), getSite());
  Expr keep = Expr::make(Primitive::Ge, {Expr::input(1), Expr::constant(p)});
  Expr y = select(keep, Expr::input(0) * Expr::constant(1.0 / (1.0 - p)), Expr::constant(0.0));
  return {b.map(y, {x, u}, elementTypeOf(x), "dropout")};
}

} // namespace nnc::nn
