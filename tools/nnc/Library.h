// A compiled model, loaded: the C ABI of NAME.so behind two small classes. The
// only file of the CLI that knows dlopen and the NAME_* functions.
#pragma once

#include "tools/nnc/Signature.h"
#include "tools/nnc/Tensor.h"
#include "runtime/abi.h"
#include <memory>

namespace nnc::cli {

struct InstanceOptions {
  int64_t threads = 1;
  int64_t maxBatch = 0; ///< 0: the model's own maximum
  int64_t seed = 0;
};

class Instance;

class Library {
public:
  /// The prefix NAME is found in the file's symbols, so the file may be renamed.
  static llvm::Expected<std::unique_ptr<Library>> open(llvm::StringRef path);
  ~Library();

  const Signature &signature() const { return parsed; }
  /// The entry, or an error that says which option of `nnc compile` adds it.
  llvm::Expected<const Entry *> entry(llvm::StringRef name) const;
  /// All the memory of an instance with one worker; 0 if the model does not take that batch.
  size_t memoryBytes(int64_t batch) const;
  /// The library must outlive the instance.
  llvm::Expected<std::unique_ptr<Instance>> create(const InstanceOptions &options);

private:
  friend class Instance;
  struct Functions;
  Library() = default;

  void *handle = nullptr;
  std::unique_ptr<Functions> functions;
  Signature parsed;
};

class Instance {
public:
  ~Instance();

  /// Runs an entry; the outputs are allocated.
  llvm::Expected<std::vector<Tensor>> call(const Entry &entry, llvm::ArrayRef<Tensor> inputs);
  /// The same into outputs of an earlier call, reallocated only if the shape changed.
  llvm::Error call(const Entry &entry, llvm::ArrayRef<Tensor> inputs, std::vector<Tensor> &outputs);

  llvm::Error save(llvm::StringRef path);
  llvm::Error load(llvm::StringRef path);
  llvm::Error setLearningRate(double rate);
  llvm::Expected<std::vector<std::byte>> parameter(llvm::StringRef name);

private:
  friend class Library;
  Instance(const Library &library, nnc_instance *handle) : library(library), handle(handle) {}
  llvm::Error failure(int32_t status) const;
  llvm::Error noParameters() const;

  const Library &library;
  nnc_instance *handle;
};

} // namespace nnc::cli
