// An exported PyTorch program in plain C++: what torch.export.save wrote to a
// `.pt2` file, read and checked, before anything is translated. The structs
// follow torch/_export/serde/schema.py (schema version 8); no MLIR here.
#pragma once

#include "compiler/frontends/pt2/Archive.h"
#include "compiler/frontends/pt2/SymbolicExpression.h"
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nnc::pt2 {

/// torch's element types with the schema's numbers.
enum class ScalarType : uint8_t {
  Unknown = 0, Byte = 1, Char = 2, Short = 3, Int = 4, Long = 5, Half = 6, Float = 7,
  Double = 8, ComplexHalf = 9, ComplexFloat = 10, ComplexDouble = 11, Bool = 12,
  BFloat16 = 13, UInt16 = 28, Float8E4M3FN = 29, Float8E5M2 = 30, Float8E4M3FNUZ = 31,
  Float8E5M2FNUZ = 32, Float8E8M0FNU = 33, UInt32 = 34, UInt64 = 35
};

/// `float32`, `int64`: torch's names, for messages.
llvm::StringRef name(ScalarType type);
/// Bytes of an element; 0 for Unknown.
unsigned byteWidth(ScalarType type);

/// What a node's argument is: a tree, because lists hold arguments. Optional
/// tensors are a Tensor or None; a symbolic number that is constant is an Int,
/// Float or Bool.
struct Argument {
  enum class Kind {
    None, Tensor, Int, Float, Bool, String, List,
    SymInt, SymFloat, SymBool,               ///< named values of the graph
    ScalarType, MemoryFormat, Layout, Device, ///< enumerations, in `integer`; Device in `text`
    Unsupported ///< subgraphs, custom objects, ...: `text` is the schema's field
  };
  Kind kind = Kind::None;
  int64_t integer = 0;        ///< Int, Bool, the enumerations
  double number = 0;          ///< Float
  std::string text;           ///< String, Device; the value's name for Tensor and Sym*
  std::vector<Argument> list; ///< List

  bool isNone() const { return kind == Kind::None; }
  bool isTensor() const { return kind == Kind::Tensor; }
};

struct NamedArgument {
  std::string name; ///< as in the operator's schema
  Argument value;
};

/// A line of the user's program.
struct SourceLine {
  std::string file; ///< empty: not known
  unsigned line = 0;
};

struct Node {
  std::string target; ///< torch.ops.aten.conv2d.default, _operator.mul
  std::vector<NamedArgument> arguments;
  /// One per result; a result that is a list of tensors (chunk) is a List.
  std::vector<Argument> outputs;
  std::string modulePath;  ///< `features.0.conv`; empty: the model itself
  std::string moduleClass; ///< `torch.nn.modules.conv.Conv2d`
  SourceLine source;

  const Argument *find(llvm::StringRef argument) const;
};

struct TensorMeta {
  ScalarType type = ScalarType::Unknown;
  std::vector<SymbolicExpression> sizes, strides;
  SymbolicExpression storageOffset;
  bool requiresGrad = false;
  std::string device; ///< cpu, cuda
  bool strided = true; ///< false: sparse and the like
};

struct InputSpec {
  enum class Kind { UserInput, Parameter, Buffer, TensorConstant, ConstantInput, Unsupported };
  Kind kind = Kind::UserInput;
  /// The graph's value: a Tensor or SymInt; a user's constant (an int, a bool, a
  /// string or None, fixed at export) is that constant.
  Argument value;
  std::string name;       ///< state_dict name; of a user input the argument's name
  bool persistent = true; ///< Buffer: part of the state_dict
};

struct OutputSpec {
  enum class Kind { UserOutput, Loss, BufferMutation, ParameterMutation, UserInputMutation, Unsupported };
  Kind kind = Kind::UserOutput;
  Argument value;
  std::string name; ///< of what is mutated
};

/// A symbol's range; nothing: unbounded.
struct Range {
  std::optional<int64_t> minimum, maximum;
};

/// A tensor of the file: a parameter, a buffer or a constant.
struct StoredTensor {
  ScalarType type = ScalarType::Unknown;
  std::vector<int64_t> sizes, strides; ///< in elements
  int64_t offset = 0;                  ///< in elements
  bool isParameter = false, requiresGrad = false;
  /// The member that holds it, `data/weights/weight_3`. Tensors with one member
  /// and the same geometry are one tensor under several names.
  std::string member;
  llvm::StringRef bytes; ///< the member's bytes; the tensor lies inside

  bool isContiguous() const;
  /// The elements in row-major order, whatever the strides.
  std::vector<char> toContiguous() const;
};

struct ExportedProgram {
  std::vector<Node> nodes;
  std::vector<InputSpec> inputs;
  std::vector<OutputSpec> outputs;
  std::map<std::string, TensorMeta> tensors;
  std::map<std::string, SymbolicExpression> symbolicInts;
  std::map<std::string, Range> ranges;
  std::map<std::string, StoredTensor> weights;   ///< by state_dict name
  std::map<std::string, StoredTensor> constants; ///< likewise, non-persistent buffers included
  std::string torchVersion;

  /// Keeps the bytes alive that the stored tensors refer to.
  std::shared_ptr<const Archive> archive;

  /// The stored tensor of a parameter, buffer or constant; null if none.
  const StoredTensor *stored(llvm::StringRef name) const;
};

/// Reads and checks a `.pt2` file: afterwards every value that a node or an output
/// uses is an input or the result of an earlier node, every tensor has its type and
/// sizes, and every stored tensor lies inside of its bytes.
llvm::Expected<ExportedProgram> readExportedProgram(llvm::StringRef path);
llvm::Expected<ExportedProgram> readExportedProgram(Archive archive);

/// The steps of it, for tests: the JSON texts alone.
llvm::Error parseModel(llvm::StringRef json, ExportedProgram &program);
llvm::Expected<std::map<std::string, StoredTensor>> parsePayload(llvm::StringRef json);
llvm::Error checkReferences(const ExportedProgram &program);

} // namespace nnc::pt2
