// What writeLibrary refuses, and what it leaves behind: nothing.
#include "codegen/library/CFunctions.h"
#include "codegen/library/CpuFeatures.h"
#include "codegen/library/Header.h"
#include "codegen/library/Library.h"
#include "codegen/library/Signature.h"
#include "tests/e2e/runtime/scale_interface.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <csignal>
#include <gtest/gtest.h>
#include <sys/resource.h>

using namespace nnc;

namespace {

/// A folder for the files of one test.
class LibraryTest : public testing::Test {
protected:
  LibraryTest() {
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("nnc-library-test", folder));
  }
  ~LibraryTest() override { llvm::sys::fs::remove_directories(folder); }

  std::string prefix() const { return (folder + "/scale").str(); }

  /// The message of writeLibrary; empty when it wrote.
  std::string write(const ModelInterface &model, std::string data = scaleInitialData()) {
    auto buffer = llvm::MemoryBuffer::getFile(NNC_SCALE_KERNELS);
    EXPECT_TRUE(buffer);
    llvm::SmallVector<char, 0> object((*buffer)->getBufferStart(), (*buffer)->getBufferEnd());
    return llvm::toString(writeLibrary(model, {object}, InitialData(data), prefix()));
  }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    std::error_code code;
    for (llvm::sys::fs::directory_iterator it(folder, code), end; it != end && !code;
         it.increment(code))
      names.push_back(llvm::sys::path::filename(it->path()).str());
    llvm::sort(names);
    return names;
  }

  /// Expects an error that contains `text`, and an empty folder.
  void refuses(const ModelInterface &model, const char *text) {
    const std::string message = write(model);
    EXPECT_NE(message.find(text), std::string::npos) << message;
    EXPECT_TRUE(files().empty());
  }

  ModelInterface model = scaleInterface("scale");
  llvm::SmallString<128> folder;
};

TEST_F(LibraryTest, WritesThreeFilesAndKnowsItsPrefix) {
  EXPECT_EQ(write(model), "");
  EXPECT_EQ(files(), (std::vector<std::string>{"scale.h", "scale.hpp", "scale.so"}));
  auto name = libraryPrefix(prefix() + ".so");
  ASSERT_TRUE(bool(name)) << llvm::toString(name.takeError());
  EXPECT_EQ(*name, "scale");
  EXPECT_NE(llvm::toString(libraryPrefix(NNC_SCALE_KERNELS).takeError()).find("not a library"),
            std::string::npos);
}

TEST_F(LibraryTest, RefusesInterfacesThatAreNotValid) {
  model.name = "3d";
  refuses(model, "'3d' cannot be the prefix of C functions");
  model = scaleInterface("scale");
  model.entries[0].symbol = "scale_forward";
  refuses(model, "'scale_forward' has the name of a library function");
  model = scaleInterface("scale");
  model.entries[0].name = "save";
  refuses(model, "the entry 'save' occurs twice or is a library function");
  model = scaleInterface("scale");
  model.entries[5].shapeSymbol.clear();
  refuses(model, "ramp, tensor 'int': a computed dimension needs a shape function");
  model = scaleInterface("scale");
  model.entries[0].inputs[0].dims[0].value = 1;
  refuses(model, "forward, tensor 'x': a dimension names a symbol that does not exist");
  model = scaleInterface("scale");
  model.entries[0].inputs[0].dims.resize(9);
  refuses(model, "9 axes, at most 8");
  model = scaleInterface("scale");
  model.state[6].offset += 4;
  refuses(model, "'momentum/fc.weight' does not lie, 64-byte aligned, within the state");
  model = scaleInterface("scale");
  model.state[0].initialOffset = 120;
  refuses(model, "'fc.weight' has its initial value outside of the initial data");
  model = scaleInterface("scale");
  model.state[0].aliases = {"prepares"};
  refuses(model, "two variables have the name 'prepares'");
  model = scaleInterface("scale");
  model.state[3].type = ElementType::F32;
  refuses(model, "'seed' must be a scalar");
  model = scaleInterface("scale");
  model.symbols[0].minimum = 129;
  refuses(model, "the symbol 'N' has no valid range");
}

TEST_F(LibraryTest, NamesWhatTheLinkLacks) {
  model.entries[0].symbol = "kernel_backward";
  refuses(model, "undefined hidden symbol: kernel_backward");
}

TEST_F(LibraryTest, RefusesFeaturesThatItCannotCheck) {
  model.cpuFeatures = {"avx9000"};
  refuses(model, "the CPU feature 'avx9000' cannot be checked");
}

TEST_F(LibraryTest, LeavesNothingOnAFullDisk) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  // 4096 is too little for the runtime, 35000 for the library.
  for (rlim_t bytes : {4096, 35000}) {
    rlimit little = {bytes, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &little), 0);
    const std::string message = write(model);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_NE(message.find("File too large"), std::string::npos) << message;
    EXPECT_TRUE(files().empty());
  }
}

TEST_F(LibraryTest, LeavesNothingWhenAnOutputIsADirectory) {
  ASSERT_FALSE(llvm::sys::fs::create_directory(prefix() + ".hpp"));
  EXPECT_NE(write(model).find("scale.hpp': it is a directory"), std::string::npos);
  EXPECT_EQ(files(), std::vector<std::string>{"scale.hpp"});
}

TEST(Signature, IsJsonThatStatesTheBoundary) {
  const ModelInterface model = scaleInterface("scale");
  auto value = llvm::json::parse(signatureJson(model));
  ASSERT_TRUE(bool(value));
  const llvm::json::Object &root = *value->getAsObject();
  EXPECT_EQ(root.getString("name"), "scale");
  const llvm::json::Array &entries = *root.getArray("entries");
  EXPECT_EQ(entries.size(), 7u); // all but prepare
  const llvm::json::Object &train = *entries[1].getAsObject();
  const llvm::json::Object &target = *(*train.getArray("inputs"))[1].getAsObject();
  EXPECT_EQ(target.getString("dtype"), "int64");
  EXPECT_EQ(target.getObject("range")->getInteger("exception"), -100);
  const llvm::json::Object &ramp = *entries[4].getAsObject();
  EXPECT_EQ((*(*ramp.getArray("outputs"))[0].getAsObject()->getArray("dims"))[0].kind(),
            llvm::json::Value::Null);
  EXPECT_EQ(root.getArray("parameters")->size(), 1u);
  EXPECT_EQ(root.getArray("buffers")->size(), 2u);
}

TEST(Signature, HashIsOfTheInterfaceAlone) {
  ModelInterface model = scaleInterface("scale"), changed = model;
  changed.cpu = "znver4";
  changed.state[0].initialOffset = -1;
  EXPECT_EQ(interfaceHash(signatureJson(model)), interfaceHash(signatureJson(changed)));
  changed.entries[0].inputs[0].dims[1].value = 4;
  EXPECT_NE(interfaceHash(signatureJson(model)), interfaceHash(signatureJson(changed)));
}

TEST(CFunctions, NamesAreDistinctIdentifiers) {
  ModelInterface model = scaleInterface("scale");
  BoundaryTensor tensor = model.entries[0].inputs[0];
  model.entries[0].inputs.clear();
  for (const char *name : {"x", "X", "n", "model", "double", "3", "", "a.b", "a-b"}) {
    tensor.name = name;
    model.entries[0].inputs.push_back(tensor);
  }
  EXPECT_EQ(entryFunctions(model)[0].inputNames,
            (std::vector<std::string>{"x", "X_2", "n_2", "model_", "double_", "t3", "t", "a_b",
                                      "a_b_2"}));
}

TEST(Header, TextOfTheModelCannotEndAComment) {
  ModelInterface model = scaleInterface("scale");
  model.state[0].name = "a*/b@$%HASH%";
  const std::string text = cHeader(model, "scale", 1);
  EXPECT_NE(text.find("a* /b@$%HASH% = tied.weight"), std::string::npos);
}

} // namespace
