// Speed of the product and convolution engines over the shapes of known networks, on one core,
// beside its multiply-add peak: `contract_bench [--benchmark_filter=REGEX ...] [CPU]`. FLOPS of
// Winograd's lines are those of the direct sum.
#include "tests/unit/contract_harness.h"

#include <benchmark/benchmark.h>
#include <cstdio>
#include <memory>
#include <string>

using namespace nnc;
using namespace nnc::test;
using Contiguous = cpu::ProductOperand::Contiguous;

namespace {

struct Arrays {
  std::vector<float> first, second, result;
  Arrays(int64_t first, int64_t second, int64_t result)
      : first(first + 64, 0.5f), second(second + 64, 0.25f), result(result + 64) {}
};

/// Code with its operands. `make` is called where a line runs, not for those that are filtered out.
struct Work {
  std::unique_ptr<CompiledProduct> code;
  Arrays arrays;
  std::vector<int64_t> sizes;
};

void add(const std::string &name, double flops, std::function<Work()> make) {
  auto run = [flops, make, work = std::shared_ptr<Work>()](benchmark::State &state) mutable {
    if (!work)
      work = std::make_shared<Work>(make());
    for (auto _ : state)
      work->code->run(work->arrays.first.data(), work->arrays.second.data(), work->arrays.result.data(), work->sizes);
    state.counters["FLOPS"] = benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
    state.counters["scratch"] = benchmark::Counter(double(work->code->footprint.perWorkerBytes), benchmark::Counter::kDefaults, benchmark::Counter::kIs1024);
  };
  benchmark::RegisterBenchmark(name.c_str(), run)->Unit(benchmark::kMicrosecond);
}

/// Multiply-adds that never leave the registers.
void addPeak(ProductCompiler &compiler, int vectorBytes) {
  constexpr int64_t steps = 10'000;
  const int64_t lanes = vectorBytes / 4, accumulators = vectorBytes == 64 ? 24 : 12;
  add("peak", 2.0 * steps * accumulators * lanes, [=, &compiler] {
    return Work{compiler.compileMultiplyAdds(steps), Arrays(lanes, lanes, accumulators * lanes), {}};
  });
}

void addProduct(ProductCompiler &compiler, const char *name, ProductCase given) {
  add(name, 2.0 * given.batch * given.m * given.n * given.k, [=, &compiler] {
    ProductCase c = given;
    auto code = compiler.compile(c);
    c.panelWidth = code->panelWidth;
    Arrays arrays(c.positionA(c.batch - 1, c.m - 1, c.k - 1) + 1, c.positionB(c.batch - 1, c.k - 1, c.n - 1) + 1,
                  c.batch * c.m * c.n);
    return Work{std::move(code), std::move(arrays), {c.batch, c.m, c.n, c.k}};
  });
}

int64_t elements(const std::vector<int64_t> &sizes) {
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  return count;
}

void addConvolution(ProductCompiler &compiler, const std::string &name, ConvolutionCase c) {
  using Direction = cpu::ConvolutionDirection;
  const int64_t x = c.batch * c.inChannels * elements(c.input);
  // Packed for Winograd a filter takes up to four times its memory, and whole vectors.
  const int64_t w = (c.outChannels + 16) * (c.inChannels + 16) * std::max<int64_t>(36, elements(c.kernel));
  const int64_t y = c.batch * c.outChannels * elements(c.output());
  const double flops = 2.0 * y * (c.inChannels / c.groups) * elements(c.kernel);
  struct {
    Direction direction;
    bool packed;
    int64_t winograd;
    const char *suffix;
  } const variants[] = {{Direction::Forward, false, 0, " forward"},
                        {Direction::Forward, true, 0, " forward, packed"},
                        {Direction::Forward, true, 2, " forward, Winograd F(2)"},
                        {Direction::Forward, true, 4, " forward, Winograd F(4)"},
                        {Direction::InputGradient, false, 0, " dx"},
                        {Direction::InputGradient, true, 4, " dx, Winograd F(4)"},
                        {Direction::WeightGradient, false, 0, " dw"}};
  const bool admitsWinograd = c.kernel == std::vector<int64_t>{3, 3} && c.stride == std::vector<int64_t>{1, 1} && c.groups == 1;
  for (auto [direction, packed, winograd, suffix] : variants) {
    if (winograd && !admitsWinograd)
      continue;
    if (packed && c.groups == c.inChannels && c.groups > 1)
      continue; // the depthwise engine reads filters as they are
    c.direction = direction;
    c.packed = packed;
    c.winograd = winograd;
    add(name + suffix, flops, [=, &compiler] {
      Arrays arrays(c.direction == Direction::InputGradient ? y : x, c.direction == Direction::WeightGradient ? y : w,
                    c.direction == Direction::Forward         ? y
                    : c.direction == Direction::InputGradient ? x
                                                              : w);
      std::vector<int64_t> sizes = {c.batch};
      sizes.insert(sizes.end(), c.input.begin(), c.input.end());
      for (int64_t size : c.output())
        sizes.push_back(size);
      return Work{compiler.compile(c), std::move(arrays), sizes};
    });
  }
}

} // namespace

int main(int argc, char **argv) {
  benchmark::Initialize(&argc, argv);
  auto target = cpu::Target::forCPU(argc > 1 ? argv[1] : "native");
  if (!target) {
    std::fprintf(stderr, "contract_bench: %s\n", llvm::toString(target.takeError()).c_str());
    return 1;
  }
  ProductCompiler compiler(*target, TaskOrder::OneThread);
  addPeak(compiler, target->vectorBytes);
  const Contiguous R = Contiguous::Reduction, O = Contiguous::Outer;
  struct {
    const char *name;
    ProductCase product;
  } products[] = {
      {"linear 128x1024x784 forward", {1, 128, 1024, 784, R, R, true, false}},
      {"linear 128x1024x784 forward, dynamic", {1, 128, 1024, 784, R, R, false, false}},
      {"linear 128x1024x1024 forward", {1, 128, 1024, 1024, R, R, true, false}},
      {"linear 128x1024x1024 dX", {1, 128, 1024, 1024, R, O, true, false}},
      {"linear 128x1024x1024 dW", {1, 1024, 1024, 128, O, O, true, false}},
      {"linear 128x10x1024 forward", {1, 128, 10, 1024, R, R, true, false}},
      {"linear 128x10x1024 dW", {1, 10, 1024, 128, O, O, true, false}},
      {"linear 1x1024x1024 (vector)", {1, 1, 1024, 1024, R, R, true, false}},
      {"linear 1x1024x1024 (vector), dynamic", {1, 1, 1024, 1024, R, R, false, false}},
      {"linear 1x4096x4096 (vector)", {1, 1, 4096, 4096, R, R, true, false}},
      {"linear 64x120x400 forward", {1, 64, 120, 400, R, R, true, false}},
      {"linear 64x84x120 forward", {1, 64, 84, 120, R, R, true, false}},
      {"linear 64x10x84 forward", {1, 64, 10, 84, R, R, true, false}},
      {"linear 64x120x400 dX", {1, 64, 400, 120, R, O, true, false}},
      {"linear 64x120x400 dW", {1, 120, 400, 64, O, O, true, false}},
      {"recurrent 16x1024x256", {1, 16, 1024, 256, R, R, true, false}},
      {"recurrent 1x1024x256", {1, 1, 1024, 256, R, R, true, false}},
      {"attention 64 x 64x64x32, keys", {64, 64, 64, 32, R, R, true, false}},
      {"attention 64 x 64x32x64, values", {64, 64, 32, 64, R, O, true, false}},
      {"square 1024", {1, 1024, 1024, 1024, R, O, true, false}},
      {"packed 112x1024x512", {1, 112, 1024, 512, R, O, true, false, true}},
      {"packed 560x1024x1024", {1, 560, 1024, 1024, R, O, true, false, true}},
      {"packed 28x512x512", {1, 28, 512, 512, R, O, true, false, true}},
      {"square 1024, dynamic", {1, 1024, 1024, 1024, R, O, false, false}},
  };
  for (const auto &[name, product] : products)
    addProduct(compiler, name, product);

  struct {
    const char *name;
    ConvolutionCase convolution;
  } convolutions[] = {
      {"LeNet conv1, batch 64", {{}, 64, 1, 1, 6, {28, 28}, {5, 5}, {1, 1}, {2, 2}, {1, 1}}},
      {"LeNet conv2, batch 64", {{}, 64, 1, 6, 16, {14, 14}, {5, 5}, {1, 1}, {0, 0}, {1, 1}}},
      {"LeNet conv1, batch 1", {{}, 1, 1, 1, 6, {28, 28}, {5, 5}, {1, 1}, {2, 2}, {1, 1}}},
      {"LeNet conv2, batch 1", {{}, 1, 1, 6, 16, {14, 14}, {5, 5}, {1, 1}, {0, 0}, {1, 1}}},
      {"7x7/2 3->64 at 224", {{}, 1, 1, 3, 64, {224, 224}, {7, 7}, {2, 2}, {3, 3}, {1, 1}}},
      {"3x3 64 at 56", {{}, 1, 1, 64, 64, {56, 56}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}},
      {"3x3/2 64->128 at 56", {{}, 1, 1, 64, 128, {56, 56}, {3, 3}, {2, 2}, {1, 1}, {1, 1}}},
      {"3x3/2 128 at 56", {{}, 1, 1, 128, 128, {56, 56}, {3, 3}, {2, 2}, {1, 1}, {1, 1}}},
      {"3x3/2 256 at 28", {{}, 1, 1, 256, 256, {28, 28}, {3, 3}, {2, 2}, {1, 1}, {1, 1}}},
      {"3x3/2 512 at 14", {{}, 1, 1, 512, 512, {14, 14}, {3, 3}, {2, 2}, {1, 1}, {1, 1}}},
      {"1x1/2 64->128 at 56", {{}, 1, 1, 64, 128, {56, 56}, {1, 1}, {2, 2}, {0, 0}, {1, 1}}},
      {"3x3 128 at 28", {{}, 1, 1, 128, 128, {28, 28}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}},
      {"3x3 256 at 14", {{}, 1, 1, 256, 256, {14, 14}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}},
      {"3x3 512 at 7", {{}, 1, 1, 512, 512, {7, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}},
      {"1x1 256->64 at 56", {{}, 1, 1, 256, 64, {56, 56}, {1, 1}, {1, 1}, {0, 0}, {1, 1}}},
      {"1x1 512->128 at 28", {{}, 1, 1, 512, 128, {28, 28}, {1, 1}, {1, 1}, {0, 0}, {1, 1}}},
      {"1x1 128->512 at 28", {{}, 1, 1, 128, 512, {28, 28}, {1, 1}, {1, 1}, {0, 0}, {1, 1}}},
      {"1x1 256->1024 at 14", {{}, 1, 1, 256, 1024, {14, 14}, {1, 1}, {1, 1}, {0, 0}, {1, 1}}},
      {"1x1 512->2048 at 7", {{}, 1, 1, 512, 2048, {7, 7}, {1, 1}, {1, 1}, {0, 0}, {1, 1}}},
      {"1x1 2048->512 at 7", {{}, 1, 1, 2048, 512, {7, 7}, {1, 1}, {1, 1}, {0, 0}, {1, 1}}},
      {"1x1/2 1024->2048 at 14", {{}, 1, 1, 1024, 2048, {14, 14}, {1, 1}, {2, 2}, {0, 0}, {1, 1}}},
      {"1x1 64->256 at 56", {{}, 1, 1, 64, 256, {56, 56}, {1, 1}, {1, 1}, {0, 0}, {1, 1}}},
      {"1x1 1024->256 at 14", {{}, 1, 1, 1024, 256, {14, 14}, {1, 1}, {1, 1}, {0, 0}, {1, 1}}},
      {"3x3 64 at 16, batch 8", {{}, 8, 1, 64, 64, {16, 16}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}},
      {"3x3 128 at 8, batch 8", {{}, 8, 1, 128, 128, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}},
      {"3x3 256 at 4, batch 8", {{}, 8, 1, 256, 256, {4, 4}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}},
      {"3x3/2 256->512 at 4, batch 8", {{}, 8, 1, 256, 512, {4, 4}, {3, 3}, {2, 2}, {1, 1}, {1, 1}}},
      {"3x3/2 64->128 at 16, batch 8", {{}, 8, 1, 64, 128, {16, 16}, {3, 3}, {2, 2}, {1, 1}, {1, 1}}},
      {"7x7/2 3->64 at 64, batch 8", {{}, 8, 1, 3, 64, {64, 64}, {7, 7}, {2, 2}, {3, 3}, {1, 1}}},
      {"3x3 512 at 2, batch 8", {{}, 8, 1, 512, 512, {2, 2}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}},
      {"depthwise 3x3 32 at 112", {{}, 1, 32, 32, 32, {112, 112}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}},
      {"depthwise 3x3/2 96 at 112", {{}, 1, 96, 96, 96, {112, 112}, {3, 3}, {2, 2}, {1, 1}, {1, 1}}},
      {"depthwise 3x3 144 at 56", {{}, 1, 144, 144, 144, {56, 56}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}},
      {"depthwise 3x3/2 192 at 28", {{}, 1, 192, 192, 192, {28, 28}, {3, 3}, {2, 2}, {1, 1}, {1, 1}}},
      {"depthwise 3x3 192 at 28", {{}, 1, 192, 192, 192, {28, 28}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}},
      {"depthwise 3x3 384 at 14", {{}, 1, 384, 384, 384, {14, 14}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}},
      {"depthwise 3x3 960 at 7", {{}, 1, 960, 960, 960, {7, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}},
      {"depthwise 5x5 240 at 28", {{}, 1, 240, 240, 240, {28, 28}, {5, 5}, {1, 1}, {2, 2}, {1, 1}}},
      {"depthwise 7x7 96 at 56", {{}, 1, 96, 96, 96, {56, 56}, {7, 7}, {1, 1}, {3, 3}, {1, 1}}},
      {"depthwise 7x7 768 at 7", {{}, 1, 768, 768, 768, {7, 7}, {7, 7}, {1, 1}, {3, 3}, {1, 1}}},
      {"depthwise 31x31 64 at 28", {{}, 1, 64, 64, 64, {28, 28}, {31, 31}, {1, 1}, {15, 15}, {1, 1}}},
      {"depthwise 3x3 144 at 8, batch 8", {{}, 8, 144, 144, 144, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}},
  };
  for (const auto &[name, convolution] : convolutions)
    addConvolution(compiler, name, convolution);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
