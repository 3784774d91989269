// Libraries for AArch64, made here and run under an emulator; and what nnc says where they cannot be used.
#include "tests/e2e/Command.h"
#include <cmath>
#include <sstream>

using namespace nnc;

namespace {

const std::string train = "compile $MODELS/zoo/lenet.pt2 --loss cross_entropy --optimizer sgd:lr=0.05,momentum=0.9 -o lenet ";
const std::string aarch64 = "--target aarch64-linux-gnu ";

class Cross : public CommandTest {
protected:
  /// Builds steps.c against lenet.so and runs it.
  CommandResult steps(const std::string &compiler, const std::string &runner) {
    return shell(compiler + " -std=c99 -O1 -Wall -Wextra -Werror -I. $TESTS/e2e/steps.c lenet.so -Wl,-rpath,$DIR -o program && " +
                 runner + " ./program 2");
  }
};

std::vector<double> numbers(const std::string &text) {
  std::istringstream stream(text);
  std::vector<double> values;
  for (double value; stream >> value;)
    values.push_back(value);
  return values;
}

// Products and sums round differently in vectors of another length; training multiplies that.
TEST_F(Cross, InfersAndTrainsAsThisMachineDoes) {
  ASSERT_EQ(nnc(train).status, 0);
  const CommandResult here = steps("gcc", "");
  ASSERT_EQ(here.status, 0) << here.err;
  ASSERT_EQ(nnc(train + aarch64).status, 0);
  const CommandResult there = steps(NNC_AARCH64_CC, NNC_AARCH64_RUNNER);
  ASSERT_EQ(there.status, 0) << there.err;
  const std::vector<double> expected = numbers(here.out), found = numbers(there.out);
  ASSERT_EQ(expected.size(), 80u + 10 + 80);
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], i < 80 ? 1e-6 : 2e-5) << "number " << i;
  EXPECT_LT(found[89], found[80]) << "the loss falls";
  EXPECT_EQ(shell(NNC_AARCH64_RUNNER " ./program 1").out, there.out) << "threads change results";
}

// What depends on parameters alone is computed here, in the layout of there.
TEST_F(Cross, AFrozenLibraryComputesTheSame) {
  ASSERT_EQ(nnc("compile $MODELS/zoo/lenet.pt2 --frozen -o lenet").status, 0);
  const std::vector<double> expected = numbers(steps("gcc -DFROZEN", "").out);
  ASSERT_EQ(nnc("compile $MODELS/zoo/lenet.pt2 --frozen -o lenet " + aarch64).status, 0);
  const std::vector<double> found = numbers(steps(NNC_AARCH64_CC " -DFROZEN", NNC_AARCH64_RUNNER).out);
  ASSERT_EQ(expected.size(), 80u);
  ASSERT_EQ(found.size(), 80u);
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], 1e-6) << "number " << i;
}

TEST_F(Cross, TheLibraryNeedsLibcAndLibmAndExportsItsOwnNames) {
  ASSERT_EQ(nnc(train + aarch64).status, 0);
  EXPECT_NE(shell("readelf -h lenet.so").out.find("AArch64"), std::string::npos);
  EXPECT_EQ(shell("readelf -d lenet.so | grep NEEDED | grep -v -e libc.so.6 -e libm.so.6").out, "");
  EXPECT_EQ(shell("readelf -W --dyn-syms lenet.so | awk \"\\$7 != \\\"UND\\\" && \\$8 !~ /^lenet_/ && NR > 3 {print \\$8}\"").out, "");
  EXPECT_EQ(shell("readelf -W --dyn-syms lenet.so | awk \"\\$7 == \\\"UND\\\" && \\$8 !~ /@GLIBC_2/ && \\$1 != \\\"0:\\\" {print \\$8}\"").out, "");
}

TEST_F(Cross, AProcessorWithoutTheInstructionsIsTold) {
  ASSERT_EQ(nnc(train + aarch64 + "--cpu neoverse-v1").status, 0);
  const std::string emulator = NNC_AARCH64_RUNNER;
  const CommandResult old = steps(NNC_AARCH64_CC, emulator + " -cpu cortex-a57");
  EXPECT_EQ(old.status, 1);
  EXPECT_EQ(old.err, "this processor or its operating system does not support lse, which lenet was compiled for "
                     "(neoverse-v1): compile with --cpu=generic\n");
  EXPECT_EQ(shell(emulator + " -cpu max ./program").status, 0);
}

TEST_F(Cross, IsRefusedWhereItMakesNoSense) {
  EXPECT_REFUSED(nnc(train + "--target riscv64-linux-gnu"),
                 "unknown target 'riscv64-linux-gnu': give x86_64-linux-gnu or aarch64-linux-gnu");
  EXPECT_REFUSED(nnc(train + "--target aarch64-linux-musl"), "unknown target 'aarch64-linux-musl': give");
  EXPECT_REFUSED(nnc(train + aarch64 + "--cpu x86-64-v3"), "unknown CPU 'x86-64-v3' of aarch64-linux-gnu: give an LLVM name "
                                                           "such as generic, cortex-a72, neoverse-n1 or apple-m1");
  EXPECT_REFUSED(nnc(train + aarch64 + "--cpu native"),
                 "--cpu native is this machine's processor, not one of aarch64-linux-gnu: leave it out, or give a processor of "
                 "the target");
  EXPECT_REFUSED(nnc(train + aarch64 + "--check"), "--check runs the model on this machine: leave out --target");
  EXPECT_EQ(listing(), "");
  ASSERT_EQ(nnc(train + aarch64).status, 0);
  for (const char *verb : {"run", "grad", "inspect", "bench", "train --data $MODELS/data/digits.npz"})
    EXPECT_REFUSED(nnc(std::string(verb) + " lenet.so"),
                   "lenet.so: compiled for aarch64-linux-gnu, it cannot be loaded here: compile the model without --target");
  EXPECT_EQ(nnc("run lenet.so " + aarch64).status, 2) << "only compile has --target";
}

} // namespace
