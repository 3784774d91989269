// Compiles one function of nn.kernels with a schedule family and again with the
// naive one, runs both on the same random data and compares all they wrote.
// Every buffer ends at a protected page, so a read past its end is a crash.
#pragma once

#include "codegen/cpu/Target.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nnc::test {

/// Bytes whose end is the end of a page that a protected page follows.
class GuardedBytes {
public:
  explicit GuardedBytes(size_t size);
  ~GuardedBytes();
  GuardedBytes(GuardedBytes &&other) noexcept;
  GuardedBytes(const GuardedBytes &) = delete;
  uint8_t *data() const { return start; }
  size_t size() const { return bytes; }

private:
  uint8_t *map = nullptr, *start = nullptr;
  size_t mapped = 0, bytes = 0;
};

/// The text of a function @f that is one kernel over %0, %1, ... Types are short:
/// T<N,4,f32> is tensor<?x4xf32, #nn.dims<[N], N, 4>>; the symbols are N, then M.
/// A result "2: T<...>" is the new state of argument 2, written in place.
std::string kernelText(llvm::ArrayRef<std::string> arguments, llvm::ArrayRef<std::string> results, llvm::StringRef body,
                       size_t symbols);

/// A compiled function with its buffers. The text holds one func.func @f whose
/// kernels have the family `FAMILY`; arguments without nn.kind are inputs.
class FamilyRun {
public:
  FamilyRun(llvm::StringRef text, llvm::StringRef family, const cpu::Target &target, llvm::ArrayRef<int64_t> symbols);
  ~FamilyRun();
  /// The same random inputs and state for the same seed. Integers are below `bound`.
  void fill(unsigned seed, int64_t bound);
  void call();
  /// Adds a test failure for every element that differs by more than `tolerance`,
  /// relative to the larger of the value and 1.
  void expectSame(const FamilyRun &reference, double tolerance, const std::string &where) const;
  bool valid() const;

  struct Part {
    std::string name;
    enum Kind { F32, F64, I64, I32, I8, I1 } kind;
    int64_t count;
    uint8_t *data;
    bool isOutput, isUpdated;
    int64_t bytes() const;
  };
  std::vector<Part> parts;

private:
  void compile(llvm::StringRef text, llvm::StringRef family, const cpu::Target &target,
               llvm::ArrayRef<int64_t> symbols);
  struct Code;
  std::unique_ptr<Code> code;
};

/// Compares a kernel of family `family` with the naive one, for AVX2, AVX-512 (where there is none its schedule, in
/// the instructions that there are) and for this machine.
struct Case {
  std::vector<std::string> arguments, results;
  std::string body;
  std::vector<int64_t> symbols = {};
  double tolerance = 2e-6;
  int64_t bound = 10;
};
void expectLikeNaive(llvm::StringRef family, const Case &given);

} // namespace nnc::test
