// What the compiler tells about kernels, and the check of every kernel against the
// naive reference, which must find a kernel that is broken on purpose.
#include "codegen/cpu/EmitLoops.h"
#include "codegen/cpu/LowerToLLVM.h"
#include "codegen/cpu/ScheduleFamily.h"
#include "compiler/KernelReport.h"
#include "compiler/transforms/CheckKernels.h"
#include "compiler/transforms/FormKernels.h"
#include "compiler/transforms/Plan.h"
#include "mlir/Parser/Parser.h"
#include "tests/unit/families_harness.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace mlir;
using namespace nnc;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

class Reports : public testing::Test {
protected:
  Reports() : context(registryOfAll(), MLIRContext::Threading::DISABLED) { context.loadAllAvailableDialects(); }

  static DialectRegistry registryOfAll() {
    DialectRegistry registry;
    cpu::registerLoweringDialects(registry);
    registry.insert<nn::NNDialect>();
    return registry;
  }
  func::FuncOp parse(StringRef text) {
    module = parseSourceString<ModuleOp>(text, &context);
    return *module->getOps<func::FuncOp>().begin();
  }
  ModelReport plan(func::FuncOp function, int64_t batch) {
    EXPECT_TRUE(succeeded(planFunction(function, /*batch=*/0, [&](Operation *kernel) { return cpu::memoryOf(kernel, target); })));
    ModelReport report;
    reportKernels(*module, target, /*optimized=*/true, batch, report);
    return report;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  cpu::Target target = llvm::cantFail(cpu::Target::forCPU("native"));
};

constexpr const char *perceptron = R"mlir(
  !row = tensor<?x64xf32, #nn.dims<[N], N, 64>>
  !wide = tensor<?x32xf32, #nn.dims<[N], N, 32>>
  func.func @forward(%x: !row {nn.kind = "input", nn.name = "x"}, %w: tensor<32x64xf32> {nn.kind = "parameter", nn.name = "w"},
                     %v: tensor<64x32xf32> {nn.kind = "parameter", nn.name = "v"}) -> (!row {nn.name = "0"})
      attributes {nn.symbols = ["N"], nn.symbol_ranges = array<i64: 1, 128>} {
    %p = nn.matmul %x, %w {transpose_b = true} : (!row, tensor<32x64xf32>) -> !wide loc("fc"("model.py":12:0))
    %y = nn.map relu ["relu(x0)"] (%p) : (!wide) -> !wide loc("fc"("model.py":12:0))
    %q = nn.matmul %y, %v {transpose_b = true} : (!wide, tensor<64x32xf32>) -> !row loc("out"("model.py":13:0))
    return %q : !row
  })mlir";

TEST_F(Reports, AKernelHasItsPlaceItsOpsAndItsWork) {
  func::FuncOp function = parse(perceptron);
  formKernels(function, 2);
  ModelReport report = plan(function, 5);
  ASSERT_EQ(report.functions.size(), 1u);
  const FunctionReport &forward = report.functions[0];
  ASSERT_EQ(forward.kernels.size(), 2u);
  const KernelReport &kernel = forward.kernels[0];
  EXPECT_EQ(kernel.name, "fc/matmul");
  EXPECT_EQ(kernel.layer, "fc");
  EXPECT_EQ(kernel.source, "model.py:12");
  EXPECT_EQ(kernel.family, "contract");
  EXPECT_THAT(kernel.ops, ElementsAre("matmul", "relu"));
  EXPECT_THAT(kernel.inputs, ElementsAre("f32[N, 64]", "f32[32, 64]"));
  EXPECT_THAT(kernel.results, ElementsAre("f32[N, 32]"));
  EXPECT_THAT(kernel.schedule, HasSubstr("register tile"));
  EXPECT_EQ(kernel.operations.formula, "N * 4128"); // 2 * 64 * 32, and a relu each
  EXPECT_EQ(kernel.operations.value, 5 * 4128);
  EXPECT_EQ(kernel.bytes.value, 5 * 4 * (64 + 32) + 4 * 32 * 64);
  EXPECT_EQ(kernel.stateBytes, 4 * 32 * 64);
  EXPECT_TRUE(report.warnings.empty());
}

TEST_F(Reports, TheArenaHoldsWhatLivesBetweenKernels) {
  func::FuncOp function = parse(perceptron);
  formKernels(function, 2);
  const FunctionReport forward = plan(function, 5).functions[0];
  ASSERT_EQ(forward.blocks.size(), 1u); // the hidden values: inputs and outputs are the caller's
  EXPECT_EQ(forward.blocks[0].bytes, 5 * 32 * 4);
  EXPECT_EQ(forward.blocks[0].first, 0u);
  EXPECT_EQ(forward.blocks[0].last, 1u);
  EXPECT_EQ(forward.liveBytes, 640);
  EXPECT_EQ(forward.arenaBytes, 640);
}

TEST_F(Reports, ALargeKernelThatNoFamilyFitsIsAWarning) {
  const std::string text = R"mlir(
    func.func @forward(%x: tensor<SIZExf32> {nn.kind = "input", nn.name = "x"})
        -> (tensor<SIZExf32> {nn.name = "0"}, tensor<8xf32> {nn.name = "1"}) {
      %a, %b = nn.kernel "odd/exp" map(%x) : (tensor<SIZExf32>) -> (tensor<SIZExf32>, tensor<8xf32>) {
      ^bb0(%y: tensor<SIZExf32>):
        %e = nn.map exp ["exp(x0)"] (%y) : (tensor<SIZExf32>) -> tensor<SIZExf32>
        %s = nn.slice %y starts [0] steps [1] : tensor<SIZExf32> -> tensor<8xf32>
        nn.yield %e, %s : tensor<SIZExf32>, tensor<8xf32>
      }
      return %a, %b : tensor<SIZExf32>, tensor<8xf32>
    })mlir";
  for (auto [size, warns] : {std::pair("1000000", true), {"100", false}}) {
    std::string sized = text;
    for (size_t at; (at = sized.find("SIZE")) != std::string::npos;)
      sized.replace(at, 4, size);
    ModelReport report = plan(parse(sized), 0);
    EXPECT_EQ(report.functions[0].kernels[0].fallback, "its results differ in shape");
    if (warns)
      EXPECT_THAT(report.warnings, ElementsAre(HasSubstr("kernel odd/exp of forward is computed element by element")));
    else
      EXPECT_TRUE(report.warnings.empty());
  }
}

// Two kernels; `expression` is what the second computes instead of exp(x0) / 4 after
// the references were made. Returns whether each holds.
std::vector<bool> checked(MLIRContext &context, StringRef expression, const cpu::Target &target) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(R"mlir(
    func.func @f(%x: tensor<7x40xf32>, %w: tensor<24x40xf32>) -> tensor<7x24xf32> {
      %p = nn.matmul %x, %w {transpose_b = true} : (tensor<7x40xf32>, tensor<24x40xf32>) -> tensor<7x24xf32>
      %r = nn.map relu ["relu(x0)"] (%p) : (tensor<7x24xf32>) -> tensor<7x24xf32>
      %s = nn.reduce sum %r axes [1] : tensor<7x24xf32> -> tensor<7x1xf32>
      %y = nn.map ["x0 / (x1 + 1.0)"] (%r, %s) : (tensor<7x24xf32>, tensor<7x1xf32>) -> tensor<7x24xf32>
      return %y : tensor<7x24xf32>
    })mlir", &context);
  auto function = *module->getOps<func::FuncOp>().begin();
  formKernels(function, 2);
  SmallVector<nn::KernelOp> kernels(function.getOps<nn::KernelOp>());
  std::vector<KernelCheck> checks = addKernelChecks(function);
  auto map = *llvm::to_vector(kernels.back().getBody().front().getOps<nn::MapOp>()).rbegin();
  map.setExprsAttr(mlir::Builder(&context).getStrArrayAttr({expression}));
  std::string text;
  llvm::raw_string_ostream(text) << *module;
  test::FamilyRun run(text, "", target, {});
  run.fill(1, 10);
  run.call();
  std::vector<double> numbers;
  for (const test::FamilyRun::Part &part : run.parts)
    if (part.isOutput && part.kind == test::FamilyRun::Part::F64)
      numbers.push_back(*reinterpret_cast<const double *>(part.data));
  EXPECT_EQ(numbers.size(), 3 * checks.size());
  std::vector<bool> result;
  for (size_t i = 0; i < checks.size(); ++i)
    result.push_back(checks[i].holds(numbers[3 * i], numbers[3 * i + 1], numbers[3 * i + 2]));
  return result;
}

TEST_F(Reports, ACheckFindsTheBrokenKernelAndNoOther) {
  EXPECT_THAT(checked(context, "x0 / (x1 + 1.0)", target), ElementsAre(true, true));
  EXPECT_THAT(checked(context, "x0 / (x1 + 1.1)", target), ElementsAre(true, false));
  EXPECT_THAT(checked(context, "x0 / (x1 - x1)", target), ElementsAre(true, false));
}

TEST_F(Reports, ACheckAllowsWhatRoundingDoesWhereTermsCancel) {
  KernelCheck check;
  check.element = "f32";
  EXPECT_TRUE(check.holds(1e-6, 1, 0));
  EXPECT_FALSE(check.holds(1e-4, 1, 1e-7));
  EXPECT_TRUE(check.holds(1e-7, 1e-7, 1e-7)); // a sum that is zero but for rounding
  EXPECT_FALSE(check.holds(NAN, 1, 1));
  check.element = "i64";
  EXPECT_TRUE(check.holds(0, 5, 0));
  EXPECT_FALSE(check.holds(1, 5, 0));
}

} // namespace
