#include "dialects/nn/Builder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

#define GET_OP_CLASSES
#include "dialects/nn/Reduce/Reduce.cpp.inc"

using namespace mlir;

namespace nnc::nn {

void NNDialect::registerReduceOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/Reduce/Reduce.cpp.inc"
      >();
}

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  Dims dims = dimsOf(op.getInput());
  for (int64_t axis : op.getAxes()) {
    if (axis < 0 || axis >= (int64_t)dims.size())
      return emitOptionalError(loc, "nn.reduce: axis ", axis, " of a tensor of rank ", dims.size());
    dims[axis] = getAffineConstantExpr(1, context);
  }
  bool positions = op.getKind() == ReduceKind::argmax || op.getKind() == ReduceKind::argmin;
  if (positions && op.getAxes().size() != 1)
    return emitOptionalError(loc, "nn.reduce: argmax and argmin take one axis");
  Type element = positions ? IntegerType::get(context, 64) : elementTypeOf(op.getInput());
  types.push_back(tensorType(dims, element, symbolsOf(op.getInput().getType())));
  return success();
}

Value ReduceOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  Type type = elementTypeOf(getInput());
  SmallVector<Value> sizes;
  for (int64_t axis : getAxes())
    sizes.push_back(e.size(getInput(), axis));
  auto read = [&](ValueRange position) {
    SmallVector<Value> source(index.begin(), index.end());
    for (auto [axis, p] : llvm::zip(getAxes(), position))
      source[axis] = p;
    return e.element(getInput(), source);
  };
  Expr a = Expr::input(0), x = Expr::input(1);
  auto fold = [&](Expr combine, double initial) {
    return e.loop(sizes, e.constant(type, initial), [&](ValueRange p, ValueRange acc) -> SmallVector<Value> {
      return e.evaluate(combine, {acc[0], read(p)}, type);
    })[0];
  };
  double infinity = isa<FloatType>(type) ? std::numeric_limits<double>::infinity()
                                         : static_cast<double>(int64_t(1) << 62);
  switch (getKind()) {
  case ReduceKind::sum: return e.sum(type, sizes, read);
  case ReduceKind::prod: return fold(a * x, 1.0);
  case ReduceKind::max: return fold(Expr::make(Primitive::Maximum, {a, x}), -infinity);
  case ReduceKind::min: return fold(Expr::make(Primitive::Minimum, {a, x}), infinity);
  case ReduceKind::argmax:
  case ReduceKind::argmin: break;
  }
  // (best, position): a strictly better element, or the first NaN, takes over.
  bool max = getKind() == ReduceKind::argmax;
  Expr better = Expr::make(max ? Primitive::Gt : Primitive::Lt, {x, a});
  Expr firstNan = Expr::make(Primitive::And, {Expr::make(Primitive::Ne, {x, x}), Expr::make(Primitive::Eq, {a, a})});
  Expr take = isa<FloatType>(type) ? Expr::make(Primitive::Or, {better, firstNan}) : better;
  SmallVector<Value> initial{e.constant(type, max ? -infinity : infinity), e.index(0)};
  Value position = e.loop(sizes, initial, [&](ValueRange p, ValueRange acc) -> SmallVector<Value> {
    Value value = read(p);
    Value taken = e.evaluate(take, {acc[0], value}, e.b.getI1Type())[0];
    return {arith::SelectOp::create(e.b, e.loc, taken, value, acc[0]),
            arith::SelectOp::create(e.b, e.loc, taken, p[0], acc[1])};
  })[1];
  return arith::IndexCastOp::create(e.b, e.loc, e.b.getI64Type(), position);
}

LogicalResult ReduceOp::vjp(Grad &g) {
  Value x = getInput();
  if (!g.needs(x) || getKind() == ReduceKind::argmax || getKind() == ReduceKind::argmin)
    return success();
  g.push(x, [&]() -> Value {
    switch (getKind()) {
    case ReduceKind::sum: return g.broadcast(g.dy(), dimsOf(x));
    case ReduceKind::prod: {
      // The product of the other elements: of all but the zeros over x without a zero,
      // of the others at a single zero, and 0 where another element is zero.
      Type type = elementTypeOf(x);
      Value zeros = g.sum(g.map("select(x0 == 0.0, 1.0, 0.0)", x, type), getAxes());
      Value others = g.reduce(ReduceKind::prod, g.map("select(x0 == 0.0, 1.0, x0)", x, type), getAxes());
      return g.map("select(x3 == 0.0, x0 * x1 / x2, select(x3 == 1.0, select(x2 == 0.0, x0 * x1, 0.0), 0.0))",
                   {g.dy(), others, x, zeros}, type);
    }
    default: break;
    }
    // Ties share the gradient (torch.amax).
    Type type = elementTypeOf(x);
    Value hit = g.map("select(x0 == x1, 1.0, 0.0)", {x, getResult()}, type);
    return g.map("select(x2 == x3, x0 / x1, 0.0)", {g.dy(), g.sum(hit, getAxes()), x, getResult()}, type);
  });
  return success();
}

} // namespace nnc::nn
