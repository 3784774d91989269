#include "codegen/library/Descriptor.h"
#include "codegen/library/CFunctions.h"
#include "codegen/library/CpuFeatures.h"
#include "codegen/library/Signature.h"
#include "codegen/library/Verify.h"
#include "runtime/abi.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

namespace nnc {

namespace {

/// Builds the descriptor's constants. Each structure mirrors one of
/// runtime/abi.h, field by field in its order; its size is checked against it.
class DescriptorModule {
public:
  DescriptorModule(const ModelInterface &model, const Platform &platform, llvm::Module &module)
      : model(model), platform(platform), module(module), builder(module.getContext()),
        pointer(llvm::PointerType::getUnqual(module.getContext())) {}

  llvm::Error build(llvm::StringRef signature, uint64_t initialBytes);

private:
  using Constant = llvm::Constant;

  Constant *i32(int64_t value) { return builder.getInt32(uint32_t(value)); }
  Constant *i64(int64_t value) { return builder.getInt64(uint64_t(value)); }
  Constant *null() { return llvm::ConstantPointerNull::get(pointer); }

  Constant *constantGlobal(Constant *value) {
    auto *global = new llvm::GlobalVariable(module, value->getType(), /*isConstant=*/true,
                                            llvm::GlobalValue::PrivateLinkage, value);
    global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
    return global;
  }

  Constant *string(llvm::StringRef text) {
    Constant *&known = strings[text];
    if (!known)
      known = constantGlobal(llvm::ConstantDataArray::getString(module.getContext(), text));
    return known;
  }

  /// A pointer to the elements; null for none.
  Constant *array(llvm::ArrayRef<Constant *> elements) {
    if (elements.empty())
      return null();
    auto *type = llvm::ArrayType::get(elements.front()->getType(), elements.size());
    return constantGlobal(llvm::ConstantArray::get(type, elements));
  }

  template <typename T> Constant *structure(llvm::ArrayRef<Constant *> fields) {
    Constant *value = llvm::ConstantStruct::getAnon(fields);
    if (module.getDataLayout().getTypeAllocSize(value->getType()) != sizeof(T))
      llvm::report_fatal_error("the descriptor does not mirror runtime/abi.h");
    return value;
  }

  /// A function of the compiled objects or of the runtime.
  llvm::Function *hiddenFunction(llvm::StringRef name, llvm::FunctionType *type) {
    auto callee = module.getOrInsertFunction(name, type);
    auto *function = llvm::cast<llvm::Function>(callee.getCallee());
    function->setVisibility(llvm::GlobalValue::HiddenVisibility);
    return function;
  }

  Constant *compiledFunction(const std::string &name) {
    if (name.empty())
      return null();
    return hiddenFunction(name, llvm::FunctionType::get(builder.getVoidTy(), false));
  }

  Constant *boundaries(const std::vector<BoundaryTensor> &tensors);
  Constant *entry(const Entry &entry);
  Constant *variable(const StateVariable &variable);
  llvm::Function *exportedFunction(llvm::StringRef name, llvm::FunctionType *type);
  llvm::Type *typeOf(char code);
  void defineFixed(const FixedFunction &function);
  void defineEntry(const EntryFunction &function);

  const ModelInterface &model;
  const Platform &platform;
  llvm::Module &module;
  llvm::IRBuilder<> builder;
  llvm::PointerType *pointer;
  llvm::StringMap<Constant *> strings;
  llvm::GlobalVariable *descriptor = nullptr;
};

} // namespace

llvm::Constant *DescriptorModule::boundaries(const std::vector<BoundaryTensor> &tensors) {
  llvm::SmallVector<Constant *> elements;
  for (const BoundaryTensor &tensor : tensors) {
    llvm::SmallVector<Constant *> dims;
    for (const BoundaryDim &dim : tensor.dims)
      dims.push_back(structure<nnc_dim>({i64(dim.kind), i64(dim.value)}));
    elements.push_back(structure<nnc_boundary>(
        {string(tensor.name), array(dims), i32(int64_t(tensor.type)),
         i32(int64_t(tensor.dims.size())), i32(tensor.hasRange), i32(tensor.range.hasException),
         i64(tensor.range.low), i64(tensor.range.high), i64(tensor.range.exception)}));
  }
  return array(elements);
}

llvm::Constant *DescriptorModule::entry(const Entry &entry) {
  int64_t flags = 0;
  if (entry.name == "train_step" || entry.name == "forward_backward" ||
      entry.name == "optimizer_step")
    flags |= NNC_ENTRY_TRAINS;
  if (entry.name == "forward")
    flags |= NNC_ENTRY_USES_PREPARED;
  return structure<nnc_entry>({string(entry.name), compiledFunction(entry.symbol),
                               compiledFunction(entry.arenaSymbol),
                               compiledFunction(entry.shapeSymbol), boundaries(entry.inputs),
                               boundaries(entry.outputs), i32(int64_t(entry.inputs.size())),
                               i32(int64_t(entry.outputs.size())), i64(flags)});
}

llvm::Constant *DescriptorModule::variable(const StateVariable &variable) {
  llvm::SmallVector<Constant *> aliases, dims;
  for (const std::string &alias : variable.aliases)
    aliases.push_back(string(alias));
  for (int64_t size : variable.dims)
    dims.push_back(i64(size));
  return structure<nnc_variable>(
      {string(variableKey(variable)), array(aliases), array(dims), i64(int64_t(variable.offset)),
       i64(int64_t(variableBytes(variable))), i64(variable.initialOffset),
       i32(int64_t(aliases.size())), i32(variable.kind), i32(int64_t(variable.type)),
       i32(int64_t(dims.size()))});
}

llvm::Function *DescriptorModule::exportedFunction(llvm::StringRef name,
                                                   llvm::FunctionType *type) {
  auto *function = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage,
                                          model.name + "_" + name, module);
  function->setDoesNotThrow();
  builder.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "", function));
  return function;
}

llvm::Type *DescriptorModule::typeOf(char code) {
  switch (code) {
  case 'v': return builder.getVoidTy();
  case 'i': return builder.getInt32Ty();
  case 'd': return builder.getDoubleTy();
  case 'p': return pointer;
  default: return builder.getInt64Ty(); // l, L
  }
}

/// NAME_f(arguments...) = nnc_rt_f([descriptor,] arguments...), a jump.
void DescriptorModule::defineFixed(const FixedFunction &fixed) {
  llvm::SmallVector<llvm::Type *> parameters, runtimeParameters;
  if (fixed.takesDescriptor)
    runtimeParameters.push_back(pointer);
  for (char code : llvm::StringRef(fixed.parameters)) {
    parameters.push_back(typeOf(code));
    runtimeParameters.push_back(typeOf(code));
  }
  llvm::Type *result = typeOf(fixed.result);
  llvm::Function *target =
      hiddenFunction(fixed.runtime, llvm::FunctionType::get(result, runtimeParameters, false));
  llvm::Function *function =
      exportedFunction(fixed.name, llvm::FunctionType::get(result, parameters, false));
  llvm::SmallVector<llvm::Value *> arguments;
  if (fixed.takesDescriptor)
    arguments.push_back(descriptor);
  for (llvm::Argument &argument : function->args())
    arguments.push_back(&argument);
  llvm::CallInst *call = builder.CreateCall(target, arguments);
  call->setTailCall();
  if (fixed.result == 'v')
    builder.CreateRetVoid();
  else
    builder.CreateRet(call);
}

/// NAME_entry(model, symbols..., inputs..., outputs...): gathers the arguments
/// into the arrays that nnc_rt_run takes.
void DescriptorModule::defineEntry(const EntryFunction &entry) {
  llvm::SmallVector<llvm::Type *> parameters = {pointer};
  parameters.append(entry.symbols.size(), builder.getInt64Ty());
  parameters.append(entry.inputNames.size() + entry.outputNames.size(), pointer);
  llvm::Function *function =
      exportedFunction(entry.entry->name,
                       llvm::FunctionType::get(builder.getInt32Ty(), parameters, false));
  auto store = [&](llvm::Value *base, llvm::Type *element, size_t index, llvm::Value *value) {
    builder.CreateStore(value, builder.CreateConstInBoundsGEP1_64(element, base, index));
  };
  auto room = [&](llvm::Type *element, size_t count) {
    return builder.CreateAlloca(element, i64(int64_t(count)));
  };
  llvm::Value *symbols = room(builder.getInt64Ty(), model.symbols.size());
  llvm::Value *inputs = room(pointer, entry.inputNames.size());
  llvm::Value *outputs = room(pointer, entry.outputNames.size());
  // A symbol that this entry does not mention may have any allowed value.
  for (size_t i = 0; i < model.symbols.size(); ++i)
    store(symbols, builder.getInt64Ty(), i, i64(model.symbols[i].minimum));
  llvm::Argument *argument = function->arg_begin() + 1;
  for (unsigned symbol : entry.symbols)
    store(symbols, builder.getInt64Ty(), symbol, argument++);
  for (size_t i = 0; i < entry.inputNames.size(); ++i)
    store(inputs, pointer, i, argument++);
  for (size_t i = 0; i < entry.outputNames.size(); ++i)
    store(outputs, pointer, i, argument++);
  llvm::Function *run = hiddenFunction(
      "nnc_rt_run", llvm::FunctionType::get(
                        builder.getInt32Ty(),
                        {pointer, builder.getInt64Ty(), pointer, pointer, pointer}, false));
  builder.CreateRet(
      builder.CreateCall(run, {function->getArg(0), i64(entry.index), symbols, inputs, outputs}));
}

llvm::Error DescriptorModule::build(llvm::StringRef signature, uint64_t initialBytes) {
  llvm::SmallVector<Constant *> symbols, entries, variables, features;
  int64_t prepareEntry = -1;
  for (const SymbolInfo &symbol : model.symbols)
    symbols.push_back(structure<nnc_symbol>(
        {string(symbol.name), i64(symbol.minimum), i64(symbol.maximum)}));
  for (const Entry &e : model.entries) {
    if (e.name == "prepare")
      prepareEntry = int64_t(entries.size());
    entries.push_back(entry(e));
  }
  for (const StateVariable &v : model.state)
    variables.push_back(variable(v));
  auto bits = cpuFeatureBits(model.cpuFeatures, platform);
  if (!bits)
    return bits.takeError();
  for (const nnc_cpu_feature &feature : *bits)
    features.push_back(structure<nnc_cpu_feature>({string(feature.name), i32(feature.leaf),
                                                   i32(feature.subleaf), i32(feature.reg),
                                                   i32(feature.bit), i64(int64_t(feature.xcr0))}));
  auto *data = new llvm::GlobalVariable(module, llvm::ArrayType::get(builder.getInt8Ty(), 0), true,
                                        llvm::GlobalValue::ExternalLinkage, nullptr,
                                        initialDataSymbol);
  data->setVisibility(llvm::GlobalValue::HiddenVisibility);
  Constant *value = structure<nnc_model>(
      {i64(sizeof(nnc_model)), i64(int64_t(interfaceHash(signature))), string(model.name),
       string(model.cpu), string(signature), array(symbols), array(entries), array(variables),
       array(features), data, i64(int64_t(initialBytes)), i64(int64_t(model.fixedBytes)), i64(int64_t(model.stateBytes)),
       i64(int64_t(symbols.size())), i64(int64_t(entries.size())), i64(int64_t(variables.size())),
       i64(int64_t(features.size())), i64(prepareEntry)});
  descriptor = llvm::cast<llvm::GlobalVariable>(constantGlobal(value));
  for (const FixedFunction &function : fixedFunctions(model))
    defineFixed(function);
  for (const EntryFunction &function : entryFunctions(model))
    defineEntry(function);
  return llvm::Error::success();
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>> baselineMachine(const Platform &platform) {
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(platform.triple, error);
  if (!target)
    return llvm::createStringError("LLVM has no code generator for " + llvm::Twine(platform.name) + ": " + error);
  llvm::TargetOptions options;
  options.FunctionSections = true;
  options.DataSections = true;
  return std::unique_ptr<llvm::TargetMachine>(
      target->createTargetMachine(platform.triple, platform.baselineCpu, "", options, llvm::Reloc::PIC_));
}

llvm::Expected<llvm::SmallVector<char, 0>> emitDescriptor(const ModelInterface &model,
                                                          const Platform &platform,
                                                          llvm::StringRef signature,
                                                          uint64_t initialBytes) {
  auto machine = baselineMachine(platform);
  if (!machine)
    return machine.takeError();
  llvm::LLVMContext context;
  llvm::Module module("nnc_descriptor", context);
  module.setTargetTriple((*machine)->getTargetTriple());
  module.setDataLayout((*machine)->createDataLayout());
  DescriptorModule descriptor(model, platform, module);
  if (llvm::Error error = descriptor.build(signature, initialBytes))
    return error;
  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, stream, nullptr,
                                      llvm::CodeGenFileType::ObjectFile))
    return llvm::createStringError("LLVM cannot emit objects for " + llvm::Twine(platform.name));
  passes.run(module);
  return object;
}

} // namespace nnc
