// Time per element of VectorMath's functions, over an array that stays in the
// first-level cache, beside libm called for each element.
#include "tests/unit/vector_math_kernel.h"

#include <benchmark/benchmark.h>
#include <cmath>
#include <random>

using namespace nnc;
using cpu::MathFunction;

namespace {

struct Entry {
  const char *name;
  MathFunction function;
  float (*libm32)(float, float);
  double (*libm64)(double, double);
};

#define NNC_UNARY(function)                                                                       \
  [](float x, float) { return function##f(x); }, [](double x, double) { return function(x); }

const Entry entries[] = {
    {"exp", MathFunction::Exp, NNC_UNARY(exp)},
    {"expm1", MathFunction::Expm1, NNC_UNARY(expm1)},
    {"log", MathFunction::Log, NNC_UNARY(log)},
    {"log1p", MathFunction::Log1p, NNC_UNARY(log1p)},
    {"tanh", MathFunction::Tanh, NNC_UNARY(tanh)},
    {"erf", MathFunction::Erf, NNC_UNARY(erf)},
    {"logistic", MathFunction::Logistic, [](float x, float) { return 1 / (1 + expf(-x)); },
     [](double x, double) { return 1 / (1 + exp(-x)); }},
    {"sin", MathFunction::Sin, NNC_UNARY(sin)},
    {"cos", MathFunction::Cos, NNC_UNARY(cos)},
    {"pow", MathFunction::Pow, [](float x, float y) { return powf(x, y); },
     [](double x, double y) { return pow(x, y); }},
    {"sqrt", MathFunction::Sqrt, NNC_UNARY(sqrt)},
    {"rsqrt", MathFunction::Rsqrt, [](float x, float) { return 1 / sqrtf(x); },
     [](double x, double) { return 1 / sqrt(x); }},
};

constexpr int64_t count = 1024;

template <typename Number> struct Data {
  std::vector<Number> x, y, z;
  Data() : z(count) {
    std::mt19937 random(1);
    std::uniform_real_distribution<Number> positive(Number(0.01), 5);
    for (int64_t i = 0; i < count; ++i) {
      x.push_back(positive(random));
      y.push_back(positive(random));
    }
  }
};

void perElement(benchmark::State &state) {
  state.counters["per_element"] = benchmark::Counter(
      double(state.iterations()) * count,
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

template <typename Number> void vectors(benchmark::State &state, MathFunction function) {
  Data<Number> data;
  auto target = llvm::cantFail(cpu::Target::forCPU("native"));
  auto module = test::compileVectorMath(function, sizeof(Number) == 4 ? "f32" : "f64",
                                        target.vectorBytes / int(sizeof(Number)), target);
  auto *kernel = module->template lookup<test::VectorMathKernel<Number>>("f");
  for (auto _ : state) {
    kernel(data.x.data(), data.y.data(), data.z.data(), count);
    benchmark::ClobberMemory();
  }
  perElement(state);
}

template <typename Number>
void scalars(benchmark::State &state, Number (*function)(Number, Number)) {
  Data<Number> data;
  for (auto _ : state) {
    for (int64_t i = 0; i < count; ++i)
      data.z[size_t(i)] = function(data.x[size_t(i)], data.y[size_t(i)]);
    benchmark::ClobberMemory();
  }
  perElement(state);
}

} // namespace

int main(int argc, char **argv) {
  for (const Entry &entry : entries) {
    std::string name = entry.name;
    benchmark::RegisterBenchmark((name + "/f32").c_str(), vectors<float>, entry.function);
    benchmark::RegisterBenchmark((name + "/f32/libm").c_str(), scalars<float>, entry.libm32);
    benchmark::RegisterBenchmark((name + "/f64").c_str(), vectors<double>, entry.function);
    benchmark::RegisterBenchmark((name + "/f64/libm").c_str(), scalars<double>, entry.libm64);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
