#include "tests/unit/contract_harness.h"

#include "codegen/cpu/Depthwise.h"
#include "codegen/cpu/LowerToLLVM.h"
#include "codegen/cpu/MicroKernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace mlir;

namespace nnc::test {

using cpu::LoopEmitter;
using Contiguous = cpu::ProductOperand::Contiguous;

namespace {

constexpr int argumentBuffers = 5; // first, second, result, worker scratch, shared scratch
constexpr int argumentSizes = 8;
constexpr char guardByte = 0x5a;

char *aligned(std::vector<char> &bytes) {
  auto address = reinterpret_cast<uintptr_t>(bytes.data());
  return reinterpret_cast<char *>((address + 63) & ~uintptr_t(63));
}

/// From a worker's scratch to the next one's.
int64_t workerPitch(const cpu::ContractFootprint &footprint, int64_t guard) {
  return llvm::alignTo(footprint.perWorkerBytes + guard, 64);
}

void setGuard(std::vector<char> &bytes, int64_t start, int64_t size, int64_t guard) {
  std::memset(aligned(bytes) + start + size, guardByte, guard);
}

void checkGuard(std::vector<char> &bytes, int64_t start, int64_t size, int64_t guard, const char *what) {
  for (int64_t i = 0; i < guard; ++i)
    if (aligned(bytes)[start + size + i] != guardByte) {
      std::fprintf(stderr, "a kernel wrote byte %ld of %ld bytes of %s scratch\n", long(size + i),
                   long(size), what);
      std::abort();
    }
}

} // namespace

/// A module with one function over the buffers and sizes.
struct ProductCompiler::Entry {
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  OpBuilder builder;

  Entry(MLIRContext *context, Type element) : builder(context) {
    Location loc = builder.getUnknownLoc();
    module = ModuleOp::create(loc);
    builder.setInsertionPointToStart(module->getBody());
    auto data = MemRefType::get({ShapedType::kDynamic}, element);
    auto bytes = MemRefType::get({ShapedType::kDynamic}, builder.getI8Type());
    SmallVector<Type> arguments = {data, data, data, bytes, bytes};
    arguments.append(argumentSizes, builder.getIndexType());
    function = func::FuncOp::create(builder, loc, "run", builder.getFunctionType(arguments, {}));
    builder.setInsertionPointToStart(function.addEntryBlock());
  }
  Value buffer(int i) { return function.getArgument(i); }
  Value size(int i) { return function.getArgument(argumentBuffers + i); }
};

void CompiledProduct::run(const void *first, const void *second, void *result,
                          llvm::ArrayRef<int64_t> sizes) {
  // Unpacked memref descriptors: pointer, aligned pointer, offset, size, stride.
  int64_t values[argumentSizes] = {};
  std::copy(sizes.begin(), sizes.end(), values);
  auto *function = reinterpret_cast<void (*)(
      const void *, const void *, int64_t, int64_t, int64_t, const void *, const void *, int64_t,
      int64_t, int64_t, void *, void *, int64_t, int64_t, int64_t, void *, void *, int64_t, int64_t,
      int64_t, void *, void *, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
      int64_t, int64_t, int64_t, int64_t)>(entry);
  void *scratch = aligned(worker), *sums = aligned(shared);
  constexpr int64_t many = int64_t(1) << 40;
  function(first, first, 0, many, 1, second, second, 0, many, 1, result, result, 0, many, 1,
           scratch, scratch, 0, workers * workerPitch(footprint, guardBytes), 1, sums, sums, 0, footprint.sharedBytes,
           1, values[0], values[1], values[2], values[3], values[4], values[5], values[6],
           values[7]);
}

void CompiledProduct::reserveScratch() {
  // NaN everywhere: what a kernel reads before it wrote it would show in the result.
  int64_t pitch = workerPitch(footprint, guardBytes);
  worker.assign(workers * pitch + 64, char(0xff));
  for (int64_t i = 0; i < workers; ++i)
    setGuard(worker, i * pitch, footprint.perWorkerBytes, guardBytes);
  shared.assign(footprint.sharedBytes + guardBytes + 64, char(0xff));
  setGuard(shared, 0, footprint.sharedBytes, guardBytes);
}

void CompiledProduct::checkScratch() {
  for (int64_t i = 0; i < workers; ++i)
    checkGuard(worker, i * workerPitch(footprint, guardBytes), footprint.perWorkerBytes, guardBytes, "worker");
  checkGuard(shared, 0, footprint.sharedBytes, guardBytes, "shared");
}

int64_t ProductCase::positionA(int64_t item, int64_t row, int64_t step) const {
  if (a == Contiguous::Outer)
    return (item * k + step) * m + row;
  int64_t position = (item * m + row) * k + step;
  return a == Contiguous::None ? 2 * position : position;
}

int64_t ProductCase::positionB(int64_t item, int64_t step, int64_t column) const {
  if (packedB) {
    int64_t panels = (n + panelWidth - 1) / panelWidth;
    int64_t panel = item * panels + column / panelWidth;
    return (panel * k + step) * panelWidth + column % panelWidth;
  }
  if (b == Contiguous::Reduction)
    return (item * n + column) * k + step;
  int64_t position = (item * k + step) * n + column;
  return b == Contiguous::None ? 2 * position : position;
}

std::vector<int64_t> ConvolutionCase::output() const {
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < input.size(); ++i) {
    int64_t reach = dilation[i] * (kernel[i] - 1) + 1;
    sizes.push_back((input[i] + 2 * padding[i] - reach) / stride[i] + 1);
  }
  return sizes;
}

ProductCompiler::ProductCompiler(cpu::Target target, TaskOrder order) : target(std::move(target)), order(order) {
  DialectRegistry registry;
  cpu::registerLoweringDialects(registry);
  context = std::make_unique<MLIRContext>(registry);
  context->loadAllAvailableDialects();
  context->disableMultithreading();
}

/// Ends `entry` with loops over the tasks of each phase, and compiles it.
template <typename EmitCount, typename EmitTask>
void ProductCompiler::finish(Entry &entry, unsigned phases, CompiledProduct &result, EmitCount count, EmitTask task) {
  Location loc = entry.builder.getUnknownLoc();
  LoopEmitter emit(entry.builder, loc);
  bool asThreads = order == TaskOrder::AsThreadsMight;
  result.workers = asThreads ? 2 : 1;
  for (unsigned phase = 0; phase < phases; ++phase) {
    Value tasks = count(phase);
    emit.loop(emit.index(0), tasks, 1, [&](Value turn) {
      Value number = asThreads ? emit.sub(emit.sub(tasks, emit.index(1)), turn) : turn;
      Value worker = emit.rem(turn, emit.index(result.workers));
      Value start = emit.mul(worker, workerPitch(result.footprint, CompiledProduct::guardBytes));
      task(phase, number, emit.view(entry.buffer(3), start, result.footprint.perWorkerBytes, entry.builder.getI8Type()));
    });
  }
  func::ReturnOp::create(entry.builder, loc);
  if (failed(verify(*entry.module)))
    std::abort();
  if (std::getenv("NNC_TEST_DUMP"))
    entry.module->dump();
  auto compiled = jit(*entry.module, target);
  if (!compiled) {
    llvm::logAllUnhandledErrors(compiled.takeError(), llvm::errs());
    std::abort();
  }
  result.module = std::move(*compiled);
  result.entry = result.module->lookup("run");
  result.reserveScratch();
}

std::unique_ptr<CompiledProduct> ProductCompiler::compile(const ProductCase &product,
                                                          Adjust<cpu::ContractSchedule> adjust) {
  Type element = product.isDouble ? Type(Float64Type::get(context.get()))
                                  : Type(Float32Type::get(context.get()));
  Entry entry(context.get(), element);
  Location loc = entry.builder.getUnknownLoc();
  auto extent = [&](int64_t size, int i) {
    bool isStatic = product.isStatic && !(product.dynamicRows && i < 2);
    return isStatic ? cpu::Extent::of(size) : cpu::Extent::of(entry.size(i));
  };
  cpu::ContractProblem problem;
  problem.elementType = element;
  problem.batch = extent(product.batch, 0);
  problem.m = extent(product.m, 1);
  problem.n = extent(product.n, 2);
  problem.k = extent(product.k, 3);
  LoopEmitter outside(entry.builder, loc);
  auto sizeOf = [&](const cpu::Extent &size) {
    return size.isStatic() ? outside.index(size.fixed) : size.value;
  };
  Value m = sizeOf(problem.m), n = sizeOf(problem.n), k = sizeOf(problem.k);

  auto operand = [&](Contiguous contiguous, Value buffer, Value outerSize) {
    cpu::ProductOperand operand;
    operand.contiguous = contiguous;
    auto position = [=](LoopEmitter &emit, Value batch, Value outer, Value step) {
      if (contiguous == Contiguous::Outer)
        return emit.add(emit.mul(emit.add(emit.mul(batch, k), step), outerSize), outer);
      Value at = emit.add(emit.mul(emit.add(emit.mul(batch, outerSize), outer), k), step);
      return contiguous == Contiguous::None ? emit.mul(at, 2) : at;
    };
    operand.element = [=](OpBuilder &b, Location loc, Value batch, Value outer, Value step) {
      LoopEmitter emit(b, loc);
      return emit.loadScalar(buffer, position(emit, batch, outer, step));
    };
    operand.prefetch = [=](OpBuilder &b, Location loc, Value batch, Value outer, Value step) {
      LoopEmitter emit(b, loc);
      emit.prefetch(buffer, position(emit, batch, outer, step));
    };
    if (contiguous != Contiguous::None)
      operand.vector = [=](OpBuilder &b, Location loc, VectorType type, Value batch, Value outer,
                           Value step, Value active) {
        LoopEmitter emit(b, loc);
        return emit.load(type, buffer, position(emit, batch, outer, step), active);
      };
    return operand;
  };
  problem.a = operand(product.a, entry.buffer(0), m);
  problem.b = operand(product.b, entry.buffer(1), n);
  if (product.b == Contiguous::None) // the naive position of a B without order is [k][n]
    problem.b.element = [=, buffer = entry.buffer(1)](OpBuilder &b, Location loc, Value batch,
                                                      Value outer, Value step) {
      LoopEmitter emit(b, loc);
      Value at = emit.add(emit.mul(emit.add(emit.mul(batch, k), step), n), outer);
      return emit.loadScalar(buffer, emit.mul(at, 2));
    };
  problem.b.packed = product.packedB;
  problem.storesTransposed = product.storesTransposed;
  problem.store = [=, buffer = entry.buffer(2)](OpBuilder &b, Location loc, Value batch, Value row,
                                                Value column, Value vector, Value active) {
    LoopEmitter emit(b, loc);
    Value at = product.storesTransposed ? emit.add(emit.mul(emit.add(emit.mul(batch, n), column), m), row)
                                        : emit.add(emit.mul(emit.add(emit.mul(batch, m), row), n), column);
    emit.store(vector, buffer, at, active);
  };

  auto result = std::make_unique<CompiledProduct>();
  cpu::ContractSchedule schedule = cpu::scheduleContract(problem, target);
  if (adjust)
    adjust(schedule);
  int64_t width = result->panelWidth = schedule.lanes;
  if (product.packedB)
    problem.b.vector = [=, buffer = entry.buffer(1)](OpBuilder &b, Location loc, VectorType type,
                                                     Value batch, Value column, Value step,
                                                     Value active) {
      LoopEmitter emit(b, loc);
      Value panel = emit.add(emit.mul(batch, emit.ceilDiv(n, width)), emit.div(column, width));
      Value line = emit.mul(emit.add(emit.mul(panel, k), step), width);
      return emit.load(type, buffer, emit.add(line, emit.rem(column, width)), active);
    };
  result->footprint = cpu::footprint(problem, schedule);
  finish(
      entry, schedule.phases(), *result,
      [&](unsigned phase) { return cpu::emitTaskCount(entry.builder, loc, problem, schedule, phase); },
      [&](unsigned phase, Value task, Value scratch) {
        cpu::emitContractTask(entry.builder, loc, problem, schedule, task, scratch, entry.buffer(4), phase);
      });
  return result;
}

std::unique_ptr<CompiledProduct>
ProductCompiler::compile(const ConvolutionCase &c, Adjust<cpu::ConvolutionSchedule> adjust) {
  Type element = c.isDouble ? Type(Float64Type::get(context.get()))
                            : Type(Float32Type::get(context.get()));
  Entry entry(context.get(), element);
  Location loc = entry.builder.getUnknownLoc();
  int next = 0; // dynamic sizes: batch, input..., output...
  auto extent = [&](int64_t size) {
    bool isBatch = next == 0;
    Value dynamic = entry.size(next++);
    return c.isStatic && !(isBatch && c.dynamicBatch) ? cpu::Extent::of(size) : cpu::Extent::of(dynamic);
  };
  cpu::ConvolutionProblem problem;
  problem.direction = c.direction;
  problem.elementType = element;
  problem.packed = c.packed;
  problem.winograd = c.winograd;
  cpu::ConvolutionGeometry &geometry = problem.geometry;
  geometry.batch = extent(c.batch);
  geometry.groups = c.groups;
  geometry.inChannels = c.inChannels;
  geometry.outChannels = c.outChannels;
  for (int64_t size : c.input)
    geometry.input.push_back(extent(size));
  for (int64_t size : c.output())
    geometry.output.push_back(extent(size));
  geometry.kernel.assign(c.kernel.begin(), c.kernel.end());
  geometry.stride.assign(c.stride.begin(), c.stride.end());
  geometry.padding.assign(c.padding.begin(), c.padding.end());
  geometry.dilation.assign(c.dilation.begin(), c.dilation.end());

  LoopEmitter outside(entry.builder, loc);
  auto elements = [&](llvm::ArrayRef<cpu::Extent> sizes) {
    Value count = outside.index(1);
    for (const cpu::Extent &size : sizes)
      count = outside.mul(count, size.isStatic() ? outside.index(size.fixed) : size.value);
    return count;
  };
  Value inputPlane = elements(geometry.input), outputPlane = elements(geometry.output);
  auto position = [](LoopEmitter &emit, Value image, Value channel, Value at, int64_t channels,
                     Value plane) {
    return emit.add(emit.mul(emit.add(emit.mul(image, channels), channel), plane), at);
  };
  auto reader = [&](Value buffer, int64_t channels, Value plane) {
    return [=](OpBuilder &b, Location loc, VectorType type, Value image, Value channel, Value at,
               Value active) {
      LoopEmitter emit(b, loc);
      return emit.load(type, buffer, position(emit, image, channel, at, channels, plane), active);
    };
  };
  auto writer = [&](int64_t channels, Value plane) {
    return [=, buffer = entry.buffer(2)](OpBuilder &b, Location loc, Value image, Value channel,
                                         Value at, Value vector, Value active) {
      LoopEmitter emit(b, loc);
      emit.store(vector, buffer, position(emit, image, channel, at, channels, plane), active);
    };
  };
  problem.filter = [buffer = entry.buffer(1)](OpBuilder &b, Location loc, VectorType type,
                                              Value at, Value active) {
    LoopEmitter emit(b, loc);
    return emit.load(type, buffer, at, active);
  };
  problem.prefetchFilter = [buffer = entry.buffer(1)](OpBuilder &b, Location loc, Value at) {
    LoopEmitter(b, loc).prefetch(buffer, at);
  };
  switch (c.direction) {
  case cpu::ConvolutionDirection::Forward:
    problem.data = reader(entry.buffer(0), c.inChannels, inputPlane);
    problem.store = writer(c.outChannels, outputPlane);
    break;
  case cpu::ConvolutionDirection::InputGradient:
    problem.data = reader(entry.buffer(0), c.outChannels, outputPlane);
    problem.store = writer(c.inChannels, inputPlane);
    break;
  case cpu::ConvolutionDirection::WeightGradient:
    problem.data = reader(entry.buffer(0), c.inChannels, inputPlane);
    problem.outputGradient = reader(entry.buffer(1), c.outChannels, outputPlane);
    problem.store = writer(0, outside.index(0));
    break;
  }

  auto result = std::make_unique<CompiledProduct>();
  auto emit = [&](const auto &schedule, auto emitTask) {
    result->footprint = cpu::footprint(problem, schedule);
    finish(
        entry, schedule.phases(), *result,
        [&](unsigned phase) { return cpu::emitTaskCount(entry.builder, loc, problem, schedule, phase); }, emitTask);
  };
  if (cpu::isDepthwise(problem)) {
    cpu::DepthwiseSchedule schedule = cpu::scheduleDepthwise(problem, target);
    emit(schedule, [&](unsigned, Value task, Value) {
      cpu::emitDepthwiseTask(entry.builder, loc, problem, schedule, task);
    });
  } else {
    cpu::ConvolutionSchedule schedule = cpu::scheduleConvolution(problem, target);
    if (adjust)
      adjust(schedule);
    emit(schedule, [&](unsigned phase, Value task, Value scratch) {
      cpu::emitConvolutionTask(entry.builder, loc, problem, schedule, task, scratch, entry.buffer(4), phase);
    });
  }
  return result;
}

std::unique_ptr<CompiledProduct> ProductCompiler::compileMultiplyAdds(int64_t steps) {
  Type element = Float32Type::get(context.get());
  Entry entry(context.get(), element);
  LoopEmitter emit(entry.builder, entry.builder.getUnknownLoc());
  cpu::RegisterTile tile{target.vectorBytes == 64 ? 12 : 6, 2,
                         VectorType::get({target.lanes(element)}, element)};
  auto result = std::make_unique<CompiledProduct>();
  finish(
      entry, 1, *result, [&](unsigned) { return emit.index(1); },
      [&](unsigned, Value, Value) {
        Value left = emit.load(tile.type, entry.buffer(0), emit.index(0));
        Value right = emit.load(tile.type, entry.buffer(1), emit.index(0));
        cpu::Values sums = emit.loop(emit.index(0), emit.index(steps), 1, tile.zeros(emit),
                                [&](Value, ValueRange accumulators) {
                                  return cpu::emitDotStep(
                                      emit, tile, accumulators, [&](int64_t) { return left; },
                                      [&](int64_t) { return right; });
                                });
        for (auto [i, sum] : llvm::enumerate(sums))
          emit.store(sum, entry.buffer(2), emit.index(i * tile.type.getNumElements()));
      });
  return result;
}

} // namespace nnc::test
