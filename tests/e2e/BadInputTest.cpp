// What the command line says to input it cannot use: a clear message, exit
// status 1 (2 for usage), nothing half-written, no crash.
#include "tests/e2e/Command.h"
#include "tools/nnc/Npz.h"

using namespace nnc;
using nnc::cli::Tensor;

namespace {

class BadInput : public CommandTest {
protected:
  /// An .npz with one array of zeros.
  void writeZeros(const std::string &name, const std::string &key, ElementType type, std::vector<int64_t> dims) {
    cli::Npz npz;
    npz.add(key, Tensor(type, std::move(dims)));
    ASSERT_FALSE(bool(writeNpz(folder + "/" + name, npz)));
  }
  std::string mlp() const { return readAll(NNC_SOURCE_DIR "/models/zoo/mlp.pt2"); }
  std::string readAll(const std::string &path) const {
    shell("cp " + path + " copy");
    std::string bytes = read("copy");
    shell("rm copy");
    return bytes;
  }
};

TEST_F(BadInput, UsageHasStatus2) {
  EXPECT_EQ(nnc("").status, 2);
  EXPECT_EQ(nnc("fly").status, 2);
  EXPECT_EQ(nnc("run").status, 2);
  EXPECT_EQ(nnc("run $MODELS/zoo/mlp.pt2 -O7").status, 2);
  EXPECT_EQ(nnc("train $MODELS/zoo/mlp.pt2").status, 2);
  EXPECT_EQ(nnc("--help").status, 0);
}

TEST_F(BadInput, MissingFiles) {
  EXPECT_REFUSED(nnc("compile none.pt2 -o x"), "none.pt2: no such file");
  EXPECT_REFUSED(nnc("run $MODELS/zoo/mlp.pt2 --inputs none.npz"), "none.npz: cannot read");
  EXPECT_REFUSED(nnc("run $MODELS/zoo/mlp.pt2 --input input=@none.npy"), "none.npy: cannot read");
  EXPECT_EQ(listing(), "");
}

TEST_F(BadInput, DamagedModels) {
  const std::string good = mlp();
  for (size_t length : {size_t(0), size_t(1), size_t(100), good.size() / 2, good.size() - 1}) {
    write("cut.pt2", good.substr(0, length));
    EXPECT_REFUSED(nnc("compile cut.pt2 -o cut"), "cut.pt2");
  }
  write("text.pt2", "this is not a zip file\n");
  EXPECT_REFUSED(nnc("compile text.pt2 -o cut"), "text.pt2");
  write("lib.so", "this is not a library\n");
  EXPECT_REFUSED(nnc("run lib.so"), "lib.so");
  EXPECT_EQ(listing(), "cut.pt2 lib.so text.pt2");
}

TEST_F(BadInput, ShapesAndTypesThatDoNotFit) {
  writeZeros("u8.npz", "0", ElementType::U8, {2, 1, 28, 28});
  EXPECT_REFUSED(nnc("run $MODELS/zoo/mlp.pt2 --inputs u8.npz"), "input 'input' has the dtype uint8, must be float32");
  writeZeros("rank.npz", "0", ElementType::F32, {2, 784});
  EXPECT_REFUSED(nnc("run $MODELS/zoo/mlp.pt2 --inputs rank.npz"), "input 'input' has 2 axes, must have 4");
  writeZeros("size.npz", "0", ElementType::F32, {2, 1, 28, 27});
  EXPECT_REFUSED(nnc("run $MODELS/zoo/mlp.pt2 --inputs size.npz"), "axis 3 of input 'input' has the size 27, must be 28");
  writeZeros("batch.npz", "0", ElementType::F32, {1025, 1, 28, 28});
  EXPECT_REFUSED(nnc("run $MODELS/zoo/mlp.pt2 --inputs batch.npz"), "1025; allowed are 1 to 1024");
  writeZeros("key.npz", "image", ElementType::F32, {2, 1, 28, 28});
  EXPECT_REFUSED(nnc("run $MODELS/zoo/mlp.pt2 --inputs key.npz"), "there is no input 'image'; forward takes input");
  EXPECT_REFUSED(nnc("run $MODELS/zoo/mlp.pt2"), "input 'input' (position 0) is missing");
  EXPECT_REFUSED(nnc("grad $MODELS/zoo/mlp.pt2 --input @x.npy"), "x.npy: cannot read");
}

TEST_F(BadInput, TrainingData) {
  const std::string train = "train $MODELS/zoo/mlp.pt2 --loss cross_entropy --optimizer sgd:lr=0.1 --data d.npz";
  cli::Npz npz;
  npz.add("x", Tensor(ElementType::F32, {4, 1, 28, 28}));
  ASSERT_FALSE(bool(writeNpz(folder + "/d.npz", npz)));
  EXPECT_REFUSED(nnc(train), "d.npz: no array for input 'target': looked for target, y, target; the file has x");
  Tensor classes(ElementType::I64, {4});
  classes.data<int64_t>()[3] = 10;
  npz.add("y", classes);
  ASSERT_FALSE(bool(writeNpz(folder + "/d.npz", npz)));
  EXPECT_REFUSED(nnc(train), "'target' has the value 10 at position");
  npz.arrays[1].second = Tensor(ElementType::I64, {3});
  ASSERT_FALSE(bool(writeNpz(folder + "/d.npz", npz)));
  EXPECT_REFUSED(nnc(train), "d.npz: y has 3 samples, the input before it 4");
  npz.arrays[1].second = Tensor(ElementType::F32, {4});
  ASSERT_FALSE(bool(writeNpz(folder + "/d.npz", npz)));
  EXPECT_REFUSED(nnc(train), "d.npz: y is float32, but input 'target' takes int64");
  EXPECT_REFUSED(nnc("bench $MODELS/zoo/mlp.pt2 --batch 2000"), "--batch 2000: N may range from 1 to 1024");
  EXPECT_REFUSED(nnc("train $MODELS/zoo/mlp.pt2 --optimizer sgd --data d.npz"), "add --loss");
  EXPECT_REFUSED(nnc("train $MODELS/zoo/mlp.pt2 --loss cross_entropy --data d.npz"), "add --optimizer");
  EXPECT_REFUSED(nnc("train $MODELS/zoo/mlp.pt2 --loss nonsense --optimizer sgd --data d.npz"), "nonsense");
  EXPECT_REFUSED(nnc("train $MODELS/zoo/mlp.pt2 --loss cross_entropy --optimizer nonsense --data d.npz"), "nonsense");
  EXPECT_REFUSED(nnc("train $MODELS/zoo/mlp.pt2 --loss cross_entropy --optimizer sgd:speed=1 --data d.npz"), "speed");
}

TEST_F(BadInput, ALibraryWithoutTheEntry) {
  ASSERT_EQ(nnc("compile $MODELS/zoo/mlp.pt2 -o mlp").status, 0);
  writeZeros("x.npz", "0", ElementType::F32, {2, 1, 28, 28});
  EXPECT_REFUSED(nnc("grad mlp.so --inputs x.npz"), "has no entry grad: compile it with --gradient");
  EXPECT_REFUSED(nnc("train mlp.so --data x.npz"), "has no entry train_step: compile it with --loss and --optimizer");
  EXPECT_REFUSED(nnc("bench mlp.so --train --loss cross_entropy"), "is compiled already");
}

TEST_F(BadInput, NothingIsHalfWritten) {
  EXPECT_REFUSED(nnc("compile $MODELS/zoo/mlp.pt2 -o /proc/none/mlp"), "/proc/none");
  // A limit on the size of files stands for a full disk.
  EXPECT_EQ(shell("trap \"\" XFSZ; ulimit -f 16; $NNC compile $MODELS/zoo/mlp.pt2 -o mlp").status, 1);
  EXPECT_EQ(listing(), "");
  writeZeros("x.npz", "0", ElementType::F32, {1000, 1, 28, 28});
  ASSERT_EQ(nnc("compile $MODELS/zoo/mlp.pt2 -o mlp").status, 0);
  EXPECT_REFUSED(shell("trap \"\" XFSZ; ulimit -f 8; $NNC run mlp.so --inputs x.npz --outputs y.npz"), "y.npz: cannot write");
  EXPECT_REFUSED(shell("trap \"\" XFSZ; ulimit -f 8; $NNC run mlp.so --inputs x.npz --output @y.npy"), "y.npy: cannot write");
  EXPECT_EQ(listing(), "mlp.h mlp.hpp mlp.so x.npz");
}

} // namespace
