#include "tests/unit/ops_compiled.h"
#include "codegen/cpu/EmitLoops.h"
#include "codegen/cpu/LowerToLLVM.h"
#include "codegen/cpu/ScheduleFamily.h"
#include "compiler/autodiff/Autodiff.h"
#include "compiler/autodiff/Training.h"
#include "compiler/transforms/FormKernels.h"
#include "compiler/transforms/PackRecurrentWeights.h"
#include "compiler/transforms/Plan.h"
#include "compiler/transforms/StageContract.h"
#include "runtime/abi.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include <cstring>
#include <random>

using namespace mlir;

// The pool of the tests: tasks one after the other from the last to the first, since
// any order must do, spread over the workers' scratch.
extern "C" void nnc_parallel_for(nnc_call *call, int64_t tasks, nnc_task task, void *args) {
  for (int64_t i = tasks; i-- > 0;)
    task(args, i, i % call->workers);
}

namespace nnc::test {

std::unique_ptr<MLIRContext> createContext() {
  DialectRegistry registry;
  cpu::registerLoweringDialects(registry);
  registry.insert<nn::NNDialect>();
  auto context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  return context;
}

static std::string functionName(size_t caseIndex, bool dynamic) {
  return "case" + std::to_string(caseIndex) + (dynamic ? "_dynamic" : "_fixed");
}

CompiledCases::CompiledCases(ArrayRef<Case> cases, Configuration configuration, Variants variants)
    : context(createContext()) {
  std::string diagnostics;
  ScopedDiagnosticHandler handler(context.get(), [&](Diagnostic &diagnostic) {
    diagnostics += "\n" + diagnostic.str();
    return success();
  });
  auto check = [&](bool ok, const Twine &what) {
    if (!ok)
      throw std::runtime_error((what + diagnostics).str());
  };
  llvm::Expected<cpu::Target> target = cpu::Target::forCPU(configuration.cpu);
  check(bool(target), "no such CPU: " + configuration.cpu);
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(context.get()));
  Type element = configuration.f64 ? Type(Float64Type::get(context.get())) : Type(Float32Type::get(context.get()));

  auto addCase = [&](size_t i, bool dynamic) {
    Function f;
    f.name = functionName(i, dynamic);
    std::vector<SymbolInfo> symbols;
    if (dynamic)
      symbols.push_back({"N", 1, 64});
    CaseBuilder b(*module, f.name, symbols, element);
    b.unrollRecurrences = configuration.optimization == 0;
    cases[i].build(b);
    f.data = b.data;
    f.usesBatch = b.usesBatch;
    auto forward = b.finish();
    for (Type type : forward.getArgumentTypes()) {
      f.inputDims.push_back(nn::dimsOf(type));
      f.floating.push_back(isa<FloatType>(cast<RankedTensorType>(type).getElementType()));
    }
    for (Type type : forward.getResultTypes())
      f.floatOutput.push_back(isa<FloatType>(cast<RankedTensorType>(type).getElementType()));
    check(succeeded(verify(forward)), cases[i].op + " " + cases[i].name + ": does not verify");
    if (cases[i].checkGradient) {
      check(succeeded(addGradient(*module, forward)), cases[i].op + " " + cases[i].name + ": no gradient");
      module->lookupSymbol<func::FuncOp>("grad").setName(f.name + "_gradient");
    }
    functions[{i, dynamic}] = f;
    return f.usesBatch;
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    // Which of the two there are is known once the case was built.
    bool usesBatch = true;
    if (variants.dynamic)
      usesBatch = addCase(i, true);
    if (variants.fixed || !usesBatch)
      addCase(i, false);
    if (variants.dynamic && !usesBatch) {
      module->lookupSymbol(functionName(i, true))->erase();
      if (Operation *gradient = module->lookupSymbol(functionName(i, true) + "_gradient"))
        gradient->erase();
      functions.erase({i, true});
    }
  }

  check(succeeded(verifyStage(*module, Stage::Train)), "stage train");
  for (auto function : module->getOps<func::FuncOp>()) {
    decomposeComposites(function);
    packRecurrentWeights(function);
  }
  PassManager manager(context.get());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  check(succeeded(manager.run(*module)) && succeeded(verifyStage(*module, Stage::Core)), "stage core");
  SmallVector<func::FuncOp> graphs(module->getOps<func::FuncOp>());
  for (func::FuncOp function : graphs)
    formKernels(function, configuration.optimization);
  check(succeeded(verify(*module)) && succeeded(verifyStage(*module, Stage::Kernels)), "stage kernels");
  for (func::FuncOp function : graphs)
    check(succeeded(planFunction(function, /*batch=*/0, [&](Operation *kernel) { return cpu::memoryOf(kernel, *target); })), "stage plan");
  check(succeeded(verify(*module)) && succeeded(verifyStage(*module, Stage::Plan)), "stage plan");
  StateLayout layout = layoutState(*module, [](StringRef, StringRef) -> StringRef { return {}; });
  for (const Entry &entry : layout.interface.entries)
    entries[entry.name] = entry;
  check(succeeded(cpu::emitLoops(*module, *target, [](StringRef, StringRef) { return cpu::StatePlace(); }, configuration.optimization == 0)), "stage loops");
  check(succeeded(verify(*module)) && succeeded(verifyStage(*module, Stage::Loops)), "stage loops");
  // The reference runs a few small cases: compiling it quickly matters more than its speed.
  auto jitted = jit(*module, *target, configuration.optimization ? 2 : 1);
  if (!jitted)
    check(false, "stage native: " + llvm::toString(jitted.takeError()));
  code = std::move(*jitted);
}

const CompiledCases::Function *CompiledCases::find(size_t caseIndex, bool dynamic) const {
  auto found = functions.find({caseIndex, dynamic});
  return found == functions.end() ? nullptr : &found->second;
}

//===-- data ------------------------------------------------------------------------===//

static int64_t sizeAt(AffineExpr dim, int64_t batch) {
  MLIRContext *context = dim.getContext();
  return *nn::constantSize(nn::simplify(dim.replaceSymbols({getAffineConstantExpr(batch, context)})));
}

std::vector<Array> CompiledCases::Function::makeInputs(int64_t batch) const {
  std::vector<Array> inputs;
  for (size_t i = 0; i < data.size(); ++i) {
    std::vector<int64_t> dims;
    for (AffineExpr dim : inputDims[i])
      dims.push_back(sizeAt(dim, batch));
    Array array(dims);
    std::mt19937 generator(1000 + i);
    int64_t position = 0;
    for (double &value : array.data) {
      double unit = generator() * 0x1p-32;
      const Data &d = data[i];
      switch (d.kind) {
      case Data::Uniform: value = static_cast<float>(d.low + (d.high - d.low) * unit); break;
      case Data::Sign: value = unit < 0.5 ? -1 : 1; break;
      case Data::Truth: value = unit < 0.5; break;
      case Data::Whole: value = std::floor(d.low + (d.high - d.low) * unit); break;
      case Data::Fixed: value = d.low; break;
      }
      if (d.kind == Data::Whole && d.exception != -1 && position++ % 5 == 2)
        value = d.exception;
    }
    inputs.push_back(array);
  }
  return inputs;
}

//===-- calls -----------------------------------------------------------------------===//

namespace {
constexpr size_t guard = 64;
constexpr unsigned char untouched = 0xAB;

/// Memory as a user may hand it over, aligned for its element and no more, between
/// guards that must stay as they are. What is not written reads as a NaN.
class Buffer {
public:
  Buffer(size_t bytes, size_t misalignment)
      : bytes(bytes), offset(guard + misalignment), memory(offset + bytes + guard + 64, untouched) {
    offset += (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
    std::memset(data(), 0xFF, bytes);
  }
  unsigned char *data() { return memory.data() + offset; }
  bool intact() const {
    for (size_t i = 0; i < memory.size(); ++i)
      if ((i < offset || i >= offset + bytes) && memory[i] != untouched)
        return false;
    return true;
  }

private:
  size_t bytes, offset;
  std::vector<unsigned char> memory;
};

size_t width(ElementType type) {
  switch (type) {
  case ElementType::F32:
  case ElementType::I32: return 4;
  case ElementType::F64:
  case ElementType::I64: return 8;
  default: return 1;
  }
}

template <typename T> void convert(std::vector<double> &values, unsigned char *memory, bool write) {
  for (size_t i = 0; i < values.size(); ++i) {
    T value = static_cast<T>(values[i]);
    if (write)
      std::memcpy(memory + i * sizeof(T), &value, sizeof(T));
    else {
      std::memcpy(&value, memory + i * sizeof(T), sizeof(T));
      values[i] = static_cast<double>(value);
    }
  }
}

void transfer(Array &array, ElementType type, unsigned char *memory, bool write) {
  switch (type) {
  case ElementType::F32: return convert<float>(array.data, memory, write);
  case ElementType::F64: return convert<double>(array.data, memory, write);
  case ElementType::I64: return convert<int64_t>(array.data, memory, write);
  case ElementType::I32: return convert<int32_t>(array.data, memory, write);
  case ElementType::U8:
  case ElementType::I1: return convert<uint8_t>(array.data, memory, write);
  }
}
} // namespace

std::vector<Array> CompiledCases::run(const std::string &name, int64_t batch, const std::vector<Array> &inputs) {
  const Entry &entry = entries.at(name);
  std::vector<int64_t> symbols{batch};
  std::vector<int64_t> outputSizes(64);
  code->lookup<void(const int64_t *, int64_t *)>(entry.shapeSymbol)(symbols.data(), outputSizes.data());
  constexpr int64_t workers = 3;
  int64_t arenaBytes = code->lookup<int64_t(const int64_t *, int64_t)>(entry.arenaSymbol)(symbols.data(), workers);

  std::vector<Array> outputs;
  std::vector<Buffer> memory;
  memory.reserve(inputs.size() + entry.outputs.size() + 1);
  std::vector<void *> inputPointers, outputPointers;
  for (size_t i = 0; i < inputs.size(); ++i) {
    ElementType type = entry.inputs[i].type;
    Array copy = inputs[i];
    memory.emplace_back(copy.data.size() * width(type), width(type));
    transfer(copy, type, memory.back().data(), true);
    inputPointers.push_back(memory.back().data());
  }
  auto next = outputSizes.begin();
  for (const BoundaryTensor &tensor : entry.outputs) {
    std::vector<int64_t> dims(next, next + tensor.dims.size());
    next += tensor.dims.size();
    outputs.emplace_back(dims);
    memory.emplace_back(outputs.back().data.size() * width(tensor.type), width(tensor.type));
    outputPointers.push_back(memory.back().data());
  }
  memory.emplace_back(arenaBytes, 0);
  nnc_call call{};
  call.arena = memory.back().data();
  call.symbols = symbols.data();
  call.inputs = inputPointers.data();
  call.outputs = outputPointers.data();
  call.workers = workers;
  if (int status = code->lookup<int32_t(nnc_call *)>(entry.symbol)(&call))
    throw std::runtime_error(name + " returned status " + std::to_string(status));
  for (size_t i = 0; i < outputs.size(); ++i)
    transfer(outputs[i], entry.outputs[i].type, static_cast<unsigned char *>(outputPointers[i]), false);
  for (size_t i = 0; i < memory.size(); ++i)
    if (!memory[i].intact())
      throw std::runtime_error(name + " wrote outside its buffer " + std::to_string(i) + " of " +
                               std::to_string(inputs.size()) + " inputs, " +
                               std::to_string(outputs.size()) + " outputs and the arena");
  return outputs;
}

std::vector<Array> CompiledCases::forward(const Function &f, int64_t batch, const std::vector<Array> &inputs) {
  return run(f.name, batch, inputs);
}

std::vector<Array> CompiledCases::gradient(const Function &f, int64_t batch, const std::vector<Array> &inputs,
                                           const std::vector<Array> &cotangents) {
  std::vector<Array> all(inputs);
  all.insert(all.end(), cotangents.begin(), cotangents.end());
  std::vector<Array> results = run(f.name + "_gradient", batch, all);
  results.erase(results.begin(), results.begin() + f.floatOutput.size());
  return results;
}

} // namespace nnc::test
