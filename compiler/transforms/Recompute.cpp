#include "compiler/transforms/Recompute.h"
#include "dialects/nn/Builder.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

// Ops that a reader may repeat for one value.
constexpr unsigned mostRepeated = 8;

namespace {

/// What a recomputed map takes: the tensors of its own shape it is made of, and ops.
struct Recipe {
  llvm::SmallSetVector<Value, 2> sources;
  unsigned ops = 1;
};

class Finder {
public:
  explicit Finder(Block &body) {
    for (Operation &op : body)
      if (auto map = dyn_cast<MapOp>(op))
        if (auto recipe = recipeOf(map))
          recipes.try_emplace(map, std::move(*recipe));
  }

  DenseMap<Operation *, Recipe> recipes;

private:
  std::optional<Recipe> recipeOf(MapOp map) {
    if (map->getNumResults() != 1 || isDear(map.getExpr(0)))
      return std::nullopt;
    Value result = map->getResult(0);
    bool onlyReduced = true;
    for (Operation *user : result.getUsers()) {
      auto reader = dyn_cast<MapOp>(user);
      if (!isa<ReduceOp>(user) && !(reader && sameSizes(dimsOf(reader->getResult(0)), dimsOf(result))))
        return std::nullopt;
      onlyReduced &= !reader;
    }
    Recipe recipe;
    for (Value input : map.getInputs()) {
      Operation *producer = input.getDefiningOp();
      if (!sameSizes(dimsOf(input), dimsOf(result)) || isa_and_nonnull<BroadcastOp, IotaOp>(producer))
        continue; // little or nothing to read
      if (auto found = recipes.find(producer); found != recipes.end()) {
        recipe.sources.insert_range(found->second.sources);
        recipe.ops += found->second.ops;
      } else {
        recipe.sources.insert(input);
      }
    }
    bool worthwhile = recipe.sources.size() == 1 || (recipe.sources.size() == 2 && onlyReduced);
    if (!worthwhile || recipe.ops > mostRepeated || !llvm::all_of(recipe.sources, isStored))
      return std::nullopt;
    return recipe;
  }

  static bool isDear(Expr expr) {
    return llvm::any_of(expr.postOrder(), [](Expr e) {
      return e.primitive() >= Primitive::Pow && e.primitive() <= Primitive::LogSigmoid;
    });
  }

  /// Whether the value is in memory whatever is recomputed.
  static bool isStored(Value value) {
    return !value.getDefiningOp() || llvm::any_of(value.getUsers(), [](Operation *user) { return !isa<MapOp>(user); });
  }
};

} // namespace

llvm::DenseSet<Operation *> findRecomputed(Block &body) {
  llvm::DenseSet<Operation *> found;
  for (auto &[op, recipe] : Finder(body).recipes)
    found.insert(op);
  return found;
}

} // namespace nnc
