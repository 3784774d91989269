// Grouping is one pass over the ops in order. An op joins the group of one of its
// producers where that saves a pass over memory; otherwise it starts a group.
//
//   Map       pointwise ops of one shape
//   Contract  a product or convolution, then pointwise ops on its result
//   Window    a pooling op, then pointwise ops on its result
//   Row       reductions over the same axes of one shape, pointwise ops before and after
//
// Constants, iotas and broadcasts cost nothing where they are read, and maps that
// Recompute.h names less than a pass over memory: every group that uses one gets its
// own copy. Reshapes are views and stay between kernels.
#include "compiler/transforms/Fusion.h"
#include "compiler/transforms/FormKernels.h"
#include "compiler/transforms/Recompute.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

namespace {

struct Group {
  Family family;
  SmallVector<Operation *> ops;
  Dims shape;                // of the elements it iterates over
  SmallVector<int64_t> axes; // Row: the reduced ones
};

class Fuser {
public:
  explicit Fuser(func::FuncOp function) : body(function.front()), b(function.getContext()) {}

  void run() {
    removeDead();
    recomputed = findRecomputed(body);
    copyCheapOps();
    for (Operation &op : body.without_terminator())
      if (!isa<ReshapeOp>(op))
        assign(&op);
    orderGroups();
    for (Group &group : groups) {
      b.setInsertionPointAfter(group.ops.back());
      createKernel(b, group.ops, group.family);
    }
  }

private:
  void removeDead() {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body))) {
      if (auto map = dyn_cast<MapOp>(op); map && isIdentity(map))
        map->getResult(0).replaceAllUsesWith(map.getInputs()[0]);
      if (!op.hasTrait<OpTrait::IsTerminator>() && op.use_empty())
        op.erase();
    }
  }

  // What is returned is a copy for a reason.
  static bool isIdentity(MapOp map) {
    return map->getNumResults() == 1 && map.getExpr(0).is(Primitive::Input) && map.getInputs().size() == 1 &&
           map.getInputs()[0].getType() == map->getResult(0).getType() && llvm::all_of(map->getUsers(), readsAnywhere);
  }

  //===-- ops that every reader computes for itself --------------------------------===//

  static bool isCheap(Operation *op) {
    if (auto map = dyn_cast<MapOp>(op))
      return map.getInputs().empty();
    return isa<IotaOp, SizeOp, BroadcastOp>(op);
  }

  static bool readsAnywhere(Operation *op) { return isa<MapOp, ReduceOp, BroadcastOp>(op); }

  // One copy for each pointwise or reducing user, right before it; last users first,
  // so that chains of cheap ops are copied whole.
  void copyCheapOps() {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body))) {
      if (!isCheap(&op) && !recomputed.contains(&op))
        continue;
      llvm::SetVector<Operation *> users;
      for (Operation *user : op.getUsers())
        if (readsAnywhere(user))
          users.insert(user);
      for (Operation *user : users) {
        b.setInsertionPoint(user);
        Operation *copy = b.clone(op);
        cheap.insert(copy);
        user->replaceUsesOfWith(op.getResult(0), copy->getResult(0));
      }
      if (op.use_empty())
        op.erase();
    }
  }

  //===-- grouping ---------------------------------------------------------------------===//

  void assign(Operation *op) {
    if (cheap.contains(op))
      return; // joins its one user's group
    if (auto joined = findGroup(op)) {
      join(op, *joined);
      return;
    }
    groups.push_back({familyOf(op), {}, dimsOf(op->getResult(0)), {}});
    if (auto reduce = dyn_cast<ReduceOp>(op)) {
      groups.back().shape = dimsOf(reduce.getInput());
      groups.back().axes.assign(reduce.getAxes().begin(), reduce.getAxes().end());
    }
    join(op, groups.size() - 1);
  }

  void join(Operation *op, unsigned group) {
    if (auto reduce = dyn_cast<ReduceOp>(op); reduce && groups[group].family == Family::map) {
      groups[group].family = Family::row;
      groups[group].axes.assign(reduce.getAxes().begin(), reduce.getAxes().end());
    }
    for (Value operand : op->getOperands())
      if (Operation *producer = operand.getDefiningOp(); producer && cheap.contains(producer) && !groupOf.count(producer))
        join(producer, group);
    groups[group].ops.push_back(op);
    groupOf[op] = group;
  }

  static Family familyOf(Operation *op) {
    if (isa<MatmulOp, ConvOp, ConvInputGradOp, ConvWeightGradOp>(op))
      return Family::contract;
    if (isa<MaxPoolOp, MaxPoolGradOp, SumPoolOp, SumPoolGradOp>(op))
      return Family::window;
    if (isa<RecurrenceOp, RecurrenceGradOp>(op))
      return Family::sequence;
    if (isa<ScatterAddOp>(op))
      return Family::scatter;
    if (isa<WinogradFilterOp, PackFilterOp>(op))
      return Family::pack;
    return isa<ReduceOp>(op) ? Family::row : Family::map;
  }

  /// The last producer's group that may take `op` in.
  std::optional<unsigned> findGroup(Operation *op) {
    std::optional<unsigned> best;
    SmallVector<Value> operands(op->getOperands());
    for (unsigned i = 0; i < operands.size(); ++i) {
      Operation *producer = operands[i].getDefiningOp();
      if (!producer)
        continue;
      if (cheap.contains(producer)) // look through: a broadcast of a group's reduction
        operands.append(producer->operand_begin(), producer->operand_end());
      auto found = groupOf.find(producer);
      if (found == groupOf.end() || (best && *best >= found->second))
        continue;
      if (accepts(groups[found->second], op) && !dependsOutside(op, found->second))
        best = found->second;
    }
    if (best || !isa<ReduceOp>(op))
      return best;
    // Another reduction over something that is read there, too.
    DenseSet<Value> read(operands.begin(), operands.end());
    for (unsigned g = groups.size(); g-- > 0;)
      if (groups[g].family == Family::row && readsOneOf(groups[g], read) && accepts(groups[g], op) && !dependsOutside(op, g))
        return g;
    return std::nullopt;
  }

  /// Whether the group reads one of the values, of its shape, from elsewhere.
  bool readsOneOf(const Group &group, const DenseSet<Value> &values) {
    return llvm::any_of(group.ops, [&](Operation *member) {
      return llvm::any_of(member->getOperands(), [&](Value operand) {
        Operation *producer = operand.getDefiningOp();
        return values.contains(operand) && sameSizes(dimsOf(operand), group.shape) &&
               (!producer || !cheap.contains(producer));
      });
    });
  }

  bool accepts(const Group &group, Operation *op) {
    Dims dims = dimsOf(op->getResult(0));
    if (auto reduce = dyn_cast<ReduceOp>(op)) {
      bool positions = reduce.getKind() == ReduceKind::argmax || reduce.getKind() == ReduceKind::argmin;
      if (positions || !sameSizes(dimsOf(reduce.getInput()), group.shape))
        return false;
      if (group.family == Family::map)
        return llvm::all_of(group.ops, [](Operation *o) { return isa<MapOp>(o) || isCheap(o); });
      return group.family == Family::row && llvm::equal(reduce.getAxes(), group.axes);
    }
    auto map = dyn_cast<MapOp>(op);
    if (!map)
      return false;
    switch (group.family) {
    case Family::map: return sameSizes(dims, group.shape);
    case Family::row: return sameSizes(dims, group.shape) || sameSizes(dims, reducedShape(group));
    case Family::window: return sameSizes(dims, group.shape);
    case Family::contract: return sameSizes(dims, group.shape) && !isSmallUpdate(map) && readsLikeTheAnchor(map, group);
    case Family::sequence:
    case Family::scatter:
    case Family::pack:
    case Family::naive: return false;
    }
    llvm_unreachable("every family is listed");
  }

  // The update of a small tensor (an optimizer's step, a gradient added up) stays apart:
  // passing over it again costs little while it is in cache, and the product's kernel is
  // then the same in train_step and forward_backward, the update's in optimizer_step.
  bool isSmallUpdate(MapOp map) {
    constexpr int64_t large = 1 << 18; // elements: 1 MiB of f32
    auto function = cast<func::FuncOp>(body.getParentOp());
    std::optional<int64_t> elements = constantSize(product(map.getContext(), dimsOf(map->getResult(0))));
    if (!elements || *elements >= large)
      return false;
    for (OpOperand &use : map->getUses())
      if (isa<func::ReturnOp>(use.getOwner()) && function.getResultAttr(use.getOperandNumber(), "nn.updates"))
        return true;
    return false;
  }

  static Dims reducedShape(const Group &group) {
    Dims dims = group.shape;
    for (int64_t axis : group.axes)
      dims[axis] = getAffineConstantExpr(1, dims[axis].getContext());
    return dims;
  }

  // The store of a convolution runs over whole planes (of the weight gradient: over all
  // of it): other operands have the full shape or one element a plane.
  bool readsLikeTheAnchor(MapOp map, const Group &group) {
    if (isa<MatmulOp>(group.ops.front()))
      return true;
    size_t lead = isa<ConvWeightGradOp>(group.ops.front()) ? 0 : 2;
    for (Value operand : map.getInputs()) {
      if (auto copy = operand.getDefiningOp<MapOp>(); copy && cheap.contains(copy) && !readsLikeTheAnchor(copy, group))
        return false;
      Dims dims = dimsOf(operand);
      Dims padded(group.shape.size() - dims.size(), getAffineConstantExpr(1, map.getContext()));
      padded.append(dims.begin(), dims.end());
      bool whole = sameSizes(ArrayRef(padded).drop_front(lead), ArrayRef(group.shape).drop_front(lead));
      bool single = llvm::all_of(ArrayRef(padded).drop_front(lead), isOne);
      if (!whole && !single)
        return false;
    }
    return true;
  }

  /// Whether an operand of `op` from outside of `group` needs the group's results.
  bool dependsOutside(Operation *op, unsigned group) {
    DenseSet<Operation *> seen;
    SmallVector<Operation *> work;
    auto push = [&](Operation *from) {
      for (Value operand : from->getOperands())
        if (Operation *producer = operand.getDefiningOp(); producer && seen.insert(producer).second)
          work.push_back(producer);
    };
    // What the group already contains, and the cheap ops before `op`, are looked through;
    // a path that leaves the group and comes back to it is what must not be.
    SmallVector<Operation *> sources{op};
    while (!sources.empty()) {
      Operation *from = sources.pop_back_val();
      for (Value operand : from->getOperands()) {
        Operation *producer = operand.getDefiningOp();
        if (!producer || memberOf(producer, group))
          continue;
        if (cheap.contains(producer) && !groupOf.count(producer)) {
          sources.push_back(producer);
          continue;
        }
        if (seen.insert(producer).second)
          work.push_back(producer);
      }
    }
    while (!work.empty()) {
      Operation *next = work.pop_back_val();
      if (memberOf(next, group))
        return true;
      // All members of a group are computed together.
      if (auto found = groupOf.find(next); found != groupOf.end()) {
        for (Operation *member : groups[found->second].ops)
          if (seen.insert(member).second)
            push(member);
      }
      push(next);
    }
    return false;
  }

  bool memberOf(Operation *op, unsigned group) {
    auto found = groupOf.find(op);
    return found != groupOf.end() && found->second == group;
  }

  //===-- order ---------------------------------------------------------------------------===//

  // Groups one after the other, each whole, every view right where it is first needed.
  void orderGroups() {
    SmallVector<unsigned> order;
    DenseSet<unsigned> done;
    DenseSet<Operation *> placed;
    Operation *terminator = body.getTerminator();
    std::function<void(unsigned)> place;
    std::function<void(Operation *)> need = [&](Operation *op) {
      if (auto found = groupOf.find(op); found != groupOf.end())
        return place(found->second);
      if (!placed.insert(op).second)
        return;
      for (Value operand : op->getOperands())
        if (Operation *producer = operand.getDefiningOp())
          need(producer);
      op->moveBefore(terminator);
    };
    place = [&](unsigned group) {
      if (!done.insert(group).second)
        return;
      for (Operation *op : groups[group].ops)
        for (Value operand : op->getOperands())
          if (Operation *producer = operand.getDefiningOp(); producer && !memberOf(producer, group))
            need(producer);
      for (Operation *op : groups[group].ops)
        op->moveBefore(terminator);
      order.push_back(group);
    };
    SmallVector<Operation *> ops;
    for (Operation &op : body.without_terminator())
      ops.push_back(&op);
    for (Operation *op : ops)
      need(op);
    SmallVector<Group> sorted;
    for (unsigned group : order)
      sorted.push_back(std::move(groups[group]));
    groups = std::move(sorted);
  }

  Block &body;
  OpBuilder b;
  SmallVector<Group> groups;
  DenseMap<Operation *, unsigned> groupOf;
  DenseSet<Operation *> cheap, recomputed;
};

} // namespace

void fuseKernels(func::FuncOp function) { Fuser(function).run(); }

} // namespace nnc
