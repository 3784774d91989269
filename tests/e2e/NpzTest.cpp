// The CLI's .npy and .npz files: what is written is read back, and a damaged
// file ends in an error that says what is wrong.
#include "tools/nnc/Npy.h"
#include "tools/nnc/Npz.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cstring>
#include <gtest/gtest.h>

using namespace nnc;
using namespace nnc::cli;

namespace {

class NpzTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("nnc-npz", folder)); }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string path(const char *name) { return (folder + "/" + name).str(); }
  static std::string contents(const std::string &path) {
    return (*llvm::MemoryBuffer::getFile(path))->getBuffer().str();
  }

  llvm::SmallString<128> folder;
};

Tensor counting(ElementType type, std::vector<int64_t> dims) {
  Tensor tensor(type, std::move(dims));
  for (size_t i = 0; i < tensor.bytes.size(); ++i)
    tensor.bytes[i] = std::byte(type == ElementType::I1 ? i % 2 : i * 37);
  return tensor;
}

std::string errorOf(llvm::Error error) { return llvm::toString(std::move(error)); }
template <typename T> std::string errorOf(llvm::Expected<T> result) {
  return result ? std::string("no error") : llvm::toString(result.takeError());
}

std::vector<std::byte> npyWithHeader(std::string header, size_t payload) {
  std::string file = std::string("\x93NUMPY\x01\x00", 8) + char(header.size()) + char(0) + header;
  file.append(payload, '\0');
  std::vector<std::byte> bytes(file.size());
  std::memcpy(bytes.data(), file.data(), file.size());
  return bytes;
}

TEST_F(NpzTest, EveryTypeComesBack) {
  Npz out;
  out.add("grad:conv1.weight", counting(ElementType::F32, {2, 3, 5}));
  out.add("0", counting(ElementType::F64, {}));
  out.add("y", counting(ElementType::I64, {0, 4}));
  out.add("i", counting(ElementType::I32, {7}));
  out.add("image", counting(ElementType::U8, {1, 2, 2}));
  out.add("mask", counting(ElementType::I1, {9}));
  ASSERT_EQ(errorOf(writeNpz(path("a.npz"), out)), "");
  llvm::Expected<Npz> in = readNpz(path("a.npz"));
  ASSERT_TRUE(bool(in)) << errorOf(in.takeError());
  ASSERT_EQ(in->arrays.size(), out.arrays.size());
  for (size_t i = 0; i < out.arrays.size(); ++i) {
    EXPECT_EQ(in->arrays[i].first, out.arrays[i].first);
    EXPECT_EQ(describe(in->arrays[i].second), describe(out.arrays[i].second));
    EXPECT_EQ(in->arrays[i].second.bytes, out.arrays[i].second.bytes);
  }
}

TEST_F(NpzTest, EqualArraysGiveEqualBytes) {
  Npz npz;
  npz.add("x", counting(ElementType::F32, {3}));
  ASSERT_EQ(errorOf(writeNpz(path("a.npz"), npz)), "");
  ASSERT_EQ(errorOf(writeNpz(path("b.npz"), npz)), "");
  EXPECT_EQ(contents(path("a.npz")), contents(path("b.npz")));
}

TEST_F(NpzTest, EveryTruncationAndFlippedByteIsAnErrorOrHarmless) {
  Npz npz;
  npz.add("x", counting(ElementType::F32, {4, 4}));
  npz.add("y", counting(ElementType::I64, {3}));
  ASSERT_EQ(errorOf(writeNpz(path("good.npz"), npz)), "");
  const std::string good = contents(path("good.npz"));
  for (size_t length = 0; length < good.size(); ++length) {
    ASSERT_EQ(errorOf(writeFile(path("bad.npz"), good.substr(0, length))), "");
    EXPECT_NE(errorOf(readNpz(path("bad.npz"))), "no error") << "cut to " << length;
  }
  for (size_t position = 0; position < good.size(); ++position) {
    std::string bad = good;
    bad[position] = char(bad[position] ^ 0x5A);
    ASSERT_EQ(errorOf(writeFile(path("bad.npz"), bad)), "");
    llvm::Expected<Npz> read = readNpz(path("bad.npz"));
    if (!read)
      llvm::consumeError(read.takeError()); // else it must be a field without meaning, such as the date
    else if (const Tensor *x = read->find("x"))
      EXPECT_EQ(x->bytes, npz.arrays[0].second.bytes) << "flipped " << position;
  }
}

TEST_F(NpzTest, ReadsWhatNumPyDeflated) {
  llvm::Expected<Npz> digits = readNpz(NNC_SOURCE_DIR "/models/data/digits.npz");
  ASSERT_TRUE(bool(digits)) << errorOf(digits.takeError());
  EXPECT_EQ(digits->keys(), "x, y, x_test, y_test");
  EXPECT_EQ(describe(*digits->find("x")), "uint8 [4000, 1, 28, 28]");
  EXPECT_EQ(describe(*digits->find("y_test")), "int64 [1000]");
  int64_t perClass[10] = {};
  for (const char *key : {"y", "y_test"})
    for (int64_t i = 0; i < digits->find(key)->size(); ++i)
      ++perClass[digits->find(key)->data<int64_t>()[i]];
  for (int64_t count : perClass)
    EXPECT_EQ(count, 500);
}

TEST_F(NpzTest, ColumnMajorBecomesRowMajor) {
  auto bytes = npyWithHeader("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", 6);
  const uint8_t columnMajor[] = {0, 3, 1, 4, 2, 5};
  std::memcpy(&bytes[bytes.size() - 6], columnMajor, 6);
  llvm::Expected<Tensor> tensor = parseNpy(bytes, "a.npy");
  ASSERT_TRUE(bool(tensor)) << errorOf(tensor.takeError());
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(tensor->at(i), i);
}

TEST_F(NpzTest, ErrorsSayWhatIsWrong) {
  struct Case {
    const char *header;
    size_t payload;
    const char *message;
  };
  const Case cases[] = {
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 7,
       "a.npy: truncated: float32 [2] takes 8 bytes, the file has 7"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 9,
       "a.npy: trailing bytes: float32 [2] takes 8 bytes, the file has 9"},
      {"{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", 8,
       "a.npy: element type '>f4' is not supported; convert with .astype() to float32, float64, int64, "
       "int32, uint8 or bool"},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8,
       "a.npy: structured arrays are not supported; save plain arrays"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 99999999, 99999999), }", 8,
       "a.npy: malformed .npy header: the shape is larger than any file"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", 8,
       "a.npy: malformed .npy header: '-2' is not a dimension"},
      {"{'descr': '<f4', 'shape': (2,), }", 8,
       "a.npy: malformed .npy header: it lacks descr, fortran_order or shape"},
  };
  for (const Case &c : cases)
    EXPECT_EQ(errorOf(parseNpy(npyWithHeader(c.header, c.payload), "a.npy")), c.message);
  EXPECT_NE(errorOf(readNpz(path("none.npz"))).find("cannot read"), std::string::npos);
  Npz npz;
  npz.add("x", counting(ElementType::F32, {4}));
  EXPECT_NE(errorOf(writeNpz(path("no/such/folder.npz"), npz)).find("cannot write"), std::string::npos);
  EXPECT_NE(errorOf(writeFile("/dev/full/x", "text")).find("cannot write"), std::string::npos);
}

} // namespace
