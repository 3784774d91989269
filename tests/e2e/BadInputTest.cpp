// Damaged models, usage and full disks: a clear message, exit status 1 (2 for usage),
// nothing half-written, no crash. What a new user gets wrong: MistakesTest.cpp.
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
