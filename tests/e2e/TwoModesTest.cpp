// One model exported in train() and in eval(), compiled into one library.
#include "tests/e2e/Command.h"
#include "tools/nnc/Npz.h"

using namespace nnc;
using nnc::cli::Npz;
using nnc::cli::Tensor;

namespace {

class TwoModes : public CommandTest {
protected:
  CommandResult compile(const std::string &arguments) const {
    const std::string folder = NNC_SOURCE_DIR "/tests/unit/pt2/";
    std::string text = "compile " + arguments + " --loss cross_entropy --optimizer sgd:lr=0.1 -o net";
    for (size_t at; (at = text.find('@')) != std::string::npos;)
      text.replace(at, 1, folder);
    return nnc(text);
  }
  std::vector<double> outputs(const std::string &library) const {
    EXPECT_EQ(nnc("run " + library + " --inputs x.npz --outputs y.npz").status, 0);
    llvm::Expected<Npz> y = cli::readNpz(folder + "/y.npz");
    EXPECT_TRUE(bool(y));
    std::vector<double> values;
    for (int64_t i = 0; i < y->arrays.front().second.size(); ++i)
      values.push_back(y->arrays.front().second.at(i));
    return values;
  }
};

TEST_F(TwoModes, ForwardIsThatOfTheEvalExport) {
  Npz x;
  x.add("0", Tensor(ElementType::F32, {4, 6}));
  ASSERT_FALSE(bool(writeNpz(folder + "/x.npz", x)));
  ASSERT_EQ(compile("--train @modes_train.pt2 --eval @modes_eval.pt2").status, 0);
  std::vector<double> both = outputs("net.so");
  ASSERT_EQ(compile("@modes_train.pt2").status, 0); // has the head of training in forward, too
  std::vector<double> derived = outputs("net.so");
  ASSERT_EQ(nnc("compile " NNC_SOURCE_DIR "/tests/unit/pt2/modes_eval.pt2 -o net").status, 0);
  EXPECT_EQ(both, outputs("net.so"));
  EXPECT_NE(both, derived);
}

TEST_F(TwoModes, FilesThatDoNotGoTogether) {
  EXPECT_REFUSED(compile("@modes_eval.pt2"), "exported in eval(), so that training would leave dropout off");
  EXPECT_REFUSED(compile("--train @modes_train.pt2 --eval @modes_train.pt2"), "given as --eval, but exported in train()");
  EXPECT_REFUSED(compile("--train @modes_train.pt2 --eval @modes_other.pt2"), "fc.weight has other values");
  EXPECT_REFUSED(compile("--eval @modes_eval.pt2"), "--train FILE --eval FILE");
  EXPECT_REFUSED(compile("@modes_train.pt2 --train @modes_train.pt2"), "--train FILE --eval FILE");
  EXPECT_REFUSED(compile("--train none.pt2"), "none.pt2: no such file");
  EXPECT_EQ(listing(), "");
  // As it is, if that is what is asked for.
  EXPECT_EQ(compile("--train @modes_eval.pt2").status, 0);
}

} // namespace
