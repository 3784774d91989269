// The verbs on real models and data, between files.
#include "tests/e2e/Command.h"
#include "tools/nnc/Npy.h"
#include "tools/nnc/Npz.h"
#include "llvm/Support/JSON.h"

using namespace nnc;
using nnc::cli::Npz;
using nnc::cli::Tensor;

namespace {

class Cli : public CommandTest {
protected:
  /// Fails the test where the command does.
  std::string succeed(const CommandResult &result) {
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  }
  /// The first `count` digits as a batch of images.
  Tensor digits(int64_t count) {
    llvm::Expected<Npz> data = cli::readNpz(NNC_SOURCE_DIR "/models/data/digits.npz");
    EXPECT_TRUE(bool(data));
    Tensor images(ElementType::F32, {count, 1, 28, 28});
    for (int64_t i = 0; i < images.size(); ++i)
      images.data<float>()[i] = float(data->find("x")->at(i) / 255);
    return images;
  }
  Npz npz(const std::string &name) {
    llvm::Expected<Npz> archive = cli::readNpz(folder + "/" + name);
    if (archive)
      return std::move(*archive);
    ADD_FAILURE() << toString(archive.takeError());
    return {};
  }
};

TEST_F(Cli, CompileMakesTheFolderOfItsOutput) {
  succeed(nnc("compile $MODELS/zoo/mlp.pt2 -o new/folder/mlp"));
  EXPECT_EQ(listing(), "new");
  for (const char *file : {"new/folder/mlp.so", "new/folder/mlp.h", "new/folder/mlp.hpp"})
    EXPECT_TRUE(exists(file)) << file;
}

TEST_F(Cli, RunReadsInputsByNameAndPositionAndComparesOutputs) {
  succeed(nnc("compile $MODELS/zoo/lenet.pt2 -o lenet"));
  Npz inputs;
  inputs.add("0", digits(3));
  ASSERT_FALSE(bool(writeNpz(folder + "/in.npz", inputs)));
  ASSERT_FALSE(bool(cli::writeNpy(folder + "/x.npy", inputs.arrays[0].second)));
  succeed(nnc("run lenet.so --inputs in.npz --outputs out.npz --output @y.npy"));
  const Npz outputs = npz("out.npz");
  const Tensor *logits = outputs.find("0");
  ASSERT_TRUE(logits);
  EXPECT_EQ(describe(*logits), "float32 [3, 10]");
  // By name, compiled on the fly, without optimisation: the same within rounding.
  std::string text = succeed(nnc("run $MODELS/zoo/lenet.pt2 -O0 --input x=@x.npy --expected-output @y.npy"));
  EXPECT_NE(text.find("0: max error "), std::string::npos) << text;
  // Another model's expectation is not met.
  Tensor wrong = *logits;
  wrong.data<float>()[7] += 1;
  ASSERT_FALSE(bool(cli::writeNpy(folder + "/wrong.npy", wrong)));
  EXPECT_REFUSED(nnc("run lenet.so --input @x.npy --expected-output @wrong.npy"), "output '0' differs");
  // Without a file to write, a summary.
  text = succeed(nnc("run lenet.so --input @x.npy"));
  EXPECT_EQ(text.find("0: float32 [3, 10]  min "), 0u) << text;
}

TEST_F(Cli, GradHasAKeyForEachInputAndParameter) {
  Npz inputs;
  inputs.add("input", digits(2));
  Tensor cotangent(ElementType::F32, {2, 10});
  cotangent.data<float>()[3] = 1;
  inputs.add("cotangent:0", cotangent);
  ASSERT_FALSE(bool(writeNpz(folder + "/in.npz", inputs)));
  succeed(nnc("grad $MODELS/zoo/mlp.pt2 --inputs in.npz --outputs g.npz"));
  Npz results = npz("g.npz");
  EXPECT_EQ(results.keys(), "0, grad:1.weight, grad:1.bias, grad:3.weight, grad:3.bias, grad:0");
  // The last layer's bias has the cotangent itself, summed over the batch.
  const Tensor *bias = results.find("grad:3.bias");
  ASSERT_TRUE(bias);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(bias->at(i), i == 3);
}

TEST_F(Cli, TrainingRepeatsBitByBitWithAnyThreadsAndAfterAnInterruption) {
  succeed(nnc("compile $MODELS/zoo/lenet.pt2 --loss cross_entropy --optimizer adam:lr=1e-3 -o lenet"));
  const std::string train = "train lenet.so --data $MODELS/data/digits.npz --batch 96 --seed 3 ";
  succeed(nnc(train + "--epochs 2 --save whole.safetensors"));
  succeed(nnc(train + "--epochs 2 --save again.safetensors"));
  succeed(nnc(train + "--epochs 2 --threads 2 --save threads.safetensors"));
  succeed(nnc(train + "--epochs 1 --save half.safetensors"));
  succeed(nnc(train + "--load half.safetensors --first-epoch 2 --epochs 2 --save resumed.safetensors"));
  succeed(nnc("train lenet.so --data $MODELS/data/digits.npz --batch 96 --seed 4 --epochs 2 --save other.safetensors"));
  const std::string whole = read("whole.safetensors");
  EXPECT_GT(whole.size(), 3 * 4 * 61706u) << "parameters and two moments of Adam";
  EXPECT_TRUE(read("again.safetensors") == whole) << "the same run again differs";
  EXPECT_TRUE(read("threads.safetensors") == whole) << "two threads differ from one";
  EXPECT_TRUE(read("resumed.safetensors") == whole) << "a resumed run differs";
  EXPECT_FALSE(read("other.safetensors") == whole) << "another seed gives the same";
}

TEST_F(Cli, TrainReportsLossAndAccuracy) {
  const std::string train = "train $MODELS/zoo/mlp.pt2 --loss cross_entropy --optimizer sgd:lr=0.1,momentum=0.9 "
                            "--data $MODELS/data/digits.npz --epochs 3 ";
  std::string text = succeed(nnc(train + "--plot loss.svg"));
  EXPECT_NE(text.find("epoch   3  loss "), std::string::npos) << text;
  EXPECT_NE(text.find("test accuracy "), std::string::npos) << text;
  EXPECT_EQ(text.find('\r'), std::string::npos) << "a progress bar without a terminal";
  EXPECT_EQ(read("loss.svg").find("<svg "), 0u);
  llvm::Expected<llvm::json::Value> json = llvm::json::parse(succeed(nnc(train + "--validation 0.25 --json")));
  ASSERT_TRUE(bool(json)) << toString(json.takeError());
  const llvm::json::Object &object = *json->getAsObject();
  EXPECT_EQ(object.getInteger("steps"), 3 * 47); // 3,000 samples in batches of 64
  EXPECT_GT(object.getNumber("test_accuracy").value_or(0), 0.85);
  EXPECT_LT(object.getNumber("loss").value_or(9), 0.5);
}

TEST_F(Cli, BenchTimesForwardAndTrainingSteps) {
  for (const char *what : {"", "--train --loss cross_entropy --optimizer sgd:lr=0.01,momentum=0.9"}) {
    std::string text =
        succeed(nnc(std::string("bench $MODELS/zoo/mlp.pt2 --batch 8 --runs 5 --threads 2 --json ") + what));
    llvm::Expected<llvm::json::Value> json = llvm::json::parse(text);
    ASSERT_TRUE(bool(json)) << toString(json.takeError());
    const llvm::json::Object &object = *json->getAsObject();
    EXPECT_GT(object.getNumber("median_ms").value_or(0), 0);
    EXPECT_LE(object.getNumber("min_ms").value_or(1e9), object.getNumber("median_ms").value_or(0));
    EXPECT_EQ(object.getInteger("runs"), 5);
    EXPECT_EQ(object.getInteger("threads"), 2);
  }
}

TEST_F(Cli, MemoryBudgetIsKeptOrRefused) {
  const std::string compile = "compile $MODELS/zoo/lenet.pt2 --loss cross_entropy --cpu x86-64-v3 -o lenet --batch 64 --memory-budget ";
  EXPECT_REFUSED(nnc(compile + "2.5MB"), "the arena of train_step takes 3.031 MB, and 3.028 MB at least with values computed again; "
                                         "the budget is 2.5 MB: give more, or name a smaller batch by --batch");
  EXPECT_EQ(listing(), "");
  EXPECT_REFUSED(nnc(compile + "3"), "the budget is 0.003 kB");
  EXPECT_EQ(succeed(nnc(compile + "3.1MB")), "");
  EXPECT_TRUE(exists("lenet.so"));
}

TEST_F(Cli, InspectAndEmitPrint) {
  std::string text = succeed(nnc("inspect $MODELS/zoo/lenet.pt2"));
  EXPECT_NE(text.find("61,706 parameters"), std::string::npos) << text;
  EXPECT_NE(text.find("[N, 6, 28, 28]"), std::string::npos) << text;
  text = succeed(nnc("inspect $MODELS/zoo/lenet.pt2 --batch 2 --json"));
  llvm::Expected<llvm::json::Value> json = llvm::json::parse(text);
  ASSERT_TRUE(bool(json)) << toString(json.takeError());
  const llvm::json::Object &model = *json->getAsObject(), &conv1 = *(*model.getArray("layers"))[0].getAsObject();
  EXPECT_EQ(model.getInteger("parameters"), 61706);
  EXPECT_GT(model.getInteger("memory_bytes").value_or(0), 61706 * 4);
  EXPECT_EQ(conv1.getString("name"), "conv1");
  EXPECT_EQ(conv1.getInteger("parameters"), 6 * 25 + 6);
  EXPECT_EQ(conv1.getInteger("flops"), 2 * 2 * 28 * 28 * 6 * 25);
  EXPECT_EQ(conv1.getInteger("output_bytes"), 2 * 6 * 28 * 28 * 4);
  text = succeed(nnc("compile $MODELS/zoo/lenet.pt2 --emit graph"));
  EXPECT_NE(text.find("func.func @forward"), std::string::npos) << text;
  EXPECT_EQ(listing(), "");
}

} // namespace
