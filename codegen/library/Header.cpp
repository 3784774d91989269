#include "codegen/library/Header.h"
#include "codegen/library/CFunctions.h"
#include "codegen/library/Verify.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

namespace nnc {

// What every library's header shares: two of them may be included together.
static const char sharedTypes[] = R"(#ifndef NNC_TYPES_1
#define NNC_TYPES_1
/* What the functions that return int return. */
enum nnc_status {
  NNC_OK = 0,
  NNC_INVALID_ARGUMENT = 1, /* a null or misaligned pointer, a wrong count or size */
  NNC_NOT_FOUND = 2,        /* no such entry or parameter */
  NNC_BAD_SHAPE = 3,        /* a dtype, a shape or a symbol out of its range */
  NNC_BAD_VALUE = 4,        /* a value of an index input out of its range */
  NNC_IO_ERROR = 5,         /* a file could not be read or written */
  NNC_BAD_FILE = 6,         /* a file's contents do not fit the model */
  NNC_NO_MEMORY = 7,
  NNC_UNSUPPORTED_CPU = 8,  /* the library was compiled for another processor */
  NNC_ABI_MISMATCH = 9,     /* header and library do not belong together */
  NNC_INTERNAL = 10
};

enum nnc_dtype { NNC_F32, NNC_F64, NNC_I64, NNC_I32, NNC_U8, NNC_BOOL };

/* A dense, row-major tensor, for calls by name. */
typedef struct nnc_tensor {
  void *data;
  int32_t dtype; /* enum nnc_dtype */
  int32_t rank;
  int64_t dims[8];
} nnc_tensor;

/* parallel_for(context, tasks, task, args) calls task(args, i, worker) once for
 * each i in 0 .. tasks-1, in any order, on any threads, and returns when all are
 * done. No two calls that run at the same time have the same worker, which is in
 * 0 .. max_workers-1. */
typedef void (*nnc_task)(void *args, int64_t task, int64_t worker);
typedef void (*nnc_parallel_for_function)(void *context, int64_t tasks, nnc_task task, void *args);
#endif
)";

// @ stands for the prefix of functions and types, $ for that of macros, %MARK% for
// what depends on the model.
static const char lifecycle[] = R"(
typedef struct @_model @_model;

/* Start from $_OPTIONS_INIT and change what is needed. */
typedef struct @_options {
  uint64_t struct_size;
  uint64_t abi_hash;
  int64_t threads;   /* own threads, the calling one included; 0 and 1: no further thread */
  int64_t max_batch; /* the largest %BATCH% any call will have; 0: the largest allowed */
  int64_t seed;      /* of dropout and other random layers */
  nnc_parallel_for_function parallel_for; /* null: own threads */
  void *parallel_for_context;
  int64_t max_workers; /* of parallel_for */
} @_options;

#define $_ABI_HASH %HASH%
#define $_OPTIONS_INIT {sizeof(@_options), $_ABI_HASH, 0, 0, 0, 0, 0, 0}

/* Creates a model in memory of its own. `options` may be null. After an error the
 * reason is in `error` (of `error_size` bytes; may be null) and *model is null. No
 * later call allocates. A model serves one thread at a time; several models are
 * independent of each other. */
int @_create(const @_options *options, @_model **model,
    char *error, size_t error_size);

/* The same in the caller's memory: $_ARENA_BYTES bytes, aligned to
 * $_MEMORY_ALIGNMENT, which must outlive the model. */
int @_create_with_memory(const @_options *options, void *memory, size_t bytes,
    @_model **model, char *error, size_t error_size);
size_t @_arena_bytes(int64_t max_batch, int64_t workers); /* 0: not possible */
#define $_ARENA_BYTES(max_batch, workers) @_arena_bytes((max_batch), (workers))
#define $_MEMORY_ALIGNMENT 64

void @_destroy(@_model *model); /* null is allowed */

/* Why the last call that did not return NNC_OK failed. */
const char *@_last_error(const @_model *model);
)";

static const char parameterFunctions[] = R"(
/* ---- parameters ----------------------------------------------------------- */

/* Parameters go by the names of the state_dict; get and set know buffers as well,
 * "grad:NAME" (gradients) and "optimizer/NAME". `bytes` must be the exact size.
%PARAMETERS% */
size_t @_parameter_count(void);
const char *@_parameter_name(size_t index); /* null past the last */
size_t @_parameter_bytes(const char *name); /* 0: there is none */
int @_parameter_get(@_model *model, const char *name, void *data, size_t bytes);
int @_parameter_set(@_model *model, const char *name, const void *data, size_t bytes);

/* Parameters, buffers, optimizer and random state as a safetensors file; a resumed
 * run goes on bit by bit. load also takes files of parameters and buffers alone
 * and then leaves the rest as it is. A file that does not fit changes nothing. */
int @_save(@_model *model, const char *path);
int @_load(@_model *model, const char *path);
)";

static const char callFunctions[] = R"(
/* ---- calls by name -------------------------------------------------------- */

/* Entries, shapes and dtypes as one line of JSON. */
const char *@_signature(void);

/* Runs an entry with tensors that state their shapes, which are checked. */
int @_call(@_model *model, const char *entry,
    const nnc_tensor *inputs, size_t input_count,
    nnc_tensor *outputs, size_t output_count);

/* Sets dtype, rank and dims of the outputs that such a call will have; no data is
 * read. */
int @_output_dims(@_model *model, const char *entry,
    const nnc_tensor *inputs, size_t input_count,
    nnc_tensor *outputs, size_t output_count);
)";

/// Replaces the marks of the texts above.
static std::string fill(llvm::StringRef text, const ModelInterface &model,
                        llvm::ArrayRef<std::pair<llvm::StringRef, std::string>> marks) {
  std::string result = text.str();
  auto replaceAll = [&](llvm::StringRef from, llvm::StringRef to) {
    for (size_t at = 0; (at = result.find(from.str(), at)) != std::string::npos; at += to.size())
      result.replace(at, from.size(), to.str());
  };
  replaceAll("@", model.name);
  replaceAll("$", llvm::StringRef(model.name).upper());
  for (const auto &[mark, value] : marks)
    replaceAll(mark, value);
  return result;
}

/// Text from the model inside a comment.
static std::string inComment(llvm::StringRef text) {
  std::string result;
  for (char c : text) {
    if (c == '/' && !result.empty() && result.back() == '*')
      result += ' ';
    result += c >= 0 && c < 0x20 ? ' ' : c;
  }
  return result;
}

/// `[N, 1, 28, 28]`; a scalar is `one value`.
static std::string shapeText(const ModelInterface &model, const BoundaryTensor &tensor) {
  if (tensor.dims.empty())
    return "one value";
  std::string text = "[";
  for (auto [i, dim] : llvm::enumerate(tensor.dims)) {
    text += i ? ", " : "";
    if (dim.kind == BoundaryDim::Static)
      text += std::to_string(dim.value);
    else if (dim.kind == BoundaryDim::Symbol)
      text += inComment(model.symbols[size_t(dim.value)].name);
    else
      text += "?";
  }
  return text + "]";
}

static std::string rangeText(const IndexRange &range) {
  std::string text = ", values " + std::to_string(range.low) + " to " +
                     std::to_string(range.high - 1);
  return range.hasException ? text + " or " + std::to_string(range.exception) : text;
}

static std::string entryPurpose(llvm::StringRef name) {
  if (name == "forward")
    return "Computes the outputs.";
  if (name == "train_step")
    return "One training step: forward, loss, backward, and the optimizer's update.";
  if (name == "forward_backward")
    return "Forward, loss and backward: adds to the gradients, leaves the parameters.";
  if (name == "optimizer_step")
    return "Updates the parameters from the gradients.";
  if (name == "grad")
    return "Outputs and, from the cotangents of the outputs, all gradients.";
  return "Runs the entry '" + name.str() + "'.";
}

/// One argument of an entry's prototype.
struct Argument {
  std::string declaration, comment;
};

static std::vector<Argument> entryArguments(const ModelInterface &model,
                                            const EntryFunction &function) {
  std::vector<Argument> arguments;
  for (auto [name, index] : llvm::zip(function.symbolNames, function.symbols)) {
    const SymbolInfo &symbol = model.symbols[index];
    std::string range = symbol.maximum == INT64_MAX
                            ? "at least " + std::to_string(symbol.minimum)
                            : std::to_string(symbol.minimum) + " to " +
                                  std::to_string(symbol.maximum);
    arguments.push_back({"int64_t " + name, range});
  }
  for (auto [name, tensor] : llvm::zip(function.inputNames, function.entry->inputs)) {
    std::string comment = shapeText(model, tensor);
    if (tensor.hasRange)
      comment += rangeText(tensor.range);
    if (tensor.type == ElementType::I1)
      comment += ", 0 or 1";
    arguments.push_back({std::string("const ") + cType(tensor.type) + " *" + name, comment});
  }
  for (auto [name, tensor] : llvm::zip(function.outputNames, function.entry->outputs))
    arguments.push_back(
        {std::string(cType(tensor.type)) + " *" + name, "out: " + shapeText(model, tensor)});
  return arguments;
}

/// `((N) * 784)`, or nothing where an axis is computed.
static std::string elementCountMacro(const ModelInterface &model, const EntryFunction &function,
                                     const BoundaryTensor &tensor) {
  uint64_t constant = 1;
  std::vector<std::string> factors;
  for (const BoundaryDim &dim : tensor.dims) {
    if (dim.kind == BoundaryDim::Computed)
      return "";
    if (dim.kind == BoundaryDim::Static)
      constant *= uint64_t(dim.value);
    else
      factors.push_back(
          "(" +
          function.symbolNames[size_t(llvm::find(function.symbols, unsigned(dim.value)) -
                                      function.symbols.begin())] +
          ")");
  }
  if (constant != 1 || factors.empty())
    factors.push_back(std::to_string(constant));
  return "(" + llvm::join(factors, " * ") + ")";
}

static void writeSizes(llvm::raw_ostream &out, const ModelInterface &model,
                       const EntryFunction &function) {
  const std::string prefix = llvm::StringRef(model.name + "_" + function.entry->name).upper();
  const std::string parameters = llvm::join(function.symbolNames, ", ");
  auto write = [&](const std::string &name, const BoundaryTensor &tensor) {
    const std::string count = elementCountMacro(model, function, tensor);
    if (tensor.dims.empty() || count.empty())
      return;
    out << "#define " << prefix << "_" << llvm::StringRef(name).upper() << "_ELEMENTS";
    if (!parameters.empty())
      out << "(" << parameters << ")";
    out << " " << count << "\n";
  };
  for (auto [name, tensor] : llvm::zip(function.inputNames, function.entry->inputs))
    write(name, tensor);
  for (auto [name, tensor] : llvm::zip(function.outputNames, function.entry->outputs))
    write(name, tensor);
}

static void writeEntry(llvm::raw_ostream &out, const ModelInterface &model,
                       const EntryFunction &function) {
  out << "\n/* " << entryPurpose(function.entry->name) << " */\n";
  out << "int " << model.name << "_" << function.entry->name << "(" << model.name
      << "_model *model";
  const std::vector<Argument> arguments = entryArguments(model, function);
  for (auto [i, argument] : llvm::enumerate(arguments)) {
    const bool last = i + 1 == arguments.size();
    out << (i ? "" : ",") << "\n    " << argument.declaration << (last ? ");" : ",") << " /* "
        << argument.comment << " */";
  }
  out << (arguments.empty() ? ");\n" : "\n");
  writeSizes(out, model, function);
}

static std::string parameterList(const ModelInterface &model) {
  std::string text;
  for (const StateVariable &variable : model.state) {
    if (variable.kind != StateVariable::Parameter && variable.kind != StateVariable::Buffer)
      continue;
    text += " *   " + inComment(variable.name);
    for (const std::string &alias : variable.aliases)
      text += " = " + inComment(alias);
    text += std::string("  ") + dtypeName(variable.type) + " [";
    for (auto [i, size] : llvm::enumerate(variable.dims))
      text += (i ? ", " : "") + std::to_string(size);
    text += variable.kind == StateVariable::Buffer ? "]  (buffer)\n" : "]\n";
  }
  return llvm::StringRef(text).rtrim('\n').str();
}

static void writeCounts(llvm::raw_ostream &out, const ModelInterface &model) {
  const std::string prefix = llvm::StringRef(model.name).upper();
  uint64_t tensors = 0, elements = 0;
  for (const StateVariable &variable : model.state)
    if (variable.kind == StateVariable::Parameter) {
      ++tensors;
      elements += variableBytes(variable) / elementBytes(variable.type);
    }
  out << "#define " << prefix << "_PARAMETER_COUNT " << tensors << "\n";
  out << "#define " << prefix << "_PARAMETER_ELEMENTS " << elements << "\n";
  for (const SymbolInfo &symbol : model.symbols) {
    if (!isCIdentifier(symbol.name))
      continue;
    const std::string name = llvm::StringRef(symbol.name).upper();
    out << "#define " << prefix << "_" << name << "_MIN " << symbol.minimum << "\n";
    if (symbol.maximum != INT64_MAX)
      out << "#define " << prefix << "_" << name << "_MAX " << symbol.maximum << "\n";
  }
}

std::string cHeader(const ModelInterface &model, llvm::StringRef base, uint64_t hash) {
  std::string text;
  llvm::raw_string_ostream out(text);
  std::string guard = llvm::StringRef(model.name).upper() + "_NNC_H";
  out << "/* " << inComment(base) << ": a neural network as a library, compiled by nnc";
  if (!model.cpu.empty())
    out << " for " << inComment(model.cpu);
  out << ".\n * Link with " << inComment(base) << ".so; it needs libc and libm alone. */\n"
      << "#ifndef " << guard << "\n#define " << guard << "\n\n"
      << "#include <stddef.h>\n#include <stdint.h>\n\n"
      << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
      << sharedTypes << "\n";
  writeCounts(out, model);
  std::string hashText;
  llvm::raw_string_ostream(hashText) << llvm::format_hex(hash, 18) << "u";
  const std::string batch = model.symbols.empty() ? "batch" : inComment(model.symbols[0].name);
  out << fill(lifecycle, model, {{"%BATCH%", batch}, {"%HASH%", hashText}});
  out << "\n/* ---- entries --------------------------------------------------------------\n"
         " * Pointers need the alignment of their elements; outputs must not overlap\n"
         " * inputs. Shapes are row-major. */\n";
  for (const EntryFunction &function : entryFunctions(model))
    writeEntry(out, model, function);
  for (const FixedFunction &function : fixedFunctions(model)) {
    if (llvm::StringRef(function.name) == "zero_grad")
      out << "\n/* Sets the gradients to zero. */\nint " << model.name << "_zero_grad("
          << model.name << "_model *model);\n";
    if (llvm::StringRef(function.name) == "set_lr")
      out << "\n/* Sets the learning rate of the optimizer from here on. */\nint " << model.name
          << "_set_lr(" << model.name << "_model *model, double learning_rate);\n";
  }
  if (!model.frozen)
    out << fill(parameterFunctions, model, {{"%PARAMETERS%", parameterList(model)}});
  out << fill(callFunctions, model, {});
  out << "\n#ifdef __cplusplus\n}\n#endif\n#endif\n";
  return text;
}

// ---- C++ -------------------------------------------------------------------

static const char cxxClass[] = R"(
class Error : public std::runtime_error {
public:
  Error(int status, const std::string &text) : std::runtime_error(text), status(status) {}
  int status; // enum nnc_status
};

// Owns a model. Errors are thrown as Error.
class Model {
public:
  using Options = @_options;
  static Options defaults() { return $_OPTIONS_INIT; }

  explicit Model(const Options &options = defaults()) {
    char error[512];
    if (int status = @_create(&options, &model, error, sizeof error))
      throw Error(status, error);
  }
  ~Model() { @_destroy(model); }
  Model(Model &&other) noexcept : model(std::exchange(other.model, nullptr)) {}
  Model &operator=(Model &&other) noexcept {
    std::swap(model, other.model);
    return *this;
  }

  @_model *get() const { return model; }
)";

static const char cxxParameters[] = R"(
  void save(const std::string &path) { check(@_save(model, path.c_str())); }
  void load(const std::string &path) { check(@_load(model, path.c_str())); }

  static std::vector<std::string> parameterNames() {
    std::vector<std::string> names;
    for (size_t i = 0; i < @_parameter_count(); ++i)
      names.push_back(@_parameter_name(i));
    return names;
  }
  template <typename T> std::vector<T> parameter(const std::string &name) const {
    std::vector<T> values(@_parameter_bytes(name.c_str()) / sizeof(T));
    check(@_parameter_get(model, name.c_str(), values.data(), values.size() * sizeof(T)));
    return values;
  }
  template <typename T> void setParameter(const std::string &name, const std::vector<T> &values) {
    check(@_parameter_set(model, name.c_str(), values.data(), values.size() * sizeof(T)));
  }
)";

std::string cxxHeader(const ModelInterface &model, llvm::StringRef base) {
  std::string text;
  llvm::raw_string_ostream out(text);
  out << "// " << inComment(base) << ".h as a C++ class.\n#pragma once\n\n#include \"" << base
      << ".h\"\n#include <stdexcept>\n#include <string>\n#include <utility>\n#include <vector>\n\n"
      << "namespace " << model.name << " {\n"
      << fill(cxxClass, model, {});
  if (!model.frozen)
    out << fill(cxxParameters, model, {});
  for (const EntryFunction &function : entryFunctions(model)) {
    std::string declarations, names;
    for (const Argument &argument : entryArguments(model, function)) {
      declarations += (declarations.empty() ? "" : ", ") + argument.declaration;
      const size_t at = argument.declaration.find_last_of(" *");
      names += ", " + argument.declaration.substr(at + 1);
    }
    out << "\n  // " << entryPurpose(function.entry->name) << "\n  void " << function.entry->name
        << "(" << declarations << ") {\n    this->check(" << model.name << "_" << function.entry->name
        << "(model" << names << "));\n  }\n";
  }
  for (const FixedFunction &function : fixedFunctions(model)) {
    if (llvm::StringRef(function.name) == "zero_grad")
      out << fill("\n  void zero_grad() { check(@_zero_grad(model)); }\n", model, {});
    if (llvm::StringRef(function.name) == "set_lr")
      out << fill("\n  void set_lr(double learning_rate) { check(@_set_lr(model, learning_rate)); "
                  "}\n",
                  model, {});
  }
  out << fill("\nprivate:\n  void check(int status) const {\n    if (status)\n"
              "      throw Error(status, @_last_error(model));\n  }\n\n"
              "  @_model *model = nullptr;\n};\n\n",
              model, {})
      << "} // namespace " << model.name << "\n";
  return text;
}

} // namespace nnc
