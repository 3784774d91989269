#include "tests/unit/families_harness.h"
#include "codegen/cpu/EmitLoops.h"
#include "codegen/cpu/LowerToLLVM.h"
#include "codegen/cpu/ScheduleFamily.h"
#include "compiler/transforms/FormKernels.h"
#include "compiler/transforms/Plan.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "runtime/abi.h"
#include "tests/unit/Jit.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;

// One worker, tasks in reverse: their order must not matter.
extern "C" __attribute__((visibility("default"))) void nnc_parallel_for(nnc_call *, int64_t tasks, nnc_task task,
                                                                        void *args) {
  while (tasks-- > 0)
    task(args, tasks, 0);
}

namespace nnc::test {

GuardedBytes::GuardedBytes(size_t size) : bytes(size) {
  size_t page = sysconf(_SC_PAGESIZE), room = (size + page - 1) / page * page;
  mapped = room + page;
  map = static_cast<uint8_t *>(mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  mprotect(map + room, page, PROT_NONE);
  start = map + room - size;
}

GuardedBytes::~GuardedBytes() {
  if (map)
    munmap(map, mapped);
}

GuardedBytes::GuardedBytes(GuardedBytes &&other) noexcept
    : map(other.map), start(other.start), mapped(other.mapped), bytes(other.bytes) {
  other.map = nullptr;
}

// T<N,4,f32> -> tensor<?x4xf32, #nn.dims<[N], N, 4>>
static std::string expandTypes(StringRef text, StringRef symbols) {
  std::string result;
  while (true) {
    auto [before, after] = text.split("T<");
    result += before;
    if (after.empty())
      return result;
    auto [inside, rest] = after.split('>');
    SmallVector<StringRef> parts;
    inside.split(parts, ',');
    StringRef element = parts.pop_back_val();
    bool symbolic = false;
    result += "tensor<";
    for (StringRef size : parts) {
      bool isStatic = isdigit(size[0]);
      symbolic |= !isStatic;
      result += (isStatic ? size.str() : "?") + "x";
    }
    result += element;
    if (symbolic)
      result += ", #nn.dims<[" + symbols.str() + "], " + llvm::join(parts, ", ") + ">";
    result += ">";
    text = rest;
  }
}

std::string kernelText(ArrayRef<std::string> arguments, ArrayRef<std::string> results, StringRef body, size_t symbols) {
  std::string outer, inner, types, operands, resultTypes, plainResults;
  std::map<int64_t, int64_t> updates;
  SmallVector<std::string> resultList;
  for (auto [r, result] : llvm::enumerate(results)) {
    auto [head, type] = StringRef(result).split(": ");
    int64_t argument;
    if (!type.empty() && !head.getAsInteger(10, argument)) {
      updates[argument] = r;
      resultTypes += std::string(r ? ", " : "") + type.str() + " {nn.updates = " + head.str() + " : i64}";
    } else {
      type = head;
      resultTypes += std::string(r ? ", " : "") + type.str();
    }
    plainResults += std::string(r ? ", " : "") + type.str();
    resultList.push_back("%y#" + std::to_string(r));
  }
  for (auto [i, type] : llvm::enumerate(arguments)) {
    std::string comma = i ? ", " : "", number = std::to_string(i);
    outer += comma + "%a" + number + ": " + type;
    if (updates.count(i))
      outer += " {nn.kind = \"parameter\", nn.name = \"p" + number + "\"}";
    inner += comma + "%" + number + ": " + type;
    operands += comma + "%a" + number;
    types += comma + type;
  }
  StringRef names = symbols == 0 ? "" : symbols == 1 ? "N" : "N, M";
  StringRef quoted = symbols == 0 ? "" : symbols == 1 ? "\"N\"" : "\"N\", \"M\"";
  std::string text = "func.func @f(" + outer + ") -> (" + resultTypes + ") attributes {nn.symbols = [" + quoted.str() +
                     "]} {\n%y:" + std::to_string(results.size()) + " = nn.kernel \"k\" FAMILY (" + operands + ") : (" +
                     types + ") -> (" + plainResults + ") {\n^bb0(" + inner + "):\n" + body.str() + "\n}\nreturn " +
                     llvm::join(resultList, ", ") + " : " + plainResults + "\n}\n";
  return expandTypes(text, names);
}

struct FamilyRun::Code {
  std::unique_ptr<JitModule> jit;
  std::vector<GuardedBytes> memory;
  std::vector<int64_t> symbols;
  std::vector<void *> inputs, outputs;
  uint8_t *state = nullptr, *arena = nullptr;
  int32_t (*entry)(nnc_call *) = nullptr;
};

static FamilyRun::Part::Kind kindOf(Type type) {
  if (type.isF32())
    return FamilyRun::Part::F32;
  if (type.isF64())
    return FamilyRun::Part::F64;
  if (type.isInteger(64))
    return FamilyRun::Part::I64;
  if (type.isInteger(32))
    return FamilyRun::Part::I32;
  return type.isInteger(8) ? FamilyRun::Part::I8 : FamilyRun::Part::I1;
}

static int64_t widthOf(FamilyRun::Part::Kind kind) {
  const int64_t widths[] = {4, 8, 8, 4, 1, 1};
  return widths[kind];
}

static int64_t elementsOf(Type type, ArrayRef<int64_t> symbols) {
  SmallVector<AffineExpr> values;
  for (int64_t symbol : symbols)
    values.push_back(getAffineConstantExpr(symbol, type.getContext()));
  int64_t count = 1;
  for (AffineExpr dim : nn::dimsOf(type))
    count *= *nn::constantSize(nn::simplify(dim.replaceSymbols(values)));
  return count;
}

FamilyRun::FamilyRun(StringRef text, StringRef family, const cpu::Target &target, ArrayRef<int64_t> symbols)
    : code(std::make_unique<Code>()) {
  compile(text, family, target, symbols);
}

// Takes the ops out of their kernels and gives each its own, so that the
// reference computes every value once.
static void formNaiveKernels(func::FuncOp function) {
  for (auto kernel : llvm::make_early_inc_range(function.getOps<nn::KernelOp>())) {
    OpBuilder builder(kernel);
    IRMapping mapping;
    Block &body = kernel.getBody().front();
    mapping.map(body.getArguments(), kernel.getInputs());
    for (Operation &op : body.without_terminator())
      builder.clone(op, mapping);
    for (auto [result, value] : llvm::zip(kernel.getOutputs(), body.getTerminator()->getOperands()))
      Value(result).replaceAllUsesWith(mapping.lookupOrDefault(value));
    kernel.erase();
  }
  formKernels(function, 0);
}

void FamilyRun::compile(StringRef text, StringRef family, const cpu::Target &target, ArrayRef<int64_t> symbols) {
  DialectRegistry registry;
  cpu::registerLoweringDialects(registry);
  registry.insert<nn::NNDialect>();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  std::string source = text.str();
  for (size_t at; (at = source.find("FAMILY")) != std::string::npos;)
    source.replace(at, 6, family.str());
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(source, &context);
  ASSERT_TRUE(module) << "the test's text does not parse";
  auto function = *module->getOps<func::FuncOp>().begin();
  code->symbols.assign(symbols.begin(), symbols.end());

  std::map<std::string, int64_t> offsets;
  int64_t stateBytes = 0;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    if (!function.getArgAttr(i, "nn.kind"))
      function.setArgAttr(i, "nn.kind", StringAttr::get(&context, "input"));
    Type type = function.getArgument(i).getType();
    Part part{"argument " + std::to_string(i),
              kindOf(cast<RankedTensorType>(type).getElementType()),
              elementsOf(type, symbols),
              nullptr,
              false,
              false};
    if (auto name = function.getArgAttrOfType<StringAttr>(i, "nn.name")) {
      offsets[name.str()] = stateBytes;
      part.name = name.str();
      part.isUpdated = true;
      stateBytes += (part.bytes() + 63) / 64 * 64;
    }
    parts.push_back(part);
  }
  for (unsigned r = 0; r < function.getNumResults(); ++r)
    if (!function.getResultAttr(r, "nn.updates"))
      parts.push_back({"result " + std::to_string(r),
                       kindOf(cast<RankedTensorType>(function.getResultTypes()[r]).getElementType()),
                       elementsOf(function.getResultTypes()[r], symbols), nullptr, true, false});
  code->memory.reserve(parts.size() + 2);
  code->memory.emplace_back(stateBytes);
  code->state = code->memory.back().data();
  for (Part &part : parts) {
    if (auto offset = offsets.find(part.name); offset != offsets.end()) {
      part.data = code->state + offset->second;
      continue;
    }
    code->memory.emplace_back(part.bytes());
    part.data = code->memory.back().data();
    (part.isOutput ? code->outputs : code->inputs).push_back(part.data);
  }

  if (family == "naive")
    formNaiveKernels(function);
  ASSERT_TRUE(succeeded(planFunction(function, /*batch=*/0, [&](Operation *kernel) { return cpu::memoryOf(kernel, target); })));
  ASSERT_TRUE(
      succeeded(cpu::emitLoops(*module, target, [&](StringRef, StringRef name) { return cpu::StatePlace{offsets.at(name.str())}; }, /*checkBounds=*/false)));
  ASSERT_TRUE(succeeded(verify(*module)));
  if (getenv("NNC_PRINT_LOOPS"))
    module->dump();
  auto compiled = jit(*module, target);
  ASSERT_TRUE(static_cast<bool>(compiled)) << llvm::toString(compiled.takeError());
  code->jit = std::move(*compiled);
  auto *arenaBytes = code->jit->lookup<int64_t(const int64_t *, int64_t)>("nnc_arena_f");
  code->entry = code->jit->lookup<int32_t(nnc_call *)>("nnc_entry_f");
  ASSERT_TRUE(arenaBytes && code->entry);
  code->memory.emplace_back((arenaBytes(symbols.data(), 1) + 63) / 64 * 64);
  code->arena = code->memory.back().data();
}

int64_t FamilyRun::Part::bytes() const { return count * widthOf(kind); }

FamilyRun::~FamilyRun() = default;
bool FamilyRun::valid() const { return code->jit != nullptr; }

void FamilyRun::fill(unsigned seed, int64_t bound) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  std::uniform_int_distribution<int64_t> integer(0, bound - 1);
  for (Part &part : parts) {
    for (int64_t i = 0; i < part.count; ++i) {
      double x = part.isOutput ? 77 : normal(generator);
      int64_t n = part.isOutput ? 1 : integer(generator);
      switch (part.kind) {
      case Part::F32:
        reinterpret_cast<float *>(part.data)[i] = x;
        break;
      case Part::F64:
        reinterpret_cast<double *>(part.data)[i] = x;
        break;
      case Part::I64:
        reinterpret_cast<int64_t *>(part.data)[i] = n;
        break;
      case Part::I32:
        reinterpret_cast<int32_t *>(part.data)[i] = n;
        break;
      case Part::I8:
        part.data[i] = n;
        break;
      case Part::I1:
        part.data[i] = n & 1;
        break;
      }
    }
  }
}

void FamilyRun::call() {
  nnc_call call{code->arena, code->state, code->symbols.data(), code->inputs.data(), code->outputs.data(), nullptr, 1, nullptr};
  EXPECT_EQ(code->entry(&call), 0);
}

static double valueOf(const FamilyRun::Part &part, int64_t i) {
  switch (part.kind) {
  case FamilyRun::Part::F32:
    return reinterpret_cast<float *>(part.data)[i];
  case FamilyRun::Part::F64:
    return reinterpret_cast<double *>(part.data)[i];
  case FamilyRun::Part::I64:
    return reinterpret_cast<int64_t *>(part.data)[i];
  case FamilyRun::Part::I32:
    return reinterpret_cast<int32_t *>(part.data)[i];
  default:
    return part.data[i];
  }
}

void FamilyRun::expectSame(const FamilyRun &reference, double tolerance, const std::string &where) const {
  for (size_t p = 0; p < parts.size(); ++p) {
    const Part &part = parts[p];
    int64_t wrong = 0;
    for (int64_t i = 0; i < part.count; ++i) {
      double got = valueOf(part, i), want = valueOf(reference.parts[p], i);
      bool same = got == want || (std::isnan(got) && std::isnan(want)) ||
                  (part.kind <= Part::F64 && std::fabs(got - want) <= tolerance * std::fmax(1, std::fabs(want)));
      if (!same && ++wrong == 1)
        ADD_FAILURE() << where << ": element " << i << " of " << part.name << " (" << part.count << " elements) is "
                      << got << ", not " << want;
    }
    EXPECT_EQ(wrong, 0) << where << ": wrong elements of " << part.name;
  }
}

void expectLikeNaive(StringRef family, const Case &given) {
  std::string text = kernelText(given.arguments, given.results, given.body, given.symbols.size());
  auto machine = cpu::Target::forCPU("native");
  ASSERT_TRUE(static_cast<bool>(machine)) << llvm::toString(machine.takeError());
  FamilyRun naive(text, "naive", *machine, given.symbols);
  for (StringRef cpu : {"x86-64-v3", "x86-64-v4", "native"}) {
    auto target = targetToRun(cpu);
    ASSERT_TRUE(static_cast<bool>(target)) << llvm::toString(target.takeError());
    FamilyRun run(text, family, *target, given.symbols);
    ASSERT_TRUE(naive.valid() && run.valid());
    for (unsigned seed : {1, 2}) {
      naive.fill(seed, given.bound);
      run.fill(seed, given.bound);
      naive.call();
      run.call();
      run.expectSame(naive, given.tolerance, (family + " for " + cpu).str());
    }
  }
}

} // namespace nnc::test
