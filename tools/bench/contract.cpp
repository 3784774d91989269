// Speed of products and convolutions on one core, beside the multiply-add peak
// measured in the same run: `contract_bench [filter] [cpu]` prints one line a shape.
// Winograd's lines count the operations of the direct sum.
#include "tests/unit/contract_harness.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>

using namespace nnc;
using namespace nnc::test;
using Contiguous = cpu::ProductOperand::Contiguous;

namespace {

double seconds(std::function<void()> body) {
  auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The best of many runs, short enough to fall between interruptions.
double bestSeconds(std::function<void()> body) {
  double once = std::max(seconds(body), 1e-8);
  int repeats = std::max(1, int(3e-4 / once));
  double best = 1e9;
  for (int run = 0; run < 200; ++run)
    best = std::min(best, seconds([&] {
                            for (int i = 0; i < repeats; ++i)
                              body();
                          }) / repeats);
  return best;
}

struct Arrays {
  std::vector<float> first, second, result;
  Arrays(int64_t first, int64_t second, int64_t result)
      : first(first + 64, 0.5f), second(second + 64, 0.25f), result(result + 64) {}
};

/// GFLOP/s of multiply-adds that never leave the registers.
double measurePeak(ProductCompiler &compiler, int vectorBytes) {
  constexpr int64_t steps = 10'000;
  int64_t lanes = vectorBytes / 4, accumulators = vectorBytes == 64 ? 24 : 12;
  auto compiled = compiler.compileMultiplyAdds(steps);
  Arrays arrays(lanes, lanes, accumulators * lanes);
  double time = bestSeconds([&] {
    compiled->run(arrays.first.data(), arrays.second.data(), arrays.result.data(), {});
  });
  return 2.0 * steps * accumulators * lanes / time * 1e-9;
}

struct Report {
  double peak;
  void line(const std::string &name, double flops, double time, int64_t scratch) const {
    double rate = flops / time * 1e-9;
    std::printf("%-44s %9.1f us %7.1f GFLOP/s %5.1f %%  scratch %ld KB\n", name.c_str(), time * 1e6,
                rate, 100 * rate / peak, long(scratch >> 10));
    std::fflush(stdout);
  }
};

void benchProduct(ProductCompiler &compiler, const Report &report, const char *name,
                  ProductCase c) {
  auto compiled = compiler.compile(c);
  c.panelWidth = compiled->panelWidth;
  Arrays arrays(c.positionA(c.batch - 1, c.m - 1, c.k - 1) + 1,
                c.positionB(c.batch - 1, c.k - 1, c.n - 1) + 1, c.batch * c.m * c.n);
  double time = bestSeconds([&] {
    compiled->run(arrays.first.data(), arrays.second.data(), arrays.result.data(),
                  {c.batch, c.m, c.n, c.k});
  });
  report.line(name, 2.0 * c.batch * c.m * c.n * c.k, time, compiled->footprint.perWorkerBytes);
}

int64_t elements(const std::vector<int64_t> &sizes) {
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  return count;
}

void benchConvolution(ProductCompiler &compiler, const Report &report, std::string name,
                      ConvolutionCase c, const std::string &filter) {
  using Direction = cpu::ConvolutionDirection;
  int64_t x = c.batch * c.inChannels * elements(c.input);
  // Packed for Winograd a filter takes up to four times its memory, and whole vectors.
  int64_t w = (c.outChannels + 16) * (c.inChannels + 16) * std::max<int64_t>(36, elements(c.kernel));
  int64_t y = c.batch * c.outChannels * elements(c.output());
  double flops = 2.0 * y * (c.inChannels / c.groups) * elements(c.kernel);
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
  bool admitsWinograd = c.kernel == std::vector<int64_t>{3, 3} && c.stride == std::vector<int64_t>{1, 1};
  for (auto [direction, packed, winograd, suffix] : variants) {
    if ((name + suffix).find(filter) == std::string::npos || (winograd && !admitsWinograd))
      continue;
    c.direction = direction;
    c.packed = packed;
    c.winograd = winograd;
    auto compiled = compiler.compile(c);
    Arrays arrays(direction == Direction::InputGradient ? y : x,
                  direction == Direction::WeightGradient ? y : w,
                  direction == Direction::Forward         ? y
                  : direction == Direction::InputGradient ? x
                                                          : w);
    std::vector<int64_t> sizes = {c.batch};
    sizes.insert(sizes.end(), c.input.begin(), c.input.end());
    for (int64_t size : c.output())
      sizes.push_back(size);
    double time = bestSeconds([&] {
      compiled->run(arrays.first.data(), arrays.second.data(), arrays.result.data(), sizes);
    });
    report.line(name + suffix, flops, time, compiled->footprint.perWorkerBytes);
  }
}

} // namespace

int main(int argc, char **argv) {
  std::string filter = argc > 1 ? argv[1] : "";
  auto target = cpu::Target::forCPU(argc > 2 ? argv[2] : "native");
  if (!target) {
    std::fprintf(stderr, "contract_bench: %s\n", llvm::toString(target.takeError()).c_str());
    return 1;
  }
  ProductCompiler compiler(*target);
  Report report{measurePeak(compiler, target->vectorBytes)};
  std::printf("%s, vectors of %d bytes: multiply-add peak %.1f GFLOP/s\n", target->cpu.c_str(),
              target->vectorBytes, report.peak);
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
    if (std::string(name).find(filter) != std::string::npos)
      benchProduct(compiler, report, name, product);

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
    benchConvolution(compiler, report, name, convolution, filter);
  return 0;
}
