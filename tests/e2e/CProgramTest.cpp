// C programs, compiled with gcc against a generated header, and the library as
// the system's tools see it.
#include "tests/e2e/Command.h"
#include <fstream>
#include <sstream>

using namespace nnc;

namespace {

class CProgram : public CommandTest {
protected:
  void compile(const std::string &model) {
    const CommandResult result =
        nnc("compile $MODELS/zoo/" + model + ".pt2 --loss cross_entropy --optimizer adam:lr=1e-3 -o " + model);
    ASSERT_EQ(result.status, 0) << result.err;
  }
  /// Builds and runs; returns what the program printed.
  std::string build(const std::string &source, const std::string &libraries, const std::string &arguments,
                    int expectedStatus = 0) {
    CommandResult result = shell("gcc -std=c99 -O1 -Wall -Wextra -Werror -I. " + source + " " + libraries +
                                 " -Wl,-rpath,\"\\$ORIGIN\" -o program && ./program " + arguments);
    EXPECT_EQ(result.status, expectedStatus) << result.err;
    return result.out;
  }
};

std::string contents(const std::string &path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST_F(CProgram, TheReadmesProgramTrains) {
  compile("lenet");
  const std::string readme = contents(NNC_SOURCE_DIR "/README.md");
  const std::string fence = "```c\n";
  const size_t start = readme.find(fence) + fence.size();
  write("train.c", readme.substr(start, readme.find("```", start) - start));
  const std::string out = build("train.c", "lenet.so", "");
  EXPECT_EQ(out.find("loss 0.0"), 0u) << out << "after 100 steps on a blank image all of whose classes are 0";
  EXPECT_TRUE(exists("lenet.safetensors"));
}

TEST_F(CProgram, TheDemosProgramClassifiesAndTrainsOn) {
  compile("lenet");
  const CommandResult trained = nnc("train lenet.so --data $MODELS/data/digits.npz --epochs 2 --save l.safetensors");
  ASSERT_EQ(trained.status, 0) << trained.err;
  ASSERT_EQ(shell("python3 -m zipfile -e $MODELS/data/digits.npz npy").status, 0);
  // It ends with 1, as two epochs do not reach 96.5 %.
  const std::string out = build(NNC_SOURCE_DIR "/tools/demo/digits.c", "lenet.so", "l.safetensors npy", 1);
  int right = 0;
  float loss = 9;
  EXPECT_EQ(std::sscanf(out.c_str(),
                        "C: %d of 1000 test digits are right\nC: after another epoch the loss of the last batch is %f",
                        &right, &loss),
            2)
      << out;
  EXPECT_GT(right, 800);
  EXPECT_LT(loss, 1);
  // The command line and the C program see the same network.
  char accuracy[64];
  std::snprintf(accuracy, sizeof accuracy, "test accuracy %.2f %%", right / 10.0);
  EXPECT_NE(trained.out.find(accuracy), std::string::npos) << accuracy << "\n" << trained.out;
}

TEST_F(CProgram, TwoModelsShareAProcessAndNeverAllocate) {
  compile("lenet");
  compile("mlp");
  EXPECT_EQ(build(NNC_SOURCE_DIR "/tests/e2e/two_models.c", "lenet.so mlp.so", ""), "allocations 0\n");
}

TEST_F(CProgram, InstancesShareParametersUntilOneSetsItsOwn) {
  const CommandResult result = nnc("compile $MODELS/zoo/mlp.pt2 -o mlp");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(build(NNC_SOURCE_DIR "/tests/e2e/shared_parameters.c", "mlp.so", ""), "ok\n");
  EXPECT_TRUE(read("shared.safetensors") == read("own.safetensors"));
}

TEST_F(CProgram, TheLibraryNeedsLibcAndLibmAndExportsItsOwnNames) {
  compile("lenet");
  std::istringstream needed(shell("readelf -d lenet.so | sed -n \"s/.*NEEDED.*\\[\\(.*\\)\\]/\\1/p\"").out);
  for (std::string name; std::getline(needed, name);)
    EXPECT_TRUE(name == "libc.so.6" || name == "libm.so.6") << name;
  std::istringstream exported(shell("nm -D --defined-only lenet.so | sed \"s/.* //\"").out);
  int count = 0;
  for (std::string name; std::getline(exported, name); ++count)
    EXPECT_EQ(name.find("lenet_"), 0u) << name;
  EXPECT_GT(count, 15);
  std::istringstream imported(shell("nm -D --undefined-only lenet.so | sed \"s/.* //\"").out);
  count = 0;
  for (std::string name; std::getline(imported, name); ++count)
    EXPECT_NE(name.find("@GLIBC_"), std::string::npos) << name << " has no version";
  EXPECT_GT(count, 3);
  EXPECT_EQ(shell("readelf -d lenet.so | grep TEXTREL").out, "");
}

TEST_F(CProgram, TheTrainingLibraryIsSmall) {
  compile("lenet");
  constexpr size_t parameters = 61706;
  EXPECT_LE(read("lenet.so").size(), parameters * sizeof(float) + 200 * 1000);
}

} // namespace
