#include "dialects/nn/Builder.h"

#define GET_OP_CLASSES
#include "dialects/nn/Recurrent/Recurrent.cpp.inc"

using namespace mlir;

namespace nnc::nn {

void NNDialect::registerRecurrentOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/Recurrent/Recurrent.cpp.inc"
      >();
}

int64_t RecurrenceOp::hiddenSize() { return *constantSize(dimsOf(getH0())[1]); }
Value RecurrenceOp::cells() { return getKind() == RecurrenceKind::lstm ? getStates()[0] : Value(); }
Value RecurrenceOp::saved() { return getStates().empty() ? Value() : getStates().back(); }

// The hidden states that the steps started from, [T, N, H]: those before, in the order of time.
static Value statesBefore(Grad &g, Value y, Value h0, bool reverse) {
  Dims dims = dimsOf(y), first = dims, rest = dims;
  first[0] = g.size(1);
  rest[0] = simplify(dims[0] - 1);
  Value initial = g.reshape(h0, first);
  if (constantSize(rest[0]) == 0)
    return initial;
  SmallVector<int64_t> starts{reverse ? 1 : 0, 0, 0}, steps{1, 1, 1};
  Value shifted = g.slice(y, starts, rest, steps);
  return reverse ? g.concat({shifted, initial}, 0) : g.concat({initial, shifted}, 0);
}

LogicalResult RecurrenceOp::vjp(Grad &g) {
  Type element = elementTypeOf(getY());
  Dims dims = dimsOf(getY());
  RecurrenceKind kind = getKind();
  bool lstm = kind == RecurrenceKind::lstm, gru = kind == RecurrenceKind::gru;
  SmallVector<Type> types{getGates().getType(), getH0().getType()};
  if (lstm)
    types.push_back(getC0().getType());
  if (gru)
    types.push_back(g.type(dims, element));
  Value cellsGrad = lstm && g.hasDy(1) ? g.dy(1) : Value();
  auto back = RecurrenceGradOp::create(g.builder(), getLoc(), types, g.dy(0), cellsGrad, getY(), getStates(),
                                       getWeight(), getH0(), getC0(), kind, getReverse());
  if (g.needs(getGates()))
    g.push(getGates(), [&] { return back.getGatesGrad(); });
  if (g.needs(getH0()))
    g.push(getH0(), [&] { return back.getH0Grad(); });
  if (lstm && g.needs(getC0()))
    g.push(getC0(), [&] { return back.getOthers()[0]; });
  if (gru && getBias() && g.needs(getBias()))
    g.push(getBias(), [&] { return g.sumTo(back.getOthers()[0], dimsOf(getBias())); });
  if (g.needs(getWeight()))
    g.push(getWeight(), [&] {
      // What flows into the product weight h: of gru the last third differs from the gates' own.
      Value products = back.getGatesGrad();
      if (gru) {
        Dims part = dims;
        part[2] = dims[2] * 2;
        SmallVector<int64_t> starts{0, 0, 0}, steps{1, 1, 1};
        products = g.concat({g.slice(products, starts, part, steps), back.getOthers()[0]}, 2);
      }
      auto rows = [&](Value v) {
        Dims d = dimsOf(v);
        return g.reshape(v, {simplify(d[0] * d[1]), d[2]});
      };
      return g.matmul(rows(products), rows(statesBefore(g, getY(), getH0(), getReverse())), true, false);
    });
  return success();
}

} // namespace nnc::nn
