#include "compiler/Freeze.h"
#include "codegen/library/Library.h"
#include "codegen/library/Verify.h"
#include "dialects/nn/Nn.h"
#include "runtime/abi.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include <dlfcn.h>

using namespace mlir;

namespace nnc {

static StringRef attributeOf(func::FuncOp function, unsigned argument, StringRef name) {
  return function.getArgAttrOfType<StringAttr>(argument, name).getValue();
}

static void dropUnusedArguments(func::FuncOp function) {
  BitVector unused(function.getNumArguments());
  for (BlockArgument argument : function.getArguments())
    unused[argument.getArgNumber()] = argument.use_empty() && attributeOf(function, argument.getArgNumber(), "nn.kind") != "input";
  (void)function.eraseArguments(unused);
}

/// A frozen model has no state beside its constants.
static LogicalResult checkChangesNothing(func::FuncOp forward) {
  for (unsigned i = 0; i < forward.getNumArguments(); ++i)
    if (attributeOf(forward, i, "nn.kind") == "seed")
      return forward.emitError() << "forward draws random numbers: it cannot be frozen; leave out --frozen";
  for (unsigned i = 0; i < forward.getNumResults(); ++i)
    if (auto updated = forward.getResultAttrOfType<IntegerAttr>(i, "nn.updates"))
      return forward.emitError() << "forward changes " << attributeOf(forward, updated.getInt(), "nn.name")
                                 << " in every call: it cannot be frozen; leave out --frozen";
  return success();
}

/// @prepare as a model without inputs: its results are outputs.
static OwningOpRef<ModuleOp> asModel(func::FuncOp prepare, SmallVectorImpl<std::string> &names) {
  MLIRContext *context = prepare.getContext();
  OpBuilder b(context);
  BitVector written(prepare.getNumArguments());
  for (unsigned i = 0; i < prepare.getNumResults(); ++i) {
    auto updated = prepare.getResultAttrOfType<IntegerAttr>(i, "nn.updates").getInt();
    names.push_back(attributeOf(prepare, updated, "nn.name").str());
    written.set(updated);
    prepare.setResultAttrs(i, b.getDictionaryAttr(b.getNamedAttr("nn.name", b.getStringAttr(names.back()))));
  }
  (void)prepare.eraseArguments(written);
  dropUnusedArguments(prepare);
  prepare.setName("forward");
  OwningOpRef<ModuleOp> module = ModuleOp::create(prepare.getLoc());
  prepare->moveBefore(module->getBody(), module->getBody()->end());
  return module;
}

/// Calls `forward` of a library without inputs; the outputs by name.
static llvm::Error evaluate(const std::string &path, const ModelInterface &model, llvm::StringMap<std::string> &values) {
  auto fail = [&](const Twine &why) { return llvm::createStringError("evaluating what depends on parameters alone: " + why); };
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return fail(dlerror());
  auto closed = llvm::scope_exit([&] { dlclose(library); });
  auto find = [&](const char *suffix) { return dlsym(library, (model.name + suffix).c_str()); };
  auto create = reinterpret_cast<int32_t (*)(const nnc_options *, nnc_instance **, char *, size_t)>(find("_create"));
  auto call = reinterpret_cast<decltype(&nnc_rt_call)>(find("_call"));
  auto destroy = reinterpret_cast<void (*)(nnc_instance *)>(find("_destroy"));
  nnc_instance *instance = nullptr;
  char message[512] = "";
  if (create(nullptr, &instance, message, sizeof(message)) != NNC_OK)
    return fail(message);
  auto destroyed = llvm::scope_exit([&] { destroy(instance); });
  const Entry &entry = model.entries.front();
  std::vector<nnc_tensor> outputs;
  for (const BoundaryTensor &tensor : entry.outputs) {
    nnc_tensor output = {};
    output.dtype = int32_t(tensor.type);
    output.rank = int32_t(tensor.dims.size());
    StateVariable variable;
    variable.type = tensor.type;
    for (auto [axis, dim] : llvm::enumerate(tensor.dims))
      variable.dims.push_back(output.dims[axis] = dim.value);
    std::string &bytes = values[tensor.name];
    bytes.resize(variableBytes(variable));
    output.data = bytes.data();
    outputs.push_back(output);
  }
  if (call(instance, entry.name.c_str(), nullptr, 0, outputs.data(), outputs.size()) != NNC_OK)
    return fail("the call failed");
  return llvm::Error::success();
}

llvm::StringSet<> unreadState(ModuleOp module) {
  llvm::StringSet<> unread, read;
  for (auto function : module.getOps<func::FuncOp>())
    for (BlockArgument argument : function.getArguments()) {
      auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "nn.name");
      if (!name)
        continue;
      (isRead(argument) ? read : unread).insert((attributeOf(function, argument.getArgNumber(), "nn.kind") + "/" + name.getValue()).str());
    }
  for (const auto &entry : read)
    unread.erase(entry.getKey());
  return unread;
}

llvm::Error freezePrepared(Compilation &c) {
  auto forward = c.module->lookupSymbol<func::FuncOp>("forward"), prepare = c.module->lookupSymbol<func::FuncOp>("prepare");
  if (failed(checkChangesNothing(forward)))
    return c.reportedErrors();
  dropUnusedArguments(forward);
  if (!prepare)
    return llvm::Error::success();
  llvm::Expected<cpu::Target> native = cpu::Target::forCPU("native");
  if (!native)
    return native.takeError();
  llvm::SmallString<128> folder;
  if (std::error_code code = llvm::sys::fs::createUniqueDirectory("nnc-freeze", folder))
    return llvm::createStringError("cannot make a temporary folder: " + code.message());
  auto removed = llvm::scope_exit([&] { llvm::sys::fs::remove_directories(folder); });

  // The same stages for another module and target.
  SmallVector<std::string> names;
  OwningOpRef<ModuleOp> whole = std::exchange(c.module, asModel(prepare, names));
  cpu::Target target = std::exchange(c.target, *native);
  bool frozen = std::exchange(c.options.frozen, false);
  llvm::Error error = runStagesFromCore(c, Stage::Object);
  c.layout.interface.name = "prepare";
  if (!error)
    error = writeLibrary(c.layout.interface, c.objects, c.layout.initialData, (folder + "/prepare").str());
  if (!error)
    error = evaluate((folder + "/prepare.so").str(), c.layout.interface, c.prepared);
  c.module = std::move(whole);
  c.target = std::move(target);
  c.options.frozen = frozen;
  c.objects.clear();
  c.layout = {};
  c.report = {};
  return error;
}

} // namespace nnc
