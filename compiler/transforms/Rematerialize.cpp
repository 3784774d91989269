#include "compiler/transforms/Rematerialize.h"
#include "compiler/transforms/Arena.h"
#include "compiler/transforms/KernelValues.h"
#include "compiler/transforms/Plan.h"
#include "compiler/transforms/Work.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Format.h"

#include <algorithm>
#include <functional>
#include <optional>

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

namespace {

/// A value in the arena, or what is somewhere else for good.
using ValueId = int;
constexpr ValueId elsewhere = -1;

/// One run of a kernel. Runs of the same kernel differ in what they read and write.
struct Run {
  KernelOp kernel; // null: the return
  SmallVector<ValueId> reads, writes;
  bool isRepeated = false;
};

/// The order of kernels as numbers, in which runs are added until the arena fits.
class Schedule {
public:
  Schedule(func::FuncOp function, int64_t batch, function_ref<KernelMemory(Operation *)> memory)
      : function(function), memory(memory) {
    SmallVector<AffineExpr> sizes = plannedSizes(function, batch);
    number = [sizes](AffineExpr expr) { return *constantSize(simplify(expr.replaceSymbols(sizes))); };
    llvm::DenseSet<Value> returned;
    for (Value value : function.front().getTerminator()->getOperands())
      returned.insert(rootOf(value));
    for (Operation &op : function.front()) {
      auto kernel = dyn_cast<KernelOp>(op);
      if (!kernel && !op.hasTrait<OpTrait::IsTerminator>())
        continue;
      Run run{kernel, {}, {}};
      for (Value operand : op.getOperands()) {
        auto known = ids.find(rootOf(operand));
        run.reads.push_back(known == ids.end() ? elsewhere : known->second);
      }
      for (Value result : op.getResults())
        run.writes.push_back(returned.contains(result) ? elsewhere : ids[result] = add(number(arenaBytesOf(result))));
      runs.push_back(std::move(run));
    }
  }

  /// As planFunction packs it: values and scratch in the order of kernels.
  int64_t arena() const {
    SmallVector<ArenaTenant> all = lives(), tenants;
    size_t nextScratch = bytes.size();
    for (auto [position, run] : llvm::enumerate(runs)) {
      for (ValueId id : run.writes)
        if (id != elsewhere)
          tenants.push_back(all[id]);
      if (nextScratch < all.size() && all[nextScratch].first == int64_t(position))
        tenants.push_back(all[nextScratch++]);
    }
    return packArena(tenants);
  }

  int64_t operations() const {
    int64_t sum = 0;
    for (Run run : runs)
      if (run.kernel)
        sum += number(operationsOf(run.kernel));
    return sum;
  }

  /// Repeats what lowers the largest live set at the least cost; false if nothing does.
  bool lower() {
    auto [peak, live] = largest();
    llvm::DenseSet<ValueId> useless;
    while (std::optional<Move> move = choose(peak, useless)) {
      Schedule before = *this;
      apply(*move);
      int64_t newLive = largest().second;
      // As large a set less is progress, too: that at another place is next.
      if (newLive < live || (newLive == live && countAt(live) < before.countAt(live)))
        return true;
      *this = before;
      useless.insert(move->value);
    }
    return false;
  }

  /// Puts the repeated runs into the function.
  int64_t materialize() {
    Block &body = function.front();
    llvm::DenseMap<ValueId, Value> values;
    Operation *previous = nullptr;
    int64_t repeated = 0;
    for (Run &run : runs) {
      Operation *op = run.kernel ? run.kernel.getOperation() : body.getTerminator();
      if (run.isRepeated) {
        ++repeated;
        OpBuilder b(op->getContext());
        b.setInsertionPointAfter(previous);
        auto copy = cast<KernelOp>(b.clone(*op));
        copy.setName((run.kernel.getName() + " (again)").str());
        op = copy;
      }
      for (auto [operand, id] : llvm::zip(op->getOpOperands(), run.reads))
        if (id != elsewhere && rootOf(operand.get()) != values.lookup(id))
          operand.set(viewLike(operand.get(), values.lookup(id), op));
      for (auto [result, id] : llvm::zip(op->getResults(), run.writes))
        if (id != elsewhere)
          values[id] = result;
      previous = op;
    }
    return repeated;
  }

private:
  struct Move {
    ValueId value;
    size_t position;            // repeated before this run
    SmallVector<size_t> chain;  // runs to repeat, in order
    double score;
  };

  ValueId add(int64_t size) {
    bytes.push_back(size);
    return bytes.size() - 1;
  }

  /// From the run that writes each value to the last that reads it, and scratch.
  SmallVector<ArenaTenant> lives() const {
    SmallVector<ArenaTenant> tenants(bytes.size());
    for (auto [tenant, size] : llvm::zip(tenants, bytes))
      tenant.bytes = size;
    for (auto [position, run] : llvm::enumerate(runs)) {
      for (ValueId id : run.writes)
        if (id != elsewhere)
          tenants[id].first = tenants[id].last = position;
      for (ValueId id : run.reads)
        if (id != elsewhere)
          tenants[id].last = position;
    }
    for (auto [position, run] : llvm::enumerate(runs))
      if (int64_t shared = run.kernel ? scratch(run.kernel) : 0)
        tenants.push_back({int64_t(llvm::alignTo(shared, arenaAlignment)), int64_t(position), int64_t(position)});
    return tenants;
  }

  int64_t scratch(KernelOp kernel) const {
    auto [known, fresh] = scratchOf.try_emplace(kernel, 0);
    if (fresh)
      known->second = memory(kernel).sharedBytes;
    return known->second;
  }

  SmallVector<int64_t> liveAt() const {
    SmallVector<int64_t> live(runs.size() + 1);
    for (const ArenaTenant &tenant : lives()) {
      live[tenant.first] += tenant.bytes;
      live[tenant.last + 1] -= tenant.bytes;
    }
    for (size_t i = 1; i < live.size(); ++i)
      live[i] += live[i - 1];
    return live;
  }
  std::pair<size_t, int64_t> largest() const {
    SmallVector<int64_t> live = liveAt();
    auto most = llvm::max_element(live);
    return {most - live.begin(), *most};
  }
  int64_t countAt(int64_t size) const { return llvm::count(liveAt(), size); }

  bool reads(const Run &run, ValueId value) const { return llvm::is_contained(run.reads, value); }

  std::optional<Move> choose(size_t peak, const llvm::DenseSet<ValueId> &useless) const {
    std::optional<Move> best;
    for (ValueId value = 0; value < ValueId(bytes.size()); ++value)
      if (!useless.contains(value))
        if (std::optional<Move> move = consider(value, peak))
          if (!best || move->score > best->score)
            best = move;
    return best;
  }

  /// Freeing `value` across `peak`: nothing there reads or writes it, and what makes it anew comes
  /// from what is alive there anyway.
  std::optional<Move> consider(ValueId value, size_t peak) const {
    size_t next = runs.size();
    std::optional<size_t> writer;
    for (auto [position, run] : llvm::enumerate(runs)) {
      if (llvm::is_contained(run.writes, value))
        writer = position;
      if (reads(run, value)) {
        if (position == peak)
          return std::nullopt;
        if (position > peak) {
          next = position;
          break;
        }
      }
    }
    if (!writer || *writer >= peak || next == runs.size())
      return std::nullopt;
    SmallVector<ArenaTenant> alive = lives();
    Move move{value, next, {}, 0};
    llvm::SmallSetVector<size_t, 8> chain;
    if (!collect(*writer, peak, alive, chain))
      return std::nullopt;
    move.chain.assign(chain.begin(), chain.end());
    llvm::sort(move.chain);
    double cost = 0;
    for (size_t position : move.chain)
      cost += costOf(runs[position].kernel);
    move.score = bytes[value] / cost;
    return move;
  }

  /// Runs that make what run `position` writes, as far as it is not alive at `peak` and beyond.
  bool collect(size_t position, size_t peak, ArrayRef<ArenaTenant> alive, llvm::SmallSetVector<size_t, 8> &chain) const {
    constexpr size_t longest = 12;
    if (chain.contains(position))
      return true;
    chain.insert(position);
    if (chain.size() > longest)
      return false;
    for (ValueId read : runs[position].reads) {
      if (read == elsewhere || (alive[read].first <= int64_t(peak) && int64_t(peak) <= alive[read].last))
        continue;
      if (!collect(alive[read].first, peak, alive, chain))
        return false;
    }
    return true;
  }

  /// Cycles, roughly: a core that does 32 operations and moves 8 bytes in each.
  double costOf(KernelOp kernel) const {
    auto [known, fresh] = costs.try_emplace(kernel, 0);
    if (fresh) {
      AffineExpr moved = bytesWritten(kernel);
      for (unsigned i = 0; i < kernel.getInputs().size(); ++i)
        moved = moved + bytesRead(kernel, i);
      known->second = std::max(number(operationsOf(kernel)) / 32.0, number(simplify(moved)) / 8.0) + 1000;
    }
    return known->second;
  }

  void apply(const Move &move) {
    llvm::DenseMap<ValueId, ValueId> renamed;
    SmallVector<Run> repeated;
    for (size_t position : move.chain) {
      Run run = runs[position];
      run.isRepeated = true;
      for (ValueId &read : run.reads)
        if (auto known = renamed.find(read); known != renamed.end())
          read = known->second;
      // What was returned is written once; here it serves readers of the other results alone.
      for (auto [write, result] : llvm::zip(run.writes, runs[position].kernel.getOutputs())) {
        ValueId old = write;
        write = add(number(arenaBytesOf(result)));
        if (old != elsewhere)
          renamed[old] = write;
      }
      repeated.push_back(std::move(run));
    }
    for (size_t position = move.position; position < runs.size(); ++position)
      for (ValueId &read : runs[position].reads)
        if (auto known = renamed.find(read); known != renamed.end())
          read = known->second;
    runs.insert(runs.begin() + move.position, repeated.begin(), repeated.end());
  }

  /// `value` as a view of `root`, before `user`: the reshapes that lead to `old`, again.
  Value viewLike(Value old, Value root, Operation *user) {
    auto reshape = old.getDefiningOp<ReshapeOp>();
    if (!reshape)
      return root;
    Value inner = viewLike(reshape.getInput(), root, user);
    OpBuilder b(user);
    Operation *copy = b.clone(*reshape);
    copy->setOperand(0, inner);
    return copy->getResult(0);
  }

  func::FuncOp function;
  function_ref<KernelMemory(Operation *)> memory;
  std::function<int64_t(AffineExpr)> number;
  llvm::DenseMap<Value, ValueId> ids;
  std::vector<int64_t> bytes; // of each value
  std::vector<Run> runs;
  mutable llvm::DenseMap<Operation *, int64_t> scratchOf;
  mutable llvm::DenseMap<Operation *, double> costs;
};

std::string readable(int64_t bytes) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (bytes < 1'000'000)
    os << llvm::format("%.4g kB", double(bytes) / 1e3);
  else
    os << llvm::format("%.4g MB", double(bytes) / 1e6);
  return text;
}

} // namespace

FailureOr<MemoryFit> fitMemory(func::FuncOp function, int64_t budget, int64_t batch,
                                       function_ref<KernelMemory(Operation *)> memory) {
  auto ranges = function->getAttrOfType<DenseI64ArrayAttr>("nn.symbol_ranges");
  for (auto [i, size] : llvm::enumerate(plannedSizes(function, batch)))
    if (bool isNamed = i == 0 && batch; !isNamed && ranges && ranges[2 * i + 1] > *constantSize(size))
      return function.emitError() << "a memory budget needs an upper bound of every size: give "
                                  << (i == 0 ? "--batch or --max-batch" : "one at export");
  settleReturns(function);
  std::optional<Schedule> schedule(std::in_place, function, batch, memory);
  MemoryFit result;
  result.function = function.getName().str();
  result.arenaBefore = result.arenaAfter = schedule->arena();
  result.operationsBefore = schedule->operations();
  auto fail = [&](int64_t least) {
    return function.emitError() << "the arena of " << function.getName() << " takes " << readable(result.arenaBefore)
                                << ", and " << readable(least) << " at least with values computed again; the budget is "
                                << readable(budget) << ": give more, or name a smaller batch by --batch";
  };
  std::optional<int64_t> settled; // the arena after the last round
  while (result.arenaAfter > budget) {
    // Updates of state that move behind repeated runs may take what the runs before gained, in every round.
    if (settled && *settled <= result.arenaAfter)
      return fail(*settled);
    if (result.repeatedKernels)
      settled = result.arenaAfter;
    do {
      if (!schedule->lower())
        return fail(result.arenaAfter);
      result.arenaAfter = schedule->arena();
    } while (result.arenaAfter > budget);
    result.repeatedKernels += schedule->materialize();
    // State that is read again later is updated later.
    settleReturns(function);
    schedule.emplace(function, batch, memory);
    result.arenaAfter = schedule->arena();
  }
  result.operationsAfter = schedule->operations();
  return result;
}

} // namespace nnc
