// Kernels of the Map, Row and Window families on one thread, beside memcpy of as many
// bytes: what a kernel that touches each byte once can be judged by.
#include "tests/unit/families_harness.h"

#include <benchmark/benchmark.h>
#include <cstring>
#include <memory>

using namespace nnc::test;

static int64_t bytesOf(const FamilyRun &run) {
  int64_t bytes = 0;
  for (const FamilyRun::Part &part : run.parts)
    bytes += part.bytes() * (part.isUpdated ? 2 : 1);
  return bytes;
}

/// Compiled where the line runs, not if it is filtered out.
static void measure(const std::string &name, const char *family, const Case &given) {
  auto make = [family, given] {
    auto target = nnc::cpu::Target::forCPU("native");
    auto run = std::make_shared<FamilyRun>(kernelText(given.arguments, given.results, given.body, given.symbols.size()),
                                           family, *target, given.symbols);
    if (run->valid())
      run->fill(1, given.bound);
    return run;
  };
  auto kernel = std::make_shared<std::shared_ptr<FamilyRun>>();
  auto compiled = [make, kernel] {
    if (!*kernel)
      *kernel = make();
    return *kernel;
  };
  benchmark::RegisterBenchmark(name.c_str(), [compiled](benchmark::State &state) {
    std::shared_ptr<FamilyRun> run = compiled();
    if (!run->valid())
      return state.SkipWithError("the kernel does not compile");
    for (auto _ : state)
      run->call();
    state.SetBytesProcessed(state.iterations() * bytesOf(*run));
  });
  benchmark::RegisterBenchmark((name + " (memcpy)").c_str(), [compiled](benchmark::State &state) {
    const int64_t bytes = bytesOf(*compiled()) / 2;
    std::vector<char> from(bytes, 1), to(bytes);
    for (auto _ : state) {
      memcpy(to.data(), from.data(), from.size());
      benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(state.iterations() * 2 * bytes);
  });
}

int main(int argc, char **argv) {
  benchmark::Initialize(&argc, argv);
  for (std::string n : {"4096", "65536", "1048576", "8388608"})
    measure("map: relu(x) * 2 + y, " + n, "map",
            {{"T<" + n + ",f32>", "T<" + n + ",f32>"},
             {"T<" + n + ",f32>"},
             "%2 = nn.map [\"relu(x0) * 2 + x1\"] (%0, %1) : (T<" + n + ",f32>, T<" + n + ",f32>) -> T<" + n +
                 ",f32>\nnn.yield %2 : T<" + n + ",f32>"});
  measure("map: gelu, 65536", "map", {{"T<65536,f32>"}, {"T<65536,f32>"}, R"mlir(
    %1 = nn.map ["0.5 * x0 * (1 + erf(x0 * 0.70710678))"] (%0) : (T<65536,f32>) -> T<65536,f32>
    nn.yield %1 : T<65536,f32>)mlir"});
  std::string t = "T<1048576,f32>";
  measure("map: adam in place, 1048576", "map",
          {{t, t, t, t, "T<f32>", "T<f32>"}, {"0: " + t, "1: " + t, "2: " + t}, R"mlir(
    %6 = nn.map ["0.9 * x0 + 0.1 * x1"] (%1, %3) : (T<1048576,f32>, T<1048576,f32>) -> T<1048576,f32>
    %7 = nn.map ["0.99 * x0 + 0.01 * x1 * x1"] (%2, %3) : (T<1048576,f32>, T<1048576,f32>) -> T<1048576,f32>
    %8 = nn.map ["x0 - x3 * x1 / (1 - pow(0.9, x4)) / (sqrt(x2) + 0.001)"] (%0, %6, %7, %4, %5)
      : (T<1048576,f32>, T<1048576,f32>, T<1048576,f32>, T<f32>, T<f32>) -> T<1048576,f32>
    nn.yield %8, %6, %7 : T<1048576,f32>, T<1048576,f32>, T<1048576,f32>)mlir"});
  measure("map: bias over channels 64x6x24x24", "map",
          {{"T<N,6,24,24,f32>", "T<6,1,1,f32>"},
           {"T<N,6,24,24,f32>"},
           R"mlir(
    %2 = nn.map ["relu(x0 + x1)"] (%0, %1) : (T<N,6,24,24,f32>, T<6,1,1,f32>) -> T<N,6,24,24,f32>
    nn.yield %2 : T<N,6,24,24,f32>)mlir",
           {64}});
  measure("map: dropout 65536", "map", {{"T<65536,f32>", "T<i64>", "T<i64>"}, {"T<65536,f32>"}, R"mlir(
    %3 = nn.uniform %1, %2 site 3 : (T<i64>, T<i64>) -> T<65536,f32>
    %4 = nn.map ["select(x1 >= 0.3, x0 * 2, 0)"] (%0, %3) : (T<65536,f32>, T<65536,f32>) -> T<65536,f32>
    nn.yield %4 : T<65536,f32>)mlir"});

  std::string two = " {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = "
                    "array<i64: 1, 1>} : ";
  std::string three = " {kernel = array<i64: 3, 3>, stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = "
                      "array<i64: 1, 1>} : ";
  struct Pool {
    std::string attributes, x, y;
  };
  for (auto &[attributes, x, y] : {Pool{two, "64,6,28,28", "64,6,14,14"},
                                   {two, "64,16,10,10", "64,16,5,5"},
                                   {three, "8,64,32,32", "8,64,16,16"},
                                   {three, "1,64,112,112", "1,64,56,56"}}) {
    std::string in = "T<" + x + ",f32>", out = "T<" + y + ",f32>", position = "T<" + y + ",i8>";
    measure("window: max_pool " + x, "window",
            {{in},
             {out},
             "%1:2 = nn.max_pool %0" + attributes + in + " -> " + out + ", " + position + "\nnn.yield %1#0 : " + out});
    measure("window: with positions " + x, "window",
            {{in},
             {out, position},
             "%1:2 = nn.max_pool %0" + attributes + in + " -> " + out + ", " + position +
                 "\nnn.yield %1#0, %1#1 : " + out + ", " + position});
    measure("window: max_pool_grad " + x, "window",
            {{out, position, in},
             {in},
             "%3 = nn.max_pool_grad %0, %1" + attributes + "(" + out + ", " + position + ") -> " + in +
                 "\n%4 = nn.map [\"select(x1 > 0, x0, 0)\"] (%3, %2) : (" + in + ", " + in + ") -> " + in +
                 "\nnn.yield %4 : " + in,
             {},
             0,
             4});
  }

  for (std::string shape : {"64,10", "128,1000"}) {
    std::string c = shape.substr(shape.find(',') + 1), n = shape.substr(0, shape.find(','));
    std::string x = "T<" + shape + ",f32>", r = "T<" + n + ",1,f32>";
    measure("row: softmax " + shape, "row",
            {{x},
             {x},
             "%1 = nn.reduce max %0 axes [1] : " + x + " -> " + r + "\n%2 = nn.map [\"exp(x0 - x1)\"] (%0, %1) : (" +
                 x + ", " + r + ") -> " + x + "\n%3 = nn.reduce sum %2 axes [1] : " + x + " -> " + r +
                 "\n%4 = nn.map [\"x0 / x1\"] (%2, %3) : (" + x + ", " + r + ") -> " + x + "\nnn.yield %4 : " + x});
  }
  measure("row: bias gradient 128x1024", "row", {{"T<128,1024,f32>"}, {"T<1,1024,f32>"}, R"mlir(
    %1 = nn.reduce sum %0 axes [0] : T<128,1024,f32> -> T<1,1024,f32>
    nn.yield %1 : T<1,1024,f32>)mlir"});
  measure("row: channel sums 64x6x28x28", "row",
          {{"T<N,6,28,28,f32>"},
           {"T<1,6,1,1,f32>"},
           R"mlir(
    %1 = nn.reduce sum %0 axes [0, 2, 3] : T<N,6,28,28,f32> -> T<1,6,1,1,f32>
    nn.yield %1 : T<1,6,1,1,f32>)mlir",
           {64}});
  measure("row: sum of 1048576", "row", {{"T<1024,1024,f32>"}, {"T<1,1,f32>"}, R"mlir(
    %1 = nn.reduce sum %0 axes [0, 1] : T<1024,1024,f32> -> T<1,1,f32>
    nn.yield %1 : T<1,1,f32>)mlir"});
  measure("row: layer norm 512x768", "row", {{"T<512,768,f32>"}, {"T<512,768,f32>"}, R"mlir(
    %1 = nn.reduce sum %0 axes [1] : T<512,768,f32> -> T<512,1,f32>
    %2 = nn.map ["x0 - x1 / 768"] (%0, %1) : (T<512,768,f32>, T<512,1,f32>) -> T<512,768,f32>
    %3 = nn.map ["x0 * x0"] (%2) : (T<512,768,f32>) -> T<512,768,f32>
    %4 = nn.reduce sum %3 axes [1] : T<512,768,f32> -> T<512,1,f32>
    %5 = nn.map ["x0 * rsqrt(x1 / 768 + 0.00001)"] (%2, %4) : (T<512,768,f32>, T<512,1,f32>) -> T<512,768,f32>
    nn.yield %5 : T<512,768,f32>)mlir"});
  measure("row: batch norm 8x64x56x56", "row",
          {{"T<N,64,56,56,f32>"},
           {"T<N,64,56,56,f32>"},
           R"mlir(
    %1 = nn.size <[N], N * 3136> : T<f32>
    %2 = nn.reduce sum %0 axes [0, 2, 3] : T<N,64,56,56,f32> -> T<1,64,1,1,f32>
    %3 = nn.map ["x0 / x1"] (%2, %1) : (T<1,64,1,1,f32>, T<f32>) -> T<1,64,1,1,f32>
    %4 = nn.map ["(x0 - x1) * (x0 - x1)"] (%0, %3) : (T<N,64,56,56,f32>, T<1,64,1,1,f32>) -> T<N,64,56,56,f32>
    %5 = nn.reduce sum %4 axes [0, 2, 3] : T<N,64,56,56,f32> -> T<1,64,1,1,f32>
    %6 = nn.map ["relu((x0 - x1) * rsqrt(x2 / x3))"] (%0, %3, %5, %1) : (T<N,64,56,56,f32>, T<1,64,1,1,f32>, T<1,64,1,1,f32>, T<f32>) -> T<N,64,56,56,f32>
    nn.yield %6 : T<N,64,56,56,f32>)mlir",
           {8}});
  benchmark::RunSpecifiedBenchmarks();
}
