#include "codegen/cpu/ParallelObject.h"
#include "codegen/cpu/LowerToLLVM.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/ThreadPool.h"

using namespace mlir;

namespace nnc::cpu {

// More than this many parts gain nothing: translation and code generator have
// costs of their own.
static constexpr size_t maximumParts = 8;
static constexpr int64_t smallestPart = 1500; // operations

static int64_t sizeOf(func::FuncOp function) {
  int64_t operations = 0;
  function.walk([&](Operation *) { ++operations; });
  return operations;
}

/// Largest first into the emptiest part: deterministic and even.
static std::vector<SmallVector<func::FuncOp>> deal(ModuleOp module) {
  SmallVector<std::pair<int64_t, func::FuncOp>> functions;
  int64_t total = 0;
  for (auto function : module.getOps<func::FuncOp>()) {
    functions.push_back({sizeOf(function), function});
    total += functions.back().first;
  }
  llvm::sort(functions, [](auto &a, auto &b) {
    return a.first != b.first ? a.first > b.first : a.second.getName() < b.second.getName();
  });
  size_t count = std::clamp<size_t>(total / smallestPart, 1, maximumParts);
  std::vector<SmallVector<func::FuncOp>> parts(count);
  SmallVector<int64_t> load(count, 0);
  for (auto [size, function] : functions) {
    size_t lightest = llvm::min_element(load) - load.begin();
    parts[lightest].push_back(function);
    load[lightest] += size;
  }
  return parts;
}

/// A module that those functions move into, with declarations of what they refer to.
static OwningOpRef<ModuleOp> takePart(ModuleOp module, const SymbolTable &all, ArrayRef<func::FuncOp> functions) {
  OwningOpRef<ModuleOp> part = ModuleOp::create(module.getLoc());
  (*part)->setAttrs(module->getAttrDictionary());
  for (func::FuncOp function : functions)
    function->moveBefore(part->getBody(), part->getBody()->end());
  SymbolTable own(*part);
  auto declare = [&](StringRef name) {
    if (own.lookup(name))
      return;
    Operation *declaration = all.lookup(name)->cloneWithoutRegions();
    if (isa<func::FuncOp>(declaration))
      SymbolTable::setSymbolVisibility(declaration, SymbolTable::Visibility::Private);
    own.insert(declaration);
  };
  // Loops and arithmetic, nearly all there is, refer to nothing.
  part->walk([&](Operation *op) {
    if (op->getNumRegions() || !isa<func::FuncDialect, LLVM::LLVMDialect>(op->getDialect()))
      return;
    auto uses = SymbolTable::getSymbolUses(op);
    for (const SymbolTable::SymbolUse &use : *uses)
      declare(use.getSymbolRef().getRootReference());
  });
  return part;
}

llvm::Expected<std::vector<llvm::SmallVector<char, 0>>>
emitObjects(ModuleOp module, const Target &target, int optimizationLevel, TimingScope &time) {
  for (auto function : module.getOps<func::FuncOp>())
    function->removeAttr("llvm.linkage");
  SymbolTable symbols(module);
  std::vector<OwningOpRef<ModuleOp>> parts;
  for (const auto &functions : deal(module))
    parts.push_back(takePart(module, symbols, functions));
  std::vector<llvm::SmallVector<char, 0>> objects(parts.size());
  std::vector<std::string> errors(parts.size());
  ParallelDiagnosticHandler inOrder(module.getContext());
  auto compile = [&](size_t i) {
    inOrder.setOrderIDForThread(i);
    llvm::scope_exit leave([&] { inOrder.eraseOrderIDForThread(); });
    TimingScope lowering = time.nest("lower to the LLVM dialect");
    if (failed(lowerToLLVM(*parts[i]))) {
      errors[i] = "the loops could not be lowered to LLVM";
      return;
    }
    lowering.stop();
    auto object = emitObject(*parts[i], target, optimizationLevel, time);
    if (object)
      objects[i] = std::move(*object);
    else
      errors[i] = llvm::toString(object.takeError());
  };
  // Threads of their own: one of the context's that waits for the passes over its part's functions
  // would meanwhile take the other parts, one after the other.
  llvm::DefaultThreadPool threads(llvm::hardware_concurrency(module.getContext()->getNumThreads()));
  for (size_t i = 0; i < parts.size(); ++i)
    threads.async(compile, i);
  threads.wait();
  for (const std::string &error : errors)
    if (!error.empty())
      return llvm::createStringError(error);
  return objects;
}

} // namespace nnc::cpu
