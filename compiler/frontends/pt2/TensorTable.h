// ATen values while a program is imported. ATen tensors share memory: a view reads
// and writes its base, so a mutation of one is seen through all. Here every value
// is (storage, chain of views); a mutation makes a new value of the storage, and
// whoever is read afterwards is made anew from it.
#pragma once

#include "mlir/IR/Value.h"
#include "llvm/ADT/StringRef.h"
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace nnc::pt2 {

/// How a view is made from its base and how the base changes when it is written.
struct View {
  std::function<mlir::Value(mlir::Value base)> read;
  /// Empty: not writable (expand: several elements share one place).
  std::function<mlir::Value(mlir::Value base, mlir::Value view)> write;

  /// The same tensor under another name.
  static View identity();
};

class TensorTable {
public:
  /// A tensor with memory of its own.
  void define(llvm::StringRef name, mlir::Value value);
  /// A view of another tensor; false if reading it failed (an error was reported).
  bool defineView(llvm::StringRef name, llvm::StringRef base, View view);

  /// The value as of now; null if there is none.
  mlir::Value read(llvm::StringRef name);
  /// A mutation; false with `problem` set if it is not possible.
  bool write(llvm::StringRef name, mlir::Value value, std::string &problem);

  /// Whether the tensor's memory was mutated.
  bool isMutated(llvm::StringRef name) const;

private:
  struct Storage {
    mlir::Value value;
    unsigned version = 0;
  };
  struct Tensor {
    std::shared_ptr<Storage> storage;
    std::shared_ptr<Tensor> base; ///< null: all of the storage
    View view;
    mlir::Value value; ///< as of `version`
    unsigned version = 0;
  };

  mlir::Value read(Tensor &tensor);
  bool write(Tensor &tensor, mlir::Value value, std::string &problem);
  const Tensor &at(llvm::StringRef name) const { return *tensors.at(name.str()); }

  std::map<std::string, std::shared_ptr<Tensor>> tensors;
};

} // namespace nnc::pt2
