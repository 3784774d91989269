// The verbs that show what the compiler did: --explain, --check, bench --kernels, inspect.
#include "tests/e2e/Command.h"
#include "tools/nnc/Npz.h"
#include "llvm/Support/JSON.h"
#include <gmock/gmock.h>

using namespace nnc;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace {

constexpr const char *training = " --loss cross_entropy --optimizer sgd:lr=0.01,momentum=0.9";

class Kernels : public CommandTest {
protected:
  std::string succeed(const std::string &arguments) {
    CommandResult result = nnc(arguments);
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  }
  llvm::json::Value json(const std::string &arguments) {
    llvm::Expected<llvm::json::Value> value = llvm::json::parse(succeed(arguments + " --json"));
    if (value)
      return std::move(*value);
    ADD_FAILURE() << toString(value.takeError());
    return llvm::json::Object();
  }
};

TEST_F(Kernels, ExplainSaysWhatWasFusedAndHowItIsComputed) {
  std::string text = succeed("compile $MODELS/zoo/lenet.pt2 --explain --batch 4");
  // 5 x 5 taps twice, the bias and the relu for each of 6 x 28 x 28 results.
  EXPECT_THAT(text, AllOf(HasSubstr("numbers are for N = 4"), HasSubstr("conv1/conv"), HasSubstr("lenet.py:"),
                          HasSubstr("conv, x0 + x1, relu"), HasSubstr("f32[N, 1, 28, 28]"), HasSubstr("register tile"),
                          HasSubstr("(N * 244608)")));
  EXPECT_EQ(listing(), "") << "nothing is written without -o";
  text = succeed(std::string("compile $MODELS/zoo/lenet.pt2 --explain -o lenet") + training);
  EXPECT_THAT(text, AllOf(HasSubstr("train_step: "), HasSubstr("conv_weight_grad")));
  EXPECT_TRUE(exists("lenet.so"));
}

TEST_F(Kernels, BenchTimesEveryKernelOfACall) {
  for (const std::string train : {std::string(), std::string(" --train") + training}) {
    llvm::json::Value value = json("bench $MODELS/zoo/lenet.pt2 --kernels --batch 8 --runs 7" + train);
    const llvm::json::Object &result = *value.getAsObject();
    EXPECT_EQ(result.getInteger("runs"), 7);
    ASSERT_TRUE(result.getObject("roofline"));
    for (const char *limit : {"gflops", "L2_gbytes", "L3_gbytes", "DRAM_gbytes"})
      EXPECT_GT(result.getObject("roofline")->getNumber(limit).value_or(0), 0.1) << limit;
    const llvm::json::Array *kernels = result.getArray("kernels");
    ASSERT_TRUE(kernels);
    double total = 0, last = 1e9;
    bool convolution = false;
    for (const llvm::json::Value &entry : *kernels) {
      const llvm::json::Object &kernel = *entry.getAsObject();
      const double ms = kernel.getNumber("ms").value_or(0);
      EXPECT_GT(ms, 0);
      EXPECT_LE(ms, last) << "sorted by time";
      last = ms;
      total += ms;
      EXPECT_GT(kernel.getInteger("bytes").value_or(0), 0);
      EXPECT_GT(kernel.getNumber("share").value_or(0), 0);
      EXPECT_THAT(kernel.getString("bound").value_or("").str(), testing::AnyOf("FMA", "L2", "L3", "DRAM", "dispatch"));
      if (kernel.getString("name") != "conv1/conv" || kernel.getString("layer") != "conv1")
        continue;
      convolution = true;
      EXPECT_EQ(kernel.getInteger("operations"), 8 * 244608);
      EXPECT_THAT(kernel.getString("source").value_or("").str(), HasSubstr("lenet.py:"));
    }
    EXPECT_TRUE(convolution);
    EXPECT_GE(kernels->size(), train.empty() ? 5u : 15u);
    EXPECT_GT(total, 0);
  }
  EXPECT_THAT(succeed("bench $MODELS/zoo/mlp.pt2 --kernels --runs 5"),
              AllOf(HasSubstr("roofline: FMA "), HasSubstr("kernels of forward")));
}

TEST_F(Kernels, AnOrdinaryLibraryHasNoClock) {
  succeed("compile $MODELS/zoo/mlp.pt2 -o mlp");
  EXPECT_EQ(read("mlp.so").find("clock_gettime"), std::string::npos);
  EXPECT_REFUSED(nnc("bench mlp.so --kernels"), "give the .pt2");
}

TEST_F(Kernels, CheckComparesEveryKernelWithItsReference) {
  std::string text = succeed("compile $MODELS/zoo/lenet.pt2 --check");
  EXPECT_THAT(text, AllOf(HasSubstr("forward\n"), HasSubstr("conv2/conv  [contract]"), HasSubstr("pool/max_pool  [window]"),
                          Not(HasSubstr("WRONG")), Not(HasSubstr("no reference"))));
  text = succeed(std::string("compile $MODELS/zoo/lenet.pt2 --check --batch 2") + training);
  EXPECT_THAT(text, AllOf(HasSubstr("train_step\n"), HasSubstr("conv1/conv_weight_grad  [contract]"), Not(HasSubstr("WRONG"))));
  EXPECT_EQ(listing(), "");
}

TEST_F(Kernels, InspectShowsTheArenaOverTime) {
  std::string text = succeed("inspect $MODELS/zoo/lenet.pt2 --batch 2 --memory --svg arena.svg");
  EXPECT_THAT(text, AllOf(HasSubstr("forward: the arena's "), HasSubstr("| conv1/conv\n"), HasSubstr("| fc3/matmul\n")));
  EXPECT_EQ(read("arena.svg").find("<svg "), 0u);
  EXPECT_THAT(read("arena.svg"), HasSubstr("conv1/conv"));
  succeed("compile $MODELS/zoo/mlp.pt2 -o mlp");
  EXPECT_REFUSED(nnc("inspect mlp.so --memory"), "give the .pt2");
}

} // namespace
