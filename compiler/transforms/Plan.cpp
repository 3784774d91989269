#include "compiler/transforms/Plan.h"
#include "compiler/transforms/FormKernels.h"
#include "dialects/nn/Builder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

namespace {

constexpr int64_t alignment = 64;

/// The value whose memory `value` shares: reshapes are views.
Value rootOf(Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getInput();
  return value;
}

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
  Planner(func::FuncOp function, function_ref<nn::KernelMemory(Operation *)> memory)
      : old(function), memory(memory), b(function.getContext()), loc(function.getLoc()) {
    if (auto names = old->getAttrOfType<ArrayAttr>("nn.symbols"))
      for (Attribute name : names)
        symbolNames.push_back(cast<StringAttr>(name));
  }

  LogicalResult run() {
    materializeReturns();
    sinkStateUpdates();
    number();
    assignDestinations();
    assignSlots();
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

  /// Kernels (and the return) that read `value` or a view of it.
  SmallVector<Operation *> readersOf(Value value) {
    SmallVector<Operation *> readers;
    SmallVector<Value> views{value};
    while (!views.empty()) {
      Value view = views.pop_back_val();
      for (Operation *user : view.getUsers()) {
        if (auto reshape = dyn_cast<ReshapeOp>(user))
          views.push_back(reshape.getResult());
        else
          readers.push_back(user);
      }
    }
    return readers;
  }

  void number() {
    // Views go where they are first needed: order them right behind their root.
    int64_t position = 0;
    for (Operation &op : body())
      order[&op] = position++;
  }

  void assignDestinations() {
    for (OpOperand &operand : body().getTerminator()->getOpOperands())
      destination[rootOf(operand.get())] = operand.getOperandNumber();
  }

  // First-come slots: a value takes the free slot that wastes least, judged at the
  // symbols' reference sizes; a slot is as large as its largest tenant.
  struct Slot {
    SmallVector<AffineExpr> sizes; // bytes of its tenants
    int64_t reference = 0;         // bytes at the reference sizes
    int64_t freeFrom = 0;          // position from which it may be reused
  };

  int64_t referenceBytes(AffineExpr bytes) {
    SmallVector<AffineExpr> replacement;
    auto ranges = old->getAttrOfType<DenseI64ArrayAttr>("nn.symbol_ranges");
    for (size_t i = 0; i < symbolNames.size(); ++i) {
      int64_t maximum = ranges ? ranges[2 * i + 1] : 64;
      replacement.push_back(b.getAffineConstantExpr(std::min<int64_t>(maximum, 64)));
    }
    return constantSize(simplify(bytes.replaceSymbols(replacement))).value_or(1);
  }

  AffineExpr bytesOf(Value value) {
    int64_t width = std::max<int64_t>(8, elementTypeOf(value).getIntOrFloatBitWidth()) / 8;
    AffineExpr bytes = product(old.getContext(), dimsOf(value)) * width;
    return simplify((bytes + (alignment - 1)).floorDiv(alignment) * alignment);
  }

  int64_t lastUse(Value value) {
    int64_t last = order[value.getDefiningOp()];
    for (Operation *reader : readersOf(value))
      last = std::max(last, order[reader]);
    return last;
  }

  void assignSlots() {
    for (Operation &op : body()) {
      auto kernel = dyn_cast<KernelOp>(op);
      if (!kernel)
        continue;
      int64_t now = order[&op];
      KernelMemory need = memory(kernel);
      workerBytes = std::max<int64_t>(workerBytes, llvm::alignTo(need.perWorkerBytes, alignment));
      for (Value result : kernel.getOutputs())
        if (!destination.count(result))
          slotOf[result] = takeSlot(bytesOf(result), now, lastUse(result) + 1);
      if (need.sharedBytes)
        scratchSlot[kernel] = takeSlot(b.getAffineConstantExpr(llvm::alignTo(need.sharedBytes, alignment)), now, now + 1);
    }
  }

  unsigned takeSlot(AffineExpr bytes, int64_t from, int64_t until) {
    int64_t reference = referenceBytes(bytes);
    std::optional<unsigned> best;
    auto waste = [&](const Slot &slot) { return std::abs(slot.reference - reference); };
    for (auto [i, slot] : llvm::enumerate(slots))
      if (slot.freeFrom <= from && (!best || waste(slot) < waste(slots[*best])))
        best = i;
    if (!best) {
      slots.emplace_back();
      best = slots.size() - 1;
    }
    Slot &slot = slots[*best];
    if (!llvm::is_contained(slot.sizes, bytes))
      slot.sizes.push_back(bytes);
    slot.reference = std::max(slot.reference, reference);
    slot.freeFrom = until;
    return *best;
  }

  //===-- the planned function ---------------------------------------------------===//

  static MemRefType memrefOf(Type type) {
    auto tensor = cast<RankedTensorType>(type);
    return MemRefType::get(tensor.getShape(), tensor.getElementType());
  }

  /// Offsets of the slots, and the bytes of all of them.
  SmallVector<Value> emitOffsets(ValueRange symbols) {
    SmallVector<Value> offsets{arith::ConstantIndexOp::create(b, loc, 0)};
    for (Slot &slot : slots) {
      Value size;
      for (AffineExpr bytes : slot.sizes) {
        Value one = emitSize(b, loc, bytes, symbols);
        size = size ? b.createOrFold<arith::MaxSIOp>(loc, size, one) : one;
      }
      offsets.push_back(b.createOrFold<arith::AddIOp>(loc, offsets.back(), size));
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
    SmallVector<Value> offsets = emitOffsets(symbols);

    auto view = [&](unsigned slot, Type type) -> Value {
      SmallVector<Value> sizes;
      MemRefType memref = memrefOf(type);
      for (AffineExpr dim : dimsOf(type))
        if (!constantSize(dim))
          sizes.push_back(emitSize(b, loc, dim, symbols));
      return memref::ViewOp::create(b, loc, memref, arena, offsets[slot], sizes);
    };
    auto bufferOf = [&](Value value) { return memrefs.lookup(rootOf(value)); };

    for (Operation &op : body().without_terminator()) {
      auto kernel = dyn_cast<KernelOp>(op);
      if (!kernel)
        continue;
      SmallVector<Value> operands;
      for (Value input : kernel.getInputs())
        operands.push_back(bufferOf(input));
      for (Value result : kernel.getOutputs()) {
        auto found = destination.find(result);
        memrefs[result] = found != destination.end() ? outputs[found->second] : view(slotOf[result], result.getType());
        operands.push_back(memrefs[result]);
      }
      auto slot = scratchSlot.find(kernel);
      bool scratch = slot != scratchSlot.end();
      if (scratch)
        operands.push_back(view(slot->second, RankedTensorType::get({slots[slot->second].reference}, b.getI8Type())));
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

  // The arena: all slots, then each worker's scratch.
  void emitArenaBytes() {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(old);
    SmallVector<Type> types(symbolNames.size() + 1, b.getIndexType());
    auto function = func::FuncOp::create(b, loc, (old.getName() + ".arena_bytes").str(), b.getFunctionType(types, b.getIndexType()));
    Block &entry = *function.addEntryBlock();
    b.setInsertionPointToStart(&entry);
    Value shared = emitOffsets(entry.getArguments().drop_back()).back();
    Value workers = arith::MulIOp::create(b, loc, entry.getArguments().back(), arith::ConstantIndexOp::create(b, loc, workerBytes));
    func::ReturnOp::create(b, loc, Value(arith::AddIOp::create(b, loc, shared, workers)));
  }

  func::FuncOp old;
  function_ref<nn::KernelMemory(Operation *)> memory;
  OpBuilder b;
  Location loc;
  SmallVector<StringAttr> symbolNames;
  DenseMap<Operation *, int64_t> order;
  DenseMap<Value, unsigned> destination; // result number
  DenseMap<Value, unsigned> slotOf;
  DenseMap<Operation *, unsigned> scratchSlot;
  SmallVector<Slot> slots;
  int64_t workerBytes = 0;
  SmallVector<unsigned> inputArguments, outputResults, stateArguments;
};

} // namespace

LogicalResult planFunction(func::FuncOp function, function_ref<nn::KernelMemory(Operation *)> memory) {
  return Planner(function, memory).run();
}

} // namespace nnc
