#include "codegen/cpu/RowPlan.h"
#include "codegen/cpu/Pointwise.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

// Rows of more vectors than this take several loops.
constexpr int64_t mostRegisterVectors = 4;
// Scratch of a worker: what stays in the second-level cache.
constexpr int64_t mostCachedBytes = 256 << 10;
// Kept elements up to which a reduction is split.
constexpr int64_t mostSplitElements = 4096;

// All ops that `value` needs, up to reductions (included).
static void collect(Value value, llvm::SetVector<Operation *> &ops) {
  Operation *op = value.getDefiningOp();
  if (!op || !ops.insert(op) || isa<ReduceOp>(op))
    return;
  for (Value operand : op->getOperands())
    collect(operand, ops);
}

static llvm::SetVector<Operation *> needsOf(ValueRange values) {
  llvm::SetVector<Operation *> ops;
  for (Value value : values)
    collect(value, ops);
  return ops;
}

std::optional<RowPlan> RowPlan::make(KernelOp kernel, const Target &target, std::string *why) {
  auto refuse = [&](const char *reason) -> std::optional<RowPlan> {
    if (why)
      *why = reason;
    return std::nullopt;
  };
  RowPlan plan;
  Block &body = kernel.getBody().front();
  ArrayRef<int64_t> axes;
  DenseMap<Operation *, size_t> passOf;
  for (auto reduce : body.getOps<ReduceOp>()) {
    if (reduce.getKind() == ReduceKind::argmax || reduce.getKind() == ReduceKind::argmin)
      return refuse("it has a reduction to positions");
    if (passOf.empty()) {
      plan.dims = dimsOf(reduce.getInput());
      plan.reducedDims = dimsOf(reduce.getResult());
      axes = reduce.getAxes();
    } else if (!sameSizes(plan.dims, dimsOf(reduce.getInput())) || !llvm::equal(axes, reduce.getAxes())) {
      return refuse("its reductions differ in shape or axes");
    }
    size_t pass = 0;
    for (Operation *op : needsOf(reduce.getInput()))
      if (isa<ReduceOp>(op))
        pass = std::max(pass, passOf.at(op) + 1);
    passOf[reduce] = pass;
    if (plan.passes.size() <= pass)
      plan.passes.resize(pass + 1);
    plan.passes[pass].push_back(reduce);
  }
  if (plan.passes.empty())
    return refuse("it has no reduction");
  for (auto [r, result] : llvm::enumerate(body.getTerminator()->getOperands())) {
    if (sameSizes(dimsOf(result), plan.dims))
      plan.fullResults.push_back(r);
    else if (sameSizes(dimsOf(result), plan.reducedDims))
      plan.reducedResults.push_back(r);
    else
      return refuse("a result has neither the shape of the reductions' input nor that of their result");
  }
  AffineExpr one = getAffineConstantExpr(1, kernel.getContext());
  plan.reducedSize = plan.keptSize = one;
  for (auto &joined : joinAxes(kernel, plan.dims)) {
    bool reduced = llvm::is_contained(axes, joined.front());
    AffineExpr size = one;
    for (int64_t axis : joined)
      size = size * plan.dims[axis];
    plan.groups.push_back({joined, reduced, simplify(size)});
    AffineExpr &total = reduced ? plan.reducedSize : plan.keptSize;
    total = simplify(total * size);
  }
  if (plan.groups.empty())
    return refuse("it has one element");
  plan.lanesReduced = plan.groups.back().reduced;
  plan.lanes = lanesOf(kernel, target);
  plan.cost = elementCost(kernel);
  if (auto width = constantSize(plan.groups.back().size))
    plan.lanes = std::min<int64_t>(plan.lanes, llvm::PowerOf2Ceil(*width));
  auto reducedGroups = llvm::count_if(plan.groups, [](const Group &group) { return group.reduced; });
  if (auto width = constantSize(plan.reducedSize);
      width && plan.lanesReduced && reducedGroups == 1 && *width <= mostRegisterVectors * plan.lanes)
    plan.registerVectors = llvm::divideCeil(*width, plan.lanes);
  plan.findCached(kernel);
  plan.decideSplit();
  return plan;
}

// A map with a transcendental function that more than one pass needs. What is only
// needed by other such values is not read again.
void RowPlan::findCached(KernelOp kernel) {
  std::optional<int64_t> width = constantSize(reducedSize);
  if (!lanesReduced || registerVectors || !width)
    return;
  auto yield = kernel.getBody().front().getTerminator();
  SmallVector<llvm::SetVector<Operation *>> needs;
  for (auto &pass : passes) {
    SmallVector<Value> inputs;
    for (ReduceOp reduce : pass)
      inputs.push_back(reduce.getInput());
    needs.push_back(needsOf(inputs));
  }
  SmallVector<Value> results;
  for (unsigned r : fullResults)
    results.push_back(yield->getOperand(r));
  needs.push_back(needsOf(results));
  int64_t bytes = 0;
  for (auto map : kernel.getBody().front().getOps<MapOp>()) {
    bool dear = llvm::any_of(llvm::seq<unsigned>(0, map.getNumResults()), [&](unsigned r) {
      return llvm::any_of(map.getExpr(r).postOrder(), [](Expr e) {
        return e.primitive() >= Primitive::Pow && e.primitive() <= Primitive::LogSigmoid;
      });
    });
    SmallVector<size_t> readers;
    for (auto [pass, ops] : llvm::enumerate(needs))
      if (ops.contains(map))
        readers.push_back(pass);
    if (!dear || readers.size() < 2 || map.getNumResults() != 1 || !sameSizes(dimsOf(map.getResult(0)), dims) ||
        elementTypeOf(map.getResult(0)).isInteger(1))
      continue;
    bytes += *width * 8;
    if (bytes > mostCachedBytes)
      return;
    cached.push_back({map.getResult(0), readers.front()});
  }
}

// Few kept elements with much to reduce leave too few tasks. One pass without full
// results can be split by its outermost reduced axis.
void RowPlan::decideSplit() {
  std::optional<int64_t> kept = constantSize(keptSize), reduced = constantSize(reducedSize);
  bool large = kept && (!reduced || *kept * *reduced >= 4 * elementsPerTask());
  bool fewTasks = kept && *kept <= (lanesReduced ? 16 : mostSplitElements);
  split = passes.size() == 1 && fullResults.empty() && large && fewTasks && !registerVectors &&
          reducedSize != getAffineConstantExpr(1, reducedSize.getContext());
}

std::string RowPlan::describe() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "vectors of " << lanes << (lanesReduced ? " along the reduced axis" : " beside the reduced axis") << ", "
     << passes.size() << (passes.size() == 1 ? " pass" : " passes");
  if (registerVectors)
    os << ", a row in " << registerVectors << " registers";
  if (!cached.empty())
    os << ", " << cached.size() << " values kept between passes";
  if (split)
    os << ", partial sums";
  return text;
}

int64_t RowPlan::cacheOffset(size_t slot) const { return slot * llvm::alignTo(*constantSize(reducedSize) * 8, 64); }

KernelMemory RowPlan::memory() const {
  KernelMemory memory;
  if (!cached.empty())
    memory.perWorkerBytes = cacheOffset(cached.size());
  if (split)
    memory.sharedBytes = passes[0].size() * mostPartials * *constantSize(keptSize) * 8;
  return memory;
}

} // namespace nnc::cpu
