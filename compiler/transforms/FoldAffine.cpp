#include "compiler/transforms/FoldAffine.h"
#include "compiler/transforms/Prepare.h"
#include "dialects/nn/Builder.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace nnc {
namespace {

/// x * scale + shift, expressions over `fixed`, which all have the same sizes.
struct Affine {
  Value x;
  SmallVector<Value> fixed;
  Expr scale, shift;
};

/// 0 * a and 0 / a as 0, which rounding alone would not allow: `a` is finite state.
Expr withoutZeroProducts(Expr e) {
  for (bool changed = true; changed;) {
    changed = false;
    for (Expr part : e.postOrder()) {
      bool product = part.is(Primitive::Mul) && llvm::any_of(part.operands(), [](Expr factor) { return factor.isConstant(0); });
      if (!product && !(part.is(Primitive::Div) && part.operand(0).isConstant(0)))
        continue;
      e = e.replace(part, Expr::constant(0));
      changed = true;
      break;
    }
  }
  return e;
}

class AffineFolder {
public:
  AffineFolder(func::FuncOp forward, bool intoWeights) : forward(forward), intoWeights(intoWeights), fixed(valuesOfState(forward)) {}

  void run() {
    // A chain is kept at its last map.
    llvm::MapVector<Operation *, Affine> chains;
    for (auto map : forward.front().getOps<nn::MapOp>())
      if (std::optional<Affine> affine = match(map)) {
        Operation *before = affine->x.getDefiningOp();
        if (auto found = chains.find(before); found != chains.end() && affine->x.hasOneUse())
          if (std::optional<Affine> both = compose(found->second, *affine)) {
            affine = both;
            chains.erase(before);
          }
        chains.insert({map, *affine});
      }
    // The last first: what a chain starts from may be the end of another, which goes when that is rewritten.
    for (auto &[map, affine] : llvm::reverse(chains))
      rewrite(cast<nn::MapOp>(map), affine);
  }

private:
  std::optional<Affine> match(nn::MapOp map) {
    if (map.getNumResults() != 1)
      return std::nullopt;
    Affine affine;
    SmallVector<Expr> arguments;
    unsigned varying = 0;
    for (auto [i, operand] : llvm::enumerate(map.getInputs())) {
      if (fixed.contains(operand)) {
        arguments.push_back(Expr::input(affine.fixed.size()));
        affine.fixed.push_back(operand);
        continue;
      }
      if (affine.x)
        return std::nullopt;
      affine.x = operand;
      varying = i;
      arguments.push_back({});
    }
    Value result = map.getOutputs()[0];
    if (!affine.x || affine.fixed.empty() || affine.x.getType() != result.getType() || !isa<FloatType>(nn::elementTypeOf(result)) ||
        !llvm::all_of(affine.fixed, [&](Value v) { return v.getType() == affine.fixed[0].getType(); }) ||
        nn::elementTypeOf(affine.fixed[0]) != nn::elementTypeOf(result))
      return std::nullopt;
    using P = Primitive;
    for (Expr part : map.getExpr(0).postOrder())
      if (!llvm::is_contained({P::Input, P::Constant, P::Add, P::Sub, P::Mul, P::Div, P::Neg}, part.primitive()))
        return std::nullopt;
    affine.scale = derivative(map.getExpr(0), varying);
    if (affine.scale.usesInput(varying))
      return std::nullopt;
    affine.scale = affine.scale.substitute(arguments);
    arguments[varying] = Expr::constant(0);
    affine.shift = withoutZeroProducts(map.getExpr(0).substitute(arguments));
    return affine;
  }

  /// `outer` after `inner`.
  static std::optional<Affine> compose(const Affine &inner, const Affine &outer) {
    if (inner.fixed[0].getType() != outer.fixed[0].getType())
      return std::nullopt;
    auto moved = [&](Expr e) { return e.mapInputs([&](unsigned i) { return i + inner.fixed.size(); }); };
    Affine both = inner;
    llvm::append_range(both.fixed, outer.fixed);
    both.scale = moved(outer.scale) * inner.scale;
    both.shift = moved(outer.scale) * inner.shift + moved(outer.shift);
    return both;
  }

  /// The convolution whose weight can take the factor.
  nn::ConvOp foldable(const Affine &affine) {
    auto conv = affine.x.getDefiningOp<nn::ConvOp>();
    if (!intoWeights || !conv || !affine.x.hasOneUse() || !fixed.contains(conv.getWeight()))
      return {};
    for (auto [axis, size] : llvm::enumerate(nn::dimsOf(affine.fixed[0])))
      if (axis != 1 && !nn::isOne(size))
        return {};
    return nn::sameSize(nn::dimsOf(affine.fixed[0])[1], nn::dimsOf(conv.getWeight())[0]) ? conv : nn::ConvOp();
  }

  static Value build(nn::Builder &builder, Expr e, ArrayRef<Value> fixed) {
    SmallVector<unsigned> used = e.usedInputs();
    SmallVector<Value> operands;
    for (unsigned i : used)
      operands.push_back(fixed[i]);
    if (e.is(Primitive::Input))
      return operands[0];
    return builder.map(e.mapInputs([&](unsigned i) { return llvm::find(used, i) - used.begin(); }), operands);
  }

  void rewrite(nn::MapOp map, const Affine &affine) {
    nn::ConvOp conv = foldable(affine);
    if (affine.fixed.size() < 2 && !conv)
      return; // one operation already
    OpBuilder b(map);
    nn::Builder builder(b, map.getLoc(), nn::symbolsOf(map->getResultTypes()));
    Value y = affine.x;
    if (!affine.scale.isConstant(1)) {
      Value scale = build(builder, affine.scale, affine.fixed);
      if (conv) {
        nn::Dims line(nn::rankOf(conv.getWeight()), builder.size(1));
        line[0] = nn::dimsOf(conv.getWeight())[0];
        conv.getWeightMutable().assign(builder.mul(conv.getWeight(), builder.reshape(scale, line)));
        conv->moveBefore(map); // behind the factors; nothing but the chain reads it
      } else {
        y = builder.mul(y, scale);
      }
    }
    if (!affine.shift.isConstant(0))
      y = builder.add(y, build(builder, affine.shift, affine.fixed));
    map.getOutputs()[0].replaceAllUsesWith(y);
    erase(map, affine.x);
  }

  /// The maps of the chain that led from x to `op`.
  static void erase(Operation *op, Value x) {
    while (op && op->use_empty()) {
      Operation *before = nullptr;
      for (Value operand : op->getOperands())
        if (Operation *definition = operand.getDefiningOp(); definition && operand.getType() == x.getType() && operand != x)
          before = definition;
      op->erase();
      op = before;
    }
  }

  func::FuncOp forward;
  bool intoWeights;
  llvm::DenseSet<Value> fixed;
};

} // namespace

void foldAffine(func::FuncOp forward, bool intoWeights) { AffineFolder(forward, intoWeights).run(); }

} // namespace nnc
