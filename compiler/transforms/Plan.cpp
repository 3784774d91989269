#include "compiler/transforms/Plan.h"
#include "compiler/transforms/Arena.h"
#include "compiler/transforms/FormKernels.h"
#include "compiler/transforms/KernelValues.h"
#include "dialects/nn/Builder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/SetVector.h"

#include <numeric>

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

namespace {

/// Whether `kernel` may write a result over its operand number `operand`: the region
/// reads that element only where it writes it.
bool readsInPlace(KernelOp kernel, unsigned operand, Type resultType) {
  Value argument = kernel.getBody().front().getArgument(operand);
  if (!sameSizes(dimsOf(argument), dimsOf(resultType)) || elementTypeOf(argument) != cast<RankedTensorType>(resultType).getElementType())
    return false;
  // Every op on the way from the argument to the results must be a map of full shape.
  llvm::SmallSetVector<Operation *, 8> users(argument.getUsers().begin(), argument.getUsers().end());
  for (unsigned i = 0; i < users.size(); ++i) {
    Operation *user = users[i];
    if (isa<YieldOp>(user))
      continue;
    if (!isa<MapOp>(user) || !sameSizes(dimsOf(user->getResult(0)), dimsOf(resultType)))
      return false;
    for (Operation *next : user->getUsers())
      users.insert(next);
  }
  // Row kernels pass over their operands several times, a naive one computes each
  // result apart: only where there is nothing but the map itself.
  if (kernel.getFamily() == Family::row || kernel.getFamily() == Family::naive)
    return kernel.getNumResults() == 1 && llvm::hasSingleElement(kernel.getBody().front().without_terminator());
  return true;
}

class Planner {
public:
  Planner(func::FuncOp function, int64_t batch, function_ref<nn::KernelMemory(Operation *)> memory)
      : old(function), memory(memory), b(function.getContext()), loc(function.getLoc()), sizes(plannedSizes(function, batch)) {
    if (auto names = old->getAttrOfType<ArrayAttr>("nn.symbols"))
      for (Attribute name : names)
        symbolNames.push_back(cast<StringAttr>(name));
  }

  void settle() {
    materializeReturns();
    sinkStateUpdates();
  }

  LogicalResult run() {
    settle();
    number();
    assignDestinations();
    assignPlaces();
    build();
    return success();
  }

private:
  Block &body() { return old.front(); }

  // A returned value must be some kernel's own result, written straight to its
  // destination: everything else gets a copying kernel.
  void materializeReturns() {
    Operation *terminator = body().getTerminator();
    DenseSet<Value> taken;
    for (OpOperand &operand : terminator->getOpOperands()) {
      Value root = rootOf(operand.get());
      auto kernel = root.getDefiningOp<KernelOp>();
      // A state update must not be read through its destination by later kernels that
      // still expect other contents; values used once by the return are plain.
      if (kernel && taken.insert(root).second)
        continue;
      b.setInsertionPoint(terminator);
      nn::Builder builder(b, operand.get().getLoc(), symbolNames);
      Value copy = builder.map(Expr::input(0), operand.get(), {}, "copy");
      operand.set(copy);
      Operation *op = copy.getDefiningOp();
      createKernel(b, op, Family::naive);
    }
  }

  std::optional<int64_t> updatedArgument(unsigned result) {
    if (auto position = old.getResultAttrOfType<IntegerAttr>(result, "nn.updates"))
      return position.getInt();
    return std::nullopt;
  }

  // Kernels that write new state move behind the last reader of the old. One that
  // cannot write in place over what it reads itself goes through a copy.
  void sinkStateUpdates() {
    Operation *terminator = body().getTerminator();
    for (OpOperand &operand : terminator->getOpOperands()) {
      std::optional<int64_t> position = updatedArgument(operand.getOperandNumber());
      if (!position)
        continue;
      Value argument = old.getArgument(*position);
      Value root = rootOf(operand.get());
      auto kernel = root.getDefiningOp<KernelOp>();
      bool inPlace = true;
      for (auto [i, input] : llvm::enumerate(kernel.getInputs()))
        if (rootOf(input) == argument && !readsInPlace(kernel, i, root.getType()))
          inPlace = false;
      // Others that read the new value would have to wait, too.
      SmallVector<Operation *> readers = readersOf(argument);
      bool usedOnlyHere = llvm::all_of(root.getUsers(), [&](Operation *u) { return u == terminator; }) && operand.get() == root;
      for (Value other : kernel.getOutputs())
        usedOnlyHere &= llvm::all_of(other.getUsers(), [&](Operation *u) { return u == terminator; });
      Operation *last = nullptr;
      for (Operation *reader : readers)
        if (reader != kernel && (!last || last->isBeforeInBlock(reader)))
          last = reader;
      bool late = last && kernel->isBeforeInBlock(last);
      if (!inPlace || (late && !usedOnlyHere)) {
        b.setInsertionPoint(terminator);
        nn::Builder builder(b, operand.get().getLoc(), symbolNames);
        Value copy = builder.map(Expr::input(0), operand.get(), {}, "copy");
        operand.set(copy);
        createKernel(b, copy.getDefiningOp(), Family::naive);
      } else if (late) {
        kernel->moveAfter(last);
      }
    }
  }

  void number() {
    int64_t position = 0;
    for (Operation &op : body())
      if (!isa<ReshapeOp>(op)) // a view
        order[&op] = position++;
  }

  void assignDestinations() {
    for (OpOperand &operand : body().getTerminator()->getOpOperands())
      destination[rootOf(operand.get())] = operand.getOperandNumber();
  }

  int64_t lastUse(Value value) {
    int64_t last = order[value.getDefiningOp()];
    for (Operation *reader : readersOf(value))
      last = std::max(last, order[reader]);
    return last;
  }

  //===-- concatenations in place ------------------------------------------------------===//

  struct Slice {
    Value whole;
    AffineExpr offset; // bytes
  };

  /// The parts of a kernel that only joins results of other kernels, one behind the other in
  /// memory: those can be written where they end up. Otherwise none.
  SmallVector<std::pair<Value, Slice>> partsInPlace(KernelOp kernel) {
    auto concat = dyn_cast<ConcatOp>(kernel.getBody().front().front());
    if (!concat || kernel.getFamily() != Family::map || !llvm::hasSingleElement(kernel.getBody().front().without_terminator()))
      return {};
    Value whole = kernel.getOutputs()[0];
    Dims dims = dimsOf(whole);
    AffineExpr outer = product(whole.getContext(), ArrayRef(dims).take_front(concat.getAxis()));
    if (destination.count(whole) || constantSize(outer) != 1)
      return {};
    SmallVector<std::pair<Value, Slice>> parts;
    AffineExpr offset = b.getAffineConstantExpr(0);
    for (Value input : concat.getInputs()) {
      Value root = rootOf(kernel.getInputs()[cast<BlockArgument>(input).getArgNumber()]);
      bool taken = destination.count(root) || sliceOf.count(root) || llvm::is_contained(llvm::make_first_range(parts), root);
      if (!root.getDefiningOp() || taken || !offset.isMultipleOf(arenaAlignment))
        return {};
      parts.push_back({root, {whole, offset}});
      int64_t width = std::max<int64_t>(8, elementTypeOf(root).getIntOrFloatBitWidth()) / 8;
      offset = simplify(offset + product(root.getContext(), dimsOf(root)) * width);
    }
    return parts;
  }

  // The last first: what joins joined parts takes in all of them.
  void joinInPlace() {
    for (Operation &op : llvm::reverse(body()))
      if (auto kernel = dyn_cast<KernelOp>(op))
        for (auto &[part, slice] : partsInPlace(kernel)) {
          sliceOf[part] = slice;
          joined.insert(kernel);
        }
  }

  //===-- places -----------------------------------------------------------------------===//

  void assignPlaces() {
    int64_t apart = layOut();
    joinInPlace();
    if (joined.empty() || layOut() <= apart)
      return;
    sliceOf.clear();
    joined.clear();
    layOut();
  }

  /// Packs the arena at the symbols' planned sizes; returns its bytes then.
  int64_t layOut() {
    tenants.clear();
    tenantBytes.clear();
    tenantOf.clear();
    scratchOf.clear();
    DenseMap<Value, int64_t> begin; // of joined values: where their first part is written
    for (Operation &op : body()) {
      auto kernel = dyn_cast<KernelOp>(op);
      if (!kernel)
        continue;
      int64_t now = order[&op];
      KernelMemory need = memory(kernel);
      workerBytes = std::max<int64_t>(workerBytes, llvm::alignTo(need.perWorkerBytes, arenaAlignment));
      for (Value result : kernel.getOutputs()) {
        if (auto slice = sliceOf.find(result); slice != sliceOf.end()) {
          int64_t first = begin.count(result) ? begin[result] : now;
          auto [earliest, fresh] = begin.try_emplace(slice->second.whole, first);
          earliest->second = std::min(earliest->second, first);
        } else if (!destination.count(result)) {
          tenantOf[result] = addTenant(arenaBytesOf(result), begin.count(result) ? begin[result] : now, lastUse(result));
        }
      }
      if (need.sharedBytes)
        scratchOf[kernel] = addTenant(b.getAffineConstantExpr(llvm::alignTo(need.sharedBytes, arenaAlignment)), now, now);
    }
    for (auto &[part, slice] : sliceOf) {
      Value whole = slice.whole;
      while (sliceOf.count(whole))
        whole = sliceOf[whole].whole;
      ArenaTenant &tenant = tenants[tenantOf[whole]];
      tenant.last = std::max(tenant.last, lastUse(part));
    }
    int64_t bytes = packArena(tenants);
    below = tenantsBelow(tenants);
    return bytes;
  }

  unsigned addTenant(AffineExpr bytes, int64_t first, int64_t last) {
    tenants.push_back({*constantSize(simplify(bytes.replaceSymbols(sizes))), first, last});
    tenantBytes.push_back(bytes);
    return tenants.size() - 1;
  }

  //===-- the planned function ---------------------------------------------------===//

  static MemRefType memrefOf(Type type) {
    auto tensor = cast<RankedTensorType>(type);
    return MemRefType::get(tensor.getShape(), tensor.getElementType());
  }

  /// Offsets of the tenants, and the bytes of all of them.
  struct Offsets {
    SmallVector<Value> of;
    Value total;
  };
  Offsets emitOffsets(ValueRange symbols) {
    SmallVector<unsigned> upwards(tenants.size());
    std::iota(upwards.begin(), upwards.end(), 0);
    llvm::sort(upwards, [&](unsigned x, unsigned y) {
      return std::tuple(tenants[x].offset, tenants[x].bytes, x) < std::tuple(tenants[y].offset, tenants[y].bytes, y);
    });
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    Offsets offsets{SmallVector<Value>(tenants.size(), zero), zero};
    SmallVector<Value> ends(tenants.size());
    llvm::BitVector covered(tenants.size()); // something lies above
    for (ArrayRef<unsigned> others : below)
      for (unsigned other : others)
        covered.set(other);
    auto larger = [&](Value x, Value y) { return b.createOrFold<arith::MaxSIOp>(loc, x, y); };
    for (unsigned tenant : upwards) {
      Value start = zero;
      for (unsigned other : below[tenant])
        start = start == zero ? ends[other] : larger(start, ends[other]);
      offsets.of[tenant] = start;
      ends[tenant] = b.createOrFold<arith::AddIOp>(loc, start, emitSize(b, loc, tenantBytes[tenant], symbols));
      if (!covered[tenant])
        offsets.total = offsets.total == zero ? ends[tenant] : larger(offsets.total, ends[tenant]);
    }
    return offsets;
  }

  void build() {
    func::FuncOp planned = buildSignature();
    Block &entry = *planned.addEntryBlock();
    b.setInsertionPointToStart(&entry);
    unsigned next = 0;
    DenseMap<Value, Value> memrefs;
    SmallVector<Value> outputs(old.getNumResults());
    SmallVector<Value> state;
    for (unsigned i : inputArguments)
      memrefs[old.getArgument(i)] = entry.getArgument(next++);
    for (unsigned r : outputResults)
      outputs[r] = entry.getArgument(next++);
    for (unsigned i : stateArguments)
      memrefs[old.getArgument(i)] = entry.getArgument(next++);
    for (unsigned r = 0; r < old.getNumResults(); ++r)
      if (auto position = updatedArgument(r))
        outputs[r] = memrefs[old.getArgument(*position)];
    Value arena = entry.getArgument(next++);
    ValueRange symbols = entry.getArguments().drop_front(next);
    Offsets offsets = emitOffsets(symbols);

    auto view = [&](unsigned tenant, Type type, AffineExpr shift = {}) -> Value {
      SmallVector<Value> sizes;
      Value offset = offsets.of[tenant];
      if (shift)
        offset = b.createOrFold<arith::AddIOp>(loc, offset, emitSize(b, loc, shift, symbols));
      MemRefType memref = memrefOf(type);
      for (AffineExpr dim : dimsOf(type))
        if (!constantSize(dim))
          sizes.push_back(emitSize(b, loc, dim, symbols));
      return memref::ViewOp::create(b, loc, memref, arena, offset, sizes);
    };
    auto place = [&](Value result) -> Value {
      if (auto found = destination.find(result); found != destination.end())
        return outputs[found->second];
      Value whole = result;
      AffineExpr shift;
      for (auto slice = sliceOf.find(whole); slice != sliceOf.end(); slice = sliceOf.find(whole)) {
        shift = shift ? shift + slice->second.offset : slice->second.offset;
        whole = slice->second.whole;
      }
      return view(tenantOf[whole], result.getType(), shift ? simplify(shift) : shift);
    };
    auto bufferOf = [&](Value value) { return memrefs.lookup(rootOf(value)); };

    for (Operation &op : body().without_terminator()) {
      auto kernel = dyn_cast<KernelOp>(op);
      if (!kernel)
        continue;
      SmallVector<Value> operands;
      for (Value input : kernel.getInputs())
        operands.push_back(bufferOf(input));
      for (Value result : kernel.getOutputs())
        operands.push_back(memrefs[result] = place(result));
      if (joined.contains(kernel))
        continue; // its parts are there already
      auto shared = scratchOf.find(kernel);
      bool scratch = shared != scratchOf.end();
      if (scratch)
        operands.push_back(view(shared->second, RankedTensorType::get({tenants[shared->second].bytes}, b.getI8Type())));
      auto call = KernelOp::create(b, kernel.getLoc(), TypeRange{}, operands, kernel.getFamily(), kernel.getName(), scratch);
      call.getBody().takeBody(kernel.getBody());
    }
    func::ReturnOp::create(b, loc);
    emitArenaBytes();
    std::string name = old.getName().str();
    old.erase();
    planned.setName(name);
  }

  func::FuncOp buildSignature() {
    SmallVector<Type> types;
    SmallVector<DictionaryAttr> attributes;
    auto add = [&](Type type, DictionaryAttr attribute) {
      types.push_back(type);
      attributes.push_back(attribute);
    };
    auto kindOf = [&](unsigned i) { return old.getArgAttrOfType<StringAttr>(i, "nn.kind").getValue(); };
    auto withShape = [&](DictionaryAttr dict, Type type, StringRef kind) {
      NamedAttrList list(dict);
      list.set("nn.kind", b.getStringAttr(kind));
      list.set("nn.type", TypeAttr::get(type));
      return list.getDictionary(b.getContext());
    };
    for (unsigned i = 0; i < old.getNumArguments(); ++i)
      if (kindOf(i) == "input") {
        inputArguments.push_back(i);
        add(memrefOf(old.getArgument(i).getType()), withShape(old.getArgAttrDict(i), old.getArgument(i).getType(), "input"));
      }
    for (unsigned r = 0; r < old.getNumResults(); ++r)
      if (!updatedArgument(r)) {
        outputResults.push_back(r);
        add(memrefOf(old.getResultTypes()[r]), withShape(old.getResultAttrDict(r), old.getResultTypes()[r], "output"));
      }
    for (unsigned i = 0; i < old.getNumArguments(); ++i)
      if (kindOf(i) != "input") {
        stateArguments.push_back(i);
        add(memrefOf(old.getArgument(i).getType()), withShape(old.getArgAttrDict(i), old.getArgument(i).getType(), kindOf(i)));
      }
    auto plain = [&](StringRef kind) {
      return b.getDictionaryAttr(b.getNamedAttr("nn.kind", b.getStringAttr(kind)));
    };
    add(MemRefType::get({ShapedType::kDynamic}, b.getI8Type()), plain("arena"));
    for (size_t i = 0; i < symbolNames.size(); ++i)
      add(b.getIndexType(), plain("symbol"));
    b.setInsertionPoint(old);
    auto planned = func::FuncOp::create(b, loc, (old.getName() + ".planned").str(), b.getFunctionType(types, {}));
    planned.setAllArgAttrs(attributes);
    for (StringRef name : {"nn.symbols", "nn.symbol_ranges"})
      if (Attribute attribute = old->getAttr(name))
        planned->setAttr(name, attribute);
    planned->setAttr("nn.worker_bytes", b.getIndexAttr(workerBytes));
    return planned;
  }

  // The arena: all tenants, then each worker's scratch.
  void emitArenaBytes() {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(old);
    SmallVector<Type> types(symbolNames.size() + 1, b.getIndexType());
    auto function = func::FuncOp::create(b, loc, (old.getName() + ".arena_bytes").str(), b.getFunctionType(types, b.getIndexType()));
    Block &entry = *function.addEntryBlock();
    b.setInsertionPointToStart(&entry);
    Value shared = emitOffsets(entry.getArguments().drop_back()).total;
    Value workers = arith::MulIOp::create(b, loc, entry.getArguments().back(), arith::ConstantIndexOp::create(b, loc, workerBytes));
    func::ReturnOp::create(b, loc, Value(arith::AddIOp::create(b, loc, shared, workers)));
  }

  func::FuncOp old;
  function_ref<nn::KernelMemory(Operation *)> memory;
  OpBuilder b;
  Location loc;
  SmallVector<StringAttr> symbolNames;
  SmallVector<AffineExpr> sizes; // of the symbols, planned for
  DenseMap<Operation *, int64_t> order;
  DenseMap<Value, unsigned> destination; // result number
  DenseMap<Value, unsigned> tenantOf;
  DenseMap<Value, Slice> sliceOf;   // of the parts of joined values
  DenseSet<Operation *> joined;     // kernels with nothing left to do
  DenseMap<Operation *, unsigned> scratchOf;
  SmallVector<ArenaTenant> tenants;
  SmallVector<AffineExpr> tenantBytes;
  SmallVector<SmallVector<unsigned>> below;
  int64_t workerBytes = 0;
  SmallVector<unsigned> inputArguments, outputResults, stateArguments;
};

} // namespace

void settleReturns(func::FuncOp function) {
  Planner(function, /*batch=*/0, /*memory=*/{}).settle();
}

LogicalResult planFunction(func::FuncOp function, int64_t batch, function_ref<nn::KernelMemory(Operation *)> memory) {
  return Planner(function, batch, memory).run();
}

} // namespace nnc
