#include "codegen/cpu/ParallelObject.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Threading.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace nnc::cpu {

// More than this many parts gain nothing: translation and code generator have
// costs of their own.
static constexpr size_t maximumParts = 8;
static constexpr int64_t smallestPart = 1500; // operations

static int64_t sizeOf(LLVM::LLVMFuncOp function) {
  int64_t operations = 0;
  function.walk([&](Operation *) { ++operations; });
  return operations;
}

/// Largest first into the emptiest part: deterministic and even.
static std::vector<SmallVector<LLVM::LLVMFuncOp>> deal(ModuleOp module) {
  SmallVector<std::pair<int64_t, LLVM::LLVMFuncOp>> functions;
  int64_t total = 0;
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    if (!function.isExternal()) {
      functions.push_back({sizeOf(function), function});
      total += functions.back().first;
    }
  llvm::stable_sort(functions, [](const auto &a, const auto &b) { return a.first > b.first; });
  size_t count = std::clamp<size_t>(total / smallestPart, 1, maximumParts);
  std::vector<SmallVector<LLVM::LLVMFuncOp>> parts(count);
  SmallVector<int64_t> load(count, 0);
  for (auto [size, function] : functions) {
    size_t lightest = llvm::min_element(load) - load.begin();
    parts[lightest].push_back(function);
    load[lightest] += size;
  }
  return parts;
}

/// A module with those functions, declarations of what they refer to, and the globals.
static OwningOpRef<ModuleOp> partModule(ModuleOp module, ArrayRef<LLVM::LLVMFuncOp> functions) {
  OwningOpRef<ModuleOp> part = ModuleOp::create(module.getLoc());
  (*part)->setAttrs(module->getAttrDictionary());
  OpBuilder b = OpBuilder::atBlockEnd(part->getBody());
  for (auto global : module.getOps<LLVM::GlobalOp>())
    b.clone(*global);
  for (LLVM::LLVMFuncOp function : functions)
    b.clone(*function);
  SymbolTable own(*part), all(module);
  part->walk([&](Operation *op) {
    StringRef name;
    if (auto call = dyn_cast<LLVM::CallOp>(op))
      name = call.getCallee().value_or("");
    else if (auto address = dyn_cast<LLVM::AddressOfOp>(op))
      name = address.getGlobalName();
    if (name.empty() || own.lookup(name))
      return;
    auto declaration = cast<LLVM::LLVMFuncOp>(all.lookup<LLVM::LLVMFuncOp>(name)->cloneWithoutRegions());
    declaration.setLinkage(LLVM::Linkage::External);
    own.insert(declaration);
  });
  return part;
}

llvm::Expected<std::vector<llvm::SmallVector<char, 0>>>
emitObjects(ModuleOp module, const Target &target, int optimizationLevel) {
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    if (function.getLinkage() == LLVM::Linkage::Internal)
      function.setLinkage(LLVM::Linkage::External);
  std::vector<OwningOpRef<ModuleOp>> parts;
  for (const auto &functions : deal(module))
    parts.push_back(partModule(module, functions));
  std::vector<llvm::SmallVector<char, 0>> objects(parts.size());
  std::vector<std::string> errors(parts.size());
  parallelFor(module.getContext(), 0, parts.size(), [&](size_t i) {
    auto object = emitObject(*parts[i], target, optimizationLevel);
    if (object)
      objects[i] = std::move(*object);
    else
      errors[i] = llvm::toString(object.takeError());
  });
  for (const std::string &error : errors)
    if (!error.empty())
      return llvm::createStringError(error);
  return objects;
}

} // namespace nnc::cpu
