// Runs golden cases of PyTorch through the compiler: `nnc_conformance GROUP.zip...`.
// A test is one case, exported statically or dynamically, at -O0 or -O2; it checks
// what `nnc run` and `nnc grad` compute. With --table FILE it also writes the
// table of supported operations from the cases that passed. With --target TRIPLE RUNNER
// they are compiled for another machine, at -O2 and one export each, and called by RUNNER (Emulated.h).
#include "compiler/Compiler.h"
#include "compiler/Report.h"
#include "tests/conformance/Emulated.h"
#include "tests/conformance/Goldens.h"
#include "tools/nnc/Library.h"
#include "tools/nnc/NamedTensors.h"
#include "tools/nnc/Npy.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>
#include <set>

using namespace llvm;
using namespace nnc;

namespace {

/// Another machine than this one; empty: this one.
struct Emulation {
  std::string target, runner;
} emulation;

class ConformanceTest : public testing::Test {
public:
  ConformanceTest(const GoldenCase &golden, std::string variant, int optimization)
      : golden(golden), variant(std::move(variant)), optimization(optimization) {}

  void SetUp() override { ASSERT_FALSE(sys::fs::createUniqueDirectory("nnc-conformance", folder)); }
  void TearDown() override { sys::fs::remove_directories(folder); }

  void TestBody() override {
    ASSERT_NO_FATAL_FAILURE(compile());
    for (const GoldenRun &run : golden.runs) {
      SCOPED_TRACE("batch " + std::to_string(run.batch));
      // `run` of a training export evaluates what it can; the golden values are of training.
      if (!golden.isTraining)
        check("forward", run);
      check("grad", run);
      if (variant == "static")
        break;
    }
  }

private:
  std::string prefix() const { return (folder + "/model").str(); }

  void compile() {
    const std::vector<std::byte> &model = golden.models.at(variant);
    CompileOptions options;
    options.model = prefix() + ".pt2";
    options.gradient = true;
    options.optimization = optimization;
    options.target = emulation.target;
    Error error = cli::writeFile(options.model, {reinterpret_cast<const char *>(model.data()), model.size()});
    if (!error)
      error = compileLibrary(options, prefix(), &report);
    ASSERT_FALSE(bool(error)) << toString(std::move(error));
    if (!emulation.target.empty())
      return;
    Expected<std::unique_ptr<cli::Library>> opened = cli::Library::open(prefix() + ".so");
    ASSERT_TRUE(bool(opened)) << toString(opened.takeError());
    library = std::move(*opened);
  }

  Expected<const Entry *> entryOf(StringRef name) const {
    if (library)
      return library->entry(name);
    for (const Entry &entry : report.interface.entries)
      if (entry.name == name)
        return &entry;
    return createStringError("no entry " + name);
  }

  Expected<std::vector<cli::Tensor>> call(const Entry &entry, ArrayRef<cli::Tensor> inputs) const {
    if (!library)
      return callEmulated(emulation.runner, prefix(), entry, inputs);
    Expected<std::unique_ptr<cli::Instance>> instance = library->create({});
    if (!instance)
      return instance.takeError();
    return (*instance)->call(entry, inputs);
  }

  void check(const char *name, const GoldenRun &run) {
    Expected<const Entry *> entry = entryOf(name);
    ASSERT_TRUE(bool(entry)) << toString(entry.takeError());
    Expected<std::vector<cli::Tensor>> inputs = cli::arrangeInputs(**entry, run.inputs);
    ASSERT_TRUE(bool(inputs)) << toString(inputs.takeError());
    Expected<std::vector<cli::Tensor>> outputs = call(**entry, *inputs);
    ASSERT_TRUE(bool(outputs)) << toString(outputs.takeError());
    const cli::Npz results = cli::nameOutputs(**entry, std::move(*outputs));

    const bool all = StringRef(name) == "grad";
    for (const auto &[key, expected] : run.results.arrays)
      if (all || !StringRef(key).contains(':')) {
        std::string wrong = judge(golden, run, key, results.find(key));
        EXPECT_TRUE(wrong.empty()) << name << ", " << key << ": " << wrong;
      }
    for (const auto &[key, result] : results.arrays)
      EXPECT_TRUE(run.results.find(key)) << name << " returns " << key << ", which PyTorch does not";
  }

  const GoldenCase &golden;
  std::string variant;
  int optimization;
  SmallString<128> folder;
  ModelReport report;
  std::unique_ptr<cli::Library> library; ///< null: it is for another machine
};

std::string testName(const GoldenCase &golden, const std::string &variant, int optimization) {
  return golden.name + "_" + variant + "_O" + std::to_string(optimization);
}

void registerTest(const GoldenCase &golden, const std::string &variant, int optimization) {
  testing::RegisterTest(golden.group.c_str(), testName(golden, variant, optimization).c_str(), nullptr, nullptr, __FILE__,
                        __LINE__, [&golden, variant, optimization]() -> testing::Test * {
                          return new ConformanceTest(golden, variant, optimization);
                        });
}

/// For each ATen operation the cases that contain it; supported where all of them passed.
Error writeTable(StringRef path, const std::vector<GoldenCase> &cases) {
  std::set<std::string> passed; // a test that a filter left out did not pass
  const testing::UnitTest &unit = *testing::UnitTest::GetInstance();
  for (int i = 0; i < unit.total_test_suite_count(); ++i)
    for (int j = 0; j < unit.GetTestSuite(i)->total_test_count(); ++j)
      if (const testing::TestInfo *info = unit.GetTestSuite(i)->GetTestInfo(j);
          info->should_run() && info->result()->Passed())
        passed.insert(std::string(info->test_suite_name()) + "." + info->name());
  struct Row {
    std::vector<std::string> passed, failed;
  };
  std::map<std::string, Row> rows;
  for (const GoldenCase &golden : cases) {
    bool ok = true;
    for (const auto &model : golden.models)
      for (int optimization : {0, 2})
        ok &= passed.count(golden.group + "." + testName(golden, model.first, optimization)) > 0;
    for (const std::string &op : golden.ops)
      (ok ? rows[op].passed : rows[op].failed).push_back(golden.name);
  }
  std::string text;
  raw_string_ostream out(text);
  out << "# Supported operations\n\n"
         "Made from the conformance tests by `nnc_conformance --table docs/support.md tests/conformance/*.zip`. A case "
         "passes when its outputs and all its gradients agree with PyTorch's float64 result, at -O0 and -O2, exported "
         "with fixed sizes or with a dynamic batch.\n\n"
         "| ATen operation | cases passed | an example | cases failed |\n|---|---|---|---|\n";
  for (const auto &[op, row] : rows) {
    out << "| `" << op << "` | " << row.passed.size() << " | " << (row.passed.empty() ? "" : row.passed.front())
        << " | ";
    for (const std::string &name : row.failed)
      out << name << " ";
    out << "|\n";
  }
  return cli::writeFile(path, text);
}

} // namespace

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  std::string table;
  std::vector<GoldenCase> cases;
  for (int i = 1; i < argc; ++i) {
    if (StringRef(argv[i]) == "--table" && i + 1 < argc) {
      table = argv[++i];
      continue;
    }
    if (StringRef(argv[i]) == "--target" && i + 2 < argc) {
      emulation = {argv[i + 1], argv[i + 2]};
      i += 2;
      continue;
    }
    Expected<std::vector<GoldenCase>> group = readGoldens(argv[i]);
    if (!group) {
      errs() << toString(group.takeError()) << "\n";
      return 2;
    }
    std::move(group->begin(), group->end(), std::back_inserter(cases));
  }
  if (cases.empty()) {
    errs() << "usage: nnc_conformance [--table FILE] [--target TRIPLE RUNNER] GROUP.zip...\n";
    return 2;
  }
  for (const GoldenCase &golden : cases) {
    if (!emulation.target.empty()) {
      registerTest(golden, golden.models.begin()->first, 2); // dynamic, where there is such an export
      continue;
    }
    for (const auto &model : golden.models)
      for (int optimization : {0, 2})
        registerTest(golden, model.first, optimization);
  }
  const int status = RUN_ALL_TESTS();
  if (!table.empty())
    if (Error error = writeTable(table, cases)) {
      errs() << toString(std::move(error)) << "\n";
      return 1;
    }
  return status;
}
