#include "codegen/cpu/EmitLoops.h"
#include "codegen/cpu/ScheduleFamily.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Threading.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

namespace {

// Fields of nnc_call, in eight-byte words (runtime/abi.h).
enum CallField { Arena = 0, State = 1, Symbols = 2, Inputs = 3, Outputs = 4, Fixed = 7 };

/// Pointers, words and memrefs over them.
struct WordEmitter {
  OpBuilder b;
  Location loc;

  Type ptr() { return LLVM::LLVMPointerType::get(b.getContext()); }
  Type i64() { return b.getI64Type(); }
  Value constant(int64_t value) { return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value)); }
  Value toI64(Value index) { return arith::IndexCastOp::create(b, loc, i64(), index); }
  Value toIndex(Value word) { return arith::IndexCastOp::create(b, loc, b.getIndexType(), word); }
  Value word(Value base, int64_t position) {
    return LLVM::GEPOp::create(b, loc, ptr(), i64(), base, ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(position)});
  }
  Value loadWord(Type type, Value base, int64_t position) {
    return LLVM::LoadOp::create(b, loc, type, word(base, position));
  }
  Value offsetBytes(Value base, Value bytes) {
    return LLVM::GEPOp::create(b, loc, ptr(), b.getI8Type(), base, ArrayRef<LLVM::GEPArg>{bytes});
  }

  /// A rank-1 memref over a raw pointer: the conversion to LLVM sees through it.
  Value memrefOver(Value pointer, Type element) {
    if (element.isInteger(1))
      element = b.getI8Type();
    auto type = MemRefType::get({ShapedType::kDynamic}, element);
    Type descriptorType = LLVM::LLVMStructType::getLiteral(b.getContext(), {ptr(), ptr(), i64(),
        LLVM::LLVMArrayType::get(i64(), 1), LLVM::LLVMArrayType::get(i64(), 1)});
    Value descriptor = LLVM::PoisonOp::create(b, loc, descriptorType);
    auto insert = [&](Value value, ArrayRef<int64_t> position) {
      descriptor = LLVM::InsertValueOp::create(b, loc, descriptor, value, position);
    };
    insert(pointer, {0});
    insert(pointer, {1});
    Value zero = LLVM::ConstantOp::create(b, loc, i64(), b.getI64IntegerAttr(0));
    insert(zero, {2});
    insert(LLVM::ConstantOp::create(b, loc, i64(), b.getI64IntegerAttr(INT64_MAX)), {3, 0});
    insert(LLVM::ConstantOp::create(b, loc, i64(), b.getI64IntegerAttr(1)), {4, 0});
    return UnrealizedConversionCastOp::create(b, loc, type, descriptor).getResult(0);
  }
};

/// A kernel's argument block, in eight-byte words: the buffers in operand order, the base
/// of the workers' scratch and the bytes of each; where bounds are checked the place of a
/// word that becomes 1 when an element lies outside; then the symbols. Bytes and symbols
/// are an entry's own: as words here, the symbols last, they leave its kernels the same
/// as another's.
class LoopsEmitter : WordEmitter {
public:
  LoopsEmitter(ModuleOp module, const Target &target, StatePlaces statePlaces, bool checkBounds)
      : WordEmitter{OpBuilder(module.getContext()), module.getLoc()}, module(module), target(target), statePlaces(statePlaces),
        checkBounds(checkBounds) {}

  LogicalResult run() {
    declareParallelFor();
    SmallVector<func::FuncOp> planned(module.getOps<func::FuncOp>());
    SmallVector<func::FuncOp> entries; // which hold the kernels
    for (func::FuncOp function : planned) {
      if (function.getName().ends_with(".arena_bytes")) {
        emitArenaBytes(function);
        continue;
      }
      emitEntry(function);
      entries.push_back(function);
    }
    parallelForEach(module.getContext(), bodies, [&](const KernelBody &body) { emit(body); });
    for (func::FuncOp function : entries)
      function.erase();
    return success();
  }

private:
  void declareParallelFor() {
    b.setInsertionPointToStart(module.getBody());
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {ptr(), i64(), ptr(), ptr()});
    LLVM::LLVMFuncOp::create(b, loc, "nnc_parallel_for", type);
  }

  func::FuncOp startFunction(StringRef name, TypeRange results, TypeRange arguments) {
    b.setInsertionPointToEnd(module.getBody());
    auto function = func::FuncOp::create(b, loc, name, b.getFunctionType(arguments, results));
    b.setInsertionPointToStart(function.addEntryBlock());
    return function;
  }

  void makeInternal(func::FuncOp function) {
    function.setPrivate();
    function->setAttr("llvm.linkage", LLVM::LinkageAttr::get(b.getContext(), LLVM::Linkage::Internal));
  }

  //===-- kernels --------------------------------------------------------------------===//

  /// The same text but for names and locations: the same code.
  std::string keyOf(KernelOp kernel, unsigned phase) {
    std::string key;
    llvm::raw_string_ostream os(key);
    os << stringifyFamily(kernel.getFamily()) << " " << phase << " " << kernel.getScratch();
    for (Type type : kernel.getBody().front().getArgumentTypes())
      os << " " << type;
    // A copy by itself, so that values are numbered from the kernel's own first.
    Operation *copy = kernel->clone();
    copy->walk([](MapOp map) { map.removeFnAttr(); });
    copy->getRegion(0).front().print(os);
    copy->erase();
    return key;
  }

  /// The function `void kernel(args, task, worker)` of one phase.
  std::string kernelFunction(KernelOp kernel, unsigned phase, unsigned symbolCount) {
    auto [slot, fresh] = emitted.try_emplace(keyOf(kernel, phase));
    if (!fresh)
      return slot->second;
    slot->second = "nnc_kernel_" + std::to_string(emitted.size() - 1);
    OpBuilder::InsertionGuard guard(b);
    auto function = startFunction(slot->second, {}, {ptr(), i64(), i64()});
    makeInternal(function);
    bodies.push_back({function, kernel, phase, symbolCount});
    return slot->second;
  }

  /// What a kernel's function is still to hold. Bodies do not know of each other: all at once.
  struct KernelBody {
    func::FuncOp function;
    KernelOp kernel;
    unsigned phase, symbolCount;
  };

  void emit(const KernelBody &body) const {
    func::FuncOp function = body.function;
    KernelOp kernel = body.kernel;
    WordEmitter words{OpBuilder::atBlockBegin(&function.front()), loc};
    Value args = function.getArgument(0), task = function.getArgument(1), worker = function.getArgument(2);
    Type ptr = words.ptr(), i64 = words.i64(), i8 = words.b.getI8Type();
    KernelContext context(words.b, kernel, target);
    unsigned position = 0;
    for (BlockArgument argument : kernel.getBody().getArguments()) {
      context.inputBuffers.push_back(words.memrefOver(words.loadWord(ptr, args, position++), elementTypeOf(argument)));
      context.setBuffer(argument, context.inputBuffers.back());
    }
    for (Value result : context.yield().getValues())
      context.outputBuffers.push_back(words.memrefOver(words.loadWord(ptr, args, position++), elementTypeOf(result)));
    if (kernel.getScratch())
      context.sharedScratch = words.memrefOver(words.loadWord(ptr, args, position++), i8);
    Value base = words.loadWord(ptr, args, position++);
    Value mine = arith::MulIOp::create(words.b, loc, worker, words.loadWord(i64, args, position++));
    context.workerScratch = words.memrefOver(words.offsetBytes(base, mine), i8);
    if (checkBounds)
      context.outside = words.memrefOver(words.loadWord(ptr, args, position++), i64);
    for (unsigned i = 0; i < body.symbolCount; ++i)
      context.symbols.push_back(words.toIndex(words.loadWord(i64, args, position++)));
    scheduleFamily(kernel.getFamily()).emitTask(context, words.toIndex(task), body.phase);
    func::ReturnOp::create(words.b, loc);
  }

  //===-- entries ----------------------------------------------------------------------===//

  void emitEntry(func::FuncOp planned) {
    std::string name = planned.getName().str();
    auto kindOf = [&](unsigned i) { return planned.getArgAttrOfType<StringAttr>(i, "nn.kind").getValue(); };
    startFunction("nnc_entry_" + name, b.getI32Type(), ptr());
    Value call = b.getInsertionBlock()->getArgument(0);
    Value arena = loadWord(ptr(), call, Arena), state = loadWord(ptr(), call, State);
    Value symbolTable = loadWord(ptr(), call, Symbols), inputs = loadWord(ptr(), call, Inputs), outputs = loadWord(ptr(), call, Outputs);
    Value fixed = loadWord(ptr(), call, Fixed);

    // Every memref of the plan as a pointer, every index as itself.
    IRMapping mapping;
    DenseMap<Value, Value> pointers;
    SmallVector<Value> symbols;
    Value clock;
    unsigned input = 0, output = 0;
    SmallVector<Type> inputTypes, outputTypes;
    for (BlockArgument argument : planned.getArguments()) {
      unsigned i = argument.getArgNumber();
      StringRef kind = kindOf(i);
      if (kind == "input") {
        pointers[argument] = loadWord(ptr(), inputs, input++);
        inputTypes.push_back(cast<TypeAttr>(planned.getArgAttr(i, "nn.type")).getValue());
      } else if (kind == "output") {
        pointers[argument] = loadWord(ptr(), outputs, output++);
        outputTypes.push_back(cast<TypeAttr>(planned.getArgAttr(i, "nn.type")).getValue());
        if (planned.getArgAttr(i, "nn.clock"))
          clock = pointers[argument];
      } else if (kind == "arena") {
        pointers[argument] = arena;
      } else if (kind == "symbol") {
        symbols.push_back(toIndex(loadWord(i64(), symbolTable, symbols.size())));
        mapping.map(argument, symbols.back());
      } else {
        StringRef stateName = planned.getArgAttrOfType<StringAttr>(i, "nn.name");
        StatePlace place = statePlaces(kind, stateName);
        pointers[argument] = offsetBytes(place.fixed ? fixed : state, constant(place.offset));
      }
    }

    int64_t workerBytes = planned->getAttrOfType<IntegerAttr>("nn.worker_bytes").getInt();
    int64_t words = 0;
    planned.walk([&](KernelOp kernel) {
      words = std::max<int64_t>(words, kernel->getNumOperands() + 3 + symbols.size());
    });
    Value block = LLVM::AllocaOp::create(b, loc, ptr(), i64(), constant(std::max<int64_t>(words, 1)), 8);
    Value outside, culprit = constant(0);
    int64_t kernelNumber = 0;
    if (checkBounds)
      outside = LLVM::AllocaOp::create(b, loc, ptr(), i64(), constant(1), 8);
    Value workers;
    if (workerBytes) {
      // The workers' scratch follows the slots: at arena_bytes(symbols, 0 workers).
      SmallVector<Value> arguments(symbols);
      arguments.push_back(arith::ConstantIndexOp::create(b, loc, 0));
      workers = offsetBytes(arena, toI64(func::CallOp::create(b, loc, (name + ".arena_bytes"), b.getIndexType(), arguments).getResult(0)));
    }

    int64_t timed = 0;
    if (clock)
      emitTimeStamp(clock, timed++);
    for (Operation &op : planned.front().without_terminator()) {
      if (auto view = dyn_cast<memref::ViewOp>(op)) {
        pointers[view.getResult()] = offsetBytes(arena, toI64(mapping.lookup(view.getByteShift())));
        continue;
      }
      auto kernel = dyn_cast<KernelOp>(op);
      if (!kernel) {
        b.clone(op, mapping);
        continue;
      }
      int64_t position = 0;
      for (Value operand : kernel->getOperands())
        LLVM::StoreOp::create(b, loc, pointers.lookup(operand), word(block, position++));
      if (workers) {
        LLVM::StoreOp::create(b, loc, workers, word(block, position));
        LLVM::StoreOp::create(b, loc, constant(workerBytes), word(block, position + 1));
      }
      position += 2;
      if (outside) {
        LLVM::StoreOp::create(b, loc, constant(0), outside);
        LLVM::StoreOp::create(b, loc, outside, word(block, position++));
      }
      for (Value symbol : symbols)
        LLVM::StoreOp::create(b, loc, toI64(symbol), word(block, position++));
      const ScheduleFamily &family = scheduleFamily(kernel.getFamily());
      for (unsigned phase = 0; phase < family.phases(kernel, target); ++phase) {
        KernelContext context(b, kernel, target);
        context.symbols = symbols;
        Value tasks = toI64(family.emitTaskCount(context, phase));
        std::string callee = kernelFunction(kernel, phase, symbols.size());
        Value function = func::ConstantOp::create(b, loc, b.getFunctionType({ptr(), i64(), i64()}, {}), callee);
        Value address = UnrealizedConversionCastOp::create(b, loc, ptr(), function).getResult(0);
        LLVM::CallOp::create(b, loc, TypeRange{}, "nnc_parallel_for", ValueRange{call, tasks, address, block});
      }
      if (outside) { // the first culprit counts
        Value found = arith::MulIOp::create(b, loc, loadWord(i64(), outside, 0), constant(++kernelNumber));
        Value none = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, culprit, constant(0));
        culprit = arith::SelectOp::create(b, loc, none, found, culprit);
      }
      if (clock)
        emitTimeStamp(clock, timed++);
    }
    func::ReturnOp::create(b, loc, Value(arith::TruncIOp::create(b, loc, b.getI32Type(), culprit)));
    outputTypes.append(inputTypes);
    emitShapes(name, outputTypes, symbols.size());
  }

  /// The time now, as the `position`-th struct timespec at `clock`.
  void emitTimeStamp(Value clock, int64_t position) {
    constexpr int32_t clockMonotonic = 1;
    if (!module.lookupSymbol("clock_gettime")) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(module.getBody());
      LLVM::LLVMFuncOp::create(b, loc, "clock_gettime", LLVM::LLVMFunctionType::get(b.getI32Type(), {b.getI32Type(), ptr()}));
    }
    Value id = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(clockMonotonic));
    LLVM::CallOp::create(b, loc, b.getI32Type(), "clock_gettime", ValueRange{id, word(clock, 2 * position)});
  }

  /// `int64_t nnc_arena_NAME(const int64_t *symbols, int64_t workers)` around the planned function.
  void emitArenaBytes(func::FuncOp function) {
    StringRef name = function.getName().drop_back(StringRef(".arena_bytes").size());
    auto wrapper = startFunction(("nnc_arena_" + name).str(), i64(), {ptr(), i64()});
    SmallVector<Value> arguments;
    for (unsigned i = 0; i + 1 < function.getNumArguments(); ++i)
      arguments.push_back(toIndex(loadWord(i64(), wrapper.getArgument(0), i)));
    arguments.push_back(toIndex(wrapper.getArgument(1)));
    Value bytes = func::CallOp::create(b, loc, function, arguments).getResult(0);
    func::ReturnOp::create(b, loc, toI64(bytes));
    makeInternal(function);
  }

  /// `void nnc_shapes_NAME(const int64_t *symbols, int64_t *dims)`: the sizes of all outputs, then of all inputs.
  void emitShapes(StringRef name, ArrayRef<Type> types, unsigned symbolCount) {
    auto function = startFunction(("nnc_shapes_" + name).str(), {}, {ptr(), ptr()});
    SmallVector<Value> symbols;
    for (unsigned i = 0; i < symbolCount; ++i)
      symbols.push_back(toIndex(loadWord(i64(), function.getArgument(0), i)));
    int64_t position = 0;
    for (Type type : types)
      for (AffineExpr dim : dimsOf(type))
        LLVM::StoreOp::create(b, loc, toI64(emitSize(b, loc, dim, symbols)), word(function.getArgument(1), position++));
    func::ReturnOp::create(b, loc);
  }

  ModuleOp module;
  const Target &target;
  StatePlaces statePlaces;
  bool checkBounds;
  llvm::StringMap<std::string> emitted;
  std::vector<KernelBody> bodies;
};

} // namespace

LogicalResult emitLoops(ModuleOp module, const Target &target, StatePlaces statePlaces, bool checkBounds) {
  return LoopsEmitter(module, target, statePlaces, checkBounds).run();
}

} // namespace nnc::cpu
