// Every op of the nn dialect, compiled and run: the naive lowering against plain
// C++, optimised code against the naive, gradients against central differences.
// Fails for an op that no case covers, or that is none of the kinds of op.
#include "compiler/autodiff/Training.h"
#include "tests/unit/ops_compiled.h"
#include <chrono>
#include <cmath>
#include <cstdio>
#include <gtest/gtest.h>
#include <set>

using namespace mlir;

namespace nnc::test {

static const std::vector<Case> &allCases() {
  static const std::vector<Case> cases = [] {
    std::vector<Case> all;
    for (auto table : {elementwiseCases, shapeCases, reductionCases, productCases, poolCases, indexCases, trainingCases})
      for (Case &c : table())
        all.push_back(std::move(c));
    return all;
  }();
  return cases;
}

namespace {

/// The configurations, each compiled on first use.
struct Code {
  const char *name;
  Configuration configuration;
  Variants variants;
  double tolerance; ///< of a difference from the naive f64, of the largest value
  std::unique_ptr<CompiledCases> cases = nullptr;
  std::string error = {};

  CompiledCases *get() {
    if (!cases && error.empty()) {
      try {
        auto start = std::chrono::steady_clock::now();
        cases = std::make_unique<CompiledCases>(allCases(), configuration, variants);
        std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        std::printf("[ COMPILED ] %s: %.1f s\n", name, seconds.count());
        std::fflush(stdout);
      } catch (const std::exception &e) {
        error = e.what();
      }
    }
    if (!cases)
      ADD_FAILURE() << name << " does not compile: " << error;
    return cases.get();
  }
};

constexpr double f32Tolerance = 2e-5;
Code naive{"naive, f64", {true, 0, "native"}, {.dynamic = true}, 0};
Code compared[] = {
    {"naive, f32", {false, 0, "native"}, {.dynamic = true}, f32Tolerance},
    {"optimised, f64", {true, 2, "native"}, {.fixed = true, .dynamic = true}, 1e-11},
    {"optimised, f32", {false, 2, "native"}, {.dynamic = true}, f32Tolerance},
    {"optimised, f32, AVX2", {false, 2, "x86-64-v3"}, {.fixed = true}, f32Tolerance},
};

double largest(const Array &array) {
  double result = 0;
  for (double value : array.data)
    if (std::isfinite(value))
      result = std::max(result, std::fabs(value));
  return result;
}

/// The two hold the same values, to `tolerance` of the largest.
void expectClose(const Array &actual, const Array &expected, double tolerance, const std::string &what) {
  ASSERT_EQ(actual.dims, expected.dims) << what;
  // Data are of size one: what cancels to nothing keeps their rounding.
  double bound = tolerance * std::max(largest(expected), 0.05);
  for (size_t i = 0; i < expected.data.size(); ++i) {
    double a = actual.data[i], e = expected.data[i];
    bool same = a == e || (std::isnan(a) && std::isnan(e)) || std::fabs(a - e) <= bound;
    ASSERT_TRUE(same) << what << ": element " << i << " of " << expected.data.size() << " is " << a << ", expected " << e;
  }
}

void expectClose(const Arrays &actual, const Arrays &expected, double tolerance, const std::string &what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (size_t i = 0; i < expected.size(); ++i)
    expectClose(actual[i], expected[i], tolerance, what + " " + std::to_string(i));
}

/// Cotangents for the float outputs, all different.
Arrays makeCotangents(const CompiledCases::Function &f, const Arrays &outputs) {
  Arrays cotangents;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!f.floatOutput[i])
      continue;
    Array c(outputs[i].dims);
    for (size_t k = 0; k < c.data.size(); ++k)
      c.data[k] = static_cast<float>(std::cos(1.7 * double(k) + double(i) + 0.3));
    cotangents.push_back(c);
  }
  return cotangents;
}

class Ops : public testing::TestWithParam<size_t> {
protected:
  const Case &c = allCases()[GetParam()];

  /// The naive code runs the dynamic variant, where there is one.
  const CompiledCases::Function *reference(CompiledCases &code) {
    const auto *f = code.find(GetParam(), true);
    return f ? f : code.find(GetParam(), false);
  }
  std::vector<int64_t> batches(const CompiledCases::Function &f) {
    if (!f.usesBatch)
      return {CaseBuilder::staticBatch};
    return {CaseBuilder::staticBatch, 1, 5};
  }
};

TEST_P(Ops, NaiveMatchesReference) {
  if (!c.reference)
    return;
  CompiledCases *code = naive.get();
  ASSERT_TRUE(code);
  const auto *f = reference(*code);
  for (int64_t batch : batches(*f)) {
    Arrays inputs = f->makeInputs(batch);
    Arrays actual = code->forward(*f, batch, inputs), expected = actual;
    for (Array &output : expected)
      std::fill(output.data.begin(), output.data.end(), NAN);
    c.reference(inputs, expected);
    expectClose(actual, expected, 1e-12, "batch " + std::to_string(batch) + ", output");
  }
}

TEST_P(Ops, GradientMatchesCentralDifferences) {
  CompiledCases *code = naive.get();
  ASSERT_TRUE(code);
  const auto *f = reference(*code);
  if (!c.checkGradient)
    return;
  int64_t batch = CaseBuilder::staticBatch;
  Arrays inputs = f->makeInputs(batch);
  Arrays outputs = code->forward(*f, batch, inputs);
  Arrays cotangents = makeCotangents(*f, outputs);
  Arrays gradients = code->gradient(*f, batch, inputs, cotangents);
  auto objective = [&] {
    Arrays y = code->forward(*f, batch, inputs);
    double total = 0;
    size_t k = 0;
    for (size_t i = 0; i < y.size(); ++i)
      if (f->floatOutput[i]) {
        for (size_t e = 0; e < y[i].data.size(); ++e)
          total += cotangents[k].data[e] * (y[i].data[e] - outputs[i].data[e]);
        ++k;
      }
    return total;
  };
  auto gradient = gradients.begin();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!f->floating[i])
      continue;
    ASSERT_NE(gradient, gradients.end());
    ASSERT_EQ(gradient->dims, inputs[i].dims) << "gradient of input " << i;
    double bound = 2e-7 * std::max(largest(*gradient), 1.0);
    // Large inputs: elements from all over them.
    size_t stride = inputs[i].data.size() / 150 + 1;
    for (size_t e = 0; e < inputs[i].data.size(); e += stride) {
      double x = inputs[i].data[e], h = 1e-5;
      inputs[i].data[e] = x + h;
      double above = objective();
      inputs[i].data[e] = x - h;
      double below = objective();
      inputs[i].data[e] = x;
      ASSERT_NEAR(gradient->data[e], (above - below) / (2 * h), bound) << "gradient of input " << i << ", element " << e;
    }
    ++gradient;
  }
  EXPECT_EQ(gradient, gradients.end());
}

TEST_P(Ops, OtherCodeMatchesNaive) {
  CompiledCases *expectedCode = naive.get();
  ASSERT_TRUE(expectedCode);
  const auto *expectedFunction = reference(*expectedCode);
  for (Code &code : compared) {
    CompiledCases *actualCode = code.get();
    if (!actualCode)
      continue;
    for (bool dynamic : {false, true}) {
      const auto *f = actualCode->find(GetParam(), dynamic);
      if (!f)
        continue;
      for (int64_t batch : dynamic ? batches(*f) : std::vector<int64_t>{CaseBuilder::staticBatch}) {
        std::string where = std::string(code.name) + (dynamic ? ", batch N = " : ", batch ") + std::to_string(batch);
        Arrays inputs = f->makeInputs(batch);
        Arrays expected = expectedCode->forward(*expectedFunction, batch, inputs);
        expectClose(actualCode->forward(*f, batch, inputs), expected, code.tolerance, where + ", output");
        if (!c.checkGradient)
          continue;
        Arrays cotangents = makeCotangents(*f, expected);
        expectClose(actualCode->gradient(*f, batch, inputs, cotangents),
                    expectedCode->gradient(*expectedFunction, batch, inputs, cotangents), code.tolerance,
                    where + ", gradient");
      }
    }
  }
}

std::string testName(const testing::TestParamInfo<size_t> &info) {
  const Case &c = allCases()[info.param];
  std::string name = c.op + "_" + c.name;
  for (char &ch : name)
    if (!std::isalnum(static_cast<unsigned char>(ch)))
      ch = '_';
  return std::to_string(info.param) + "_" + name;
}

INSTANTIATE_TEST_SUITE_P(Cases, Ops, testing::Range(size_t(0), allCases().size()), testName);

//===-- the dialect -----------------------------------------------------------------------===//

std::vector<RegisteredOperationName> dialectOps(MLIRContext &context) {
  std::vector<RegisteredOperationName> ops;
  for (RegisteredOperationName op : context.getRegisteredOperations())
    if (op.getDialectNamespace() == "nn")
      ops.push_back(op);
  return ops;
}

bool isStructural(RegisteredOperationName op) {
  return op.getStringRef() == nn::KernelOp::getOperationName() || op.getStringRef() == nn::YieldOp::getOperationName();
}

TEST(Dialect, EveryOpHasACase) {
  auto context = createContext();
  std::set<std::string> covered;
  for (const Case &c : allCases())
    covered.insert("nn." + c.op);
  for (RegisteredOperationName op : dialectOps(*context)) {
    if (!isStructural(op)) {
      EXPECT_TRUE(covered.count(op.getStringRef().str())) << op.getStringRef().str() << " needs a case in one of tests/unit/ops_*.cpp";
    }
    covered.erase(op.getStringRef().str());
  }
  for (const std::string &name : covered)
    ADD_FAILURE() << "there are cases of " << name << ", which is no op";
}

TEST(Dialect, CasesContainTheirOp) {
  auto context = createContext();
  for (const Case &c : allCases()) {
    OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(context.get()));
    CaseBuilder b(*module, "f", {}, Float32Type::get(context.get()));
    c.build(b);
    // In the function itself or, of ops that only gradients use, in its gradient.
    auto forward = b.finish();
    if (c.checkGradient)
      EXPECT_TRUE(succeeded(addGradient(*module, forward))) << c.op << " " << c.name;
    bool found = false;
    module->walk([&](Operation *op) { found |= op->getName().stripDialect() == c.op; });
    EXPECT_TRUE(found) << c.op << " " << c.name;
  }
}

// What -O0 compiles touches nothing outside of a tensor, and says which kernel wanted to.
TEST(Naive, AnElementOutsideOfItsTensorIsReported) {
  for (int64_t start : {3, 4}) { // of four elements out of seven: the second slice is no tensor's
    Case c{"slice", "", [start](CaseBuilder &b) { b.output(b.slice(b.input({7}), {start}, {b.size(4)}, {1})); }};
    CompiledCases compiled({c}, {.f64 = false, .optimization = 0}, {.fixed = true});
    const CompiledCases::Function *function = compiled.find(0, false);
    auto call = [&] { compiled.forward(*function, CaseBuilder::staticBatch, function->makeInputs(CaseBuilder::staticBatch)); };
    if (start == 3)
      EXPECT_NO_THROW(call());
    else
      EXPECT_THROW(call(), std::runtime_error);
  }
}

// Elementwise (nn.map, whose gradient is derived), composite, structured with a
// gradient, or without one for a stated reason: exactly one of the four.
TEST(Dialect, EveryOpIsOfOneKind) {
  auto context = createContext();
  for (RegisteredOperationName op : dialectOps(*context)) {
    if (isStructural(op))
      continue;
    bool element = op.hasInterface<nn::ElementOpInterface>();
    bool differentiable = op.hasInterface<nn::DifferentiableOpInterface>();
    bool composite = op.hasInterface<nn::DecomposableOpInterface>();
    bool constant = op.hasTrait<nn::NonDifferentiable>();
    EXPECT_EQ(differentiable + composite + constant, 1) << op.getStringRef().str() << " needs a gradient, a decomposition or a reason for neither";
    // A recurrence is given by its unrolling (dialects/nn/Recurrent/Unroll.h).
    if (op.getStringRef().starts_with("nn.recurrence"))
      continue;
    EXPECT_NE(element, composite) << op.getStringRef().str() << " is given either by its elements or by a decomposition";
  }
}

} // namespace
} // namespace nnc::test
