// JSON of schema version 8 -> the structs of ExportedProgram.h. Each fromJSON
// mirrors one class of torch/_export/serde/schema.py; fields it does not name are
// ignored, so files of later minor versions are read, too.
#include "compiler/frontends/pt2/ExportedProgram.h"
#include "compiler/frontends/pt2/NodeMetadata.h"

#include "llvm/Support/JSON.h"
#include <limits>

using namespace nnc::pt2;
using llvm::StringRef;
namespace json = llvm::json;

namespace nnc::pt2 {

using Kind = Argument::Kind;

static bool fromJSON(const json::Value &value, Argument &argument, json::Path path);

/// A union of the schema: an object with one field that says which case it is.
static const json::Object::value_type *unionCase(const json::Value &value, json::Path path) {
  const json::Object *object = value.getAsObject();
  if (!object || object->size() != 1) {
    path.report("expected an object with one field");
    return nullptr;
  }
  return &*object->begin();
}

static bool fromJSON(const json::Value &value, ScalarType &type, json::Path path) {
  std::optional<int64_t> number = value.getAsInteger();
  type = static_cast<ScalarType>(number.value_or(0));
  if (number && *number >= 0 && *number <= 35 && byteWidth(type) != 0)
    return true;
  path.report("expected the number of a tensor element type");
  return false;
}

/// torch writes the floats that JSON lacks as strings.
static bool readFloat(const json::Value &value, double &number, json::Path path) {
  if (std::optional<StringRef> text = value.getAsString()) {
    if (*text == "NaN")
      number = std::numeric_limits<double>::quiet_NaN();
    else if (*text == "Infinity")
      number = std::numeric_limits<double>::infinity();
    else if (*text == "-Infinity")
      number = -std::numeric_limits<double>::infinity();
    else {
      path.report("expected a number");
      return false;
    }
    return true;
  }
  return json::fromJSON(value, number, path);
}

static bool fromJSON(const json::Value &value, SymbolicExpression &expression,
                     json::Path path) {
  const auto *choice = unionCase(value, path);
  if (!choice)
    return false;
  json::Path inner = path.field(choice->first);
  if (StringRef(choice->first) == "as_int") {
    int64_t number;
    if (!json::fromJSON(choice->second, number, inner))
      return false;
    expression = SymbolicExpression::constant(number);
    return true;
  }
  const json::Object *object = choice->second.getAsObject();
  std::optional<StringRef> text =
      object ? object->getString("expr_str") : std::nullopt;
  if (!text) {
    inner.report("expected as_int or as_expr with expr_str");
    return false;
  }
  llvm::Expected<SymbolicExpression> parsed = SymbolicExpression::parse(*text);
  if (!parsed) {
    llvm::consumeError(parsed.takeError());
    inner.report("a size expression that is not understood");
    return false;
  }
  expression = std::move(*parsed);
  return true;
}

/// The `name` field of a TensorArgument.
static bool readTensor(const json::Value &value, Argument &argument, json::Path path) {
  argument.kind = Kind::Tensor;
  json::ObjectMapper object(value, path);
  return object && object.map("name", argument.text);
}

using ReadElement = bool (*)(const json::Value &, Argument &, json::Path);

/// A list, or a list of lists, of what `readElement` reads.
static bool readList(const json::Value &value, Argument &argument, json::Path path,
                     ReadElement readElement) {
  const json::Array *array = value.getAsArray();
  if (!array) {
    path.report("expected a list");
    return false;
  }
  argument.kind = Kind::List;
  argument.list.resize(array->size());
  for (auto [index, element] : llvm::enumerate(*array)) {
    Argument &into = argument.list[index];
    bool nested = element.getAsArray() != nullptr;
    if (nested ? !readList(element, into, path.index(index), readElement)
               : !readElement(element, into, path.index(index)))
      return false;
  }
  return true;
}

static bool readInt(const json::Value &value, Argument &argument, json::Path path) {
  argument.kind = Kind::Int;
  return json::fromJSON(value, argument.integer, path);
}

static bool readDouble(const json::Value &value, Argument &argument, json::Path path) {
  argument.kind = Kind::Float;
  return readFloat(value, argument.number, path);
}

static bool readBool(const json::Value &value, Argument &argument, json::Path path) {
  argument.kind = Kind::Bool;
  bool flag = false;
  bool ok = json::fromJSON(value, flag, path);
  argument.integer = flag;
  return ok;
}

static bool readString(const json::Value &value, Argument &argument, json::Path path) {
  argument.kind = Kind::String;
  return json::fromJSON(value, argument.text, path);
}

static bool readNone(const json::Value &, Argument &argument, json::Path) {
  argument.kind = Kind::None;
  return true;
}

template <Kind kind>
static bool readEnumeration(const json::Value &value, Argument &argument, json::Path path) {
  argument.kind = kind;
  return json::fromJSON(value, argument.integer, path);
}

static bool readDevice(const json::Value &value, Argument &argument, json::Path path) {
  argument.kind = Kind::Device;
  json::ObjectMapper object(value, path);
  return object && object.map("type", argument.text);
}

/// SymIntArgument and its like: a value of the graph by name, or a constant.
template <Kind kind>
static bool readSymbolic(const json::Value &value, Argument &argument, json::Path path) {
  const auto *choice = unionCase(value, path);
  if (!choice)
    return false;
  if (StringRef(choice->first) != "as_name")
    return fromJSON(value, argument, path);
  argument.kind = kind;
  return json::fromJSON(choice->second, argument.text, path.field(choice->first));
}

/// The cases of the schema's `Argument`; lists share the reader of their element.
static const struct {
  StringRef field;
  ReadElement read;
} argumentCases[] = {
    {"as_none", readNone},
    {"as_tensor", readTensor},
    {"as_tensors", readTensor},
    {"as_nested_tensors", readTensor},
    {"as_int", readInt},
    {"as_ints", readInt},
    {"as_int_lists", readInt},
    {"as_float", readDouble},
    {"as_floats", readDouble},
    {"as_float_lists", readDouble},
    {"as_bool", readBool},
    {"as_bools", readBool},
    {"as_string", readString},
    {"as_strings", readString},
    {"as_sym_int", readSymbolic<Kind::SymInt>},
    {"as_sym_ints", readSymbolic<Kind::SymInt>},
    {"as_sym_float", readSymbolic<Kind::SymFloat>},
    {"as_sym_floats", readSymbolic<Kind::SymFloat>},
    {"as_sym_bool", readSymbolic<Kind::SymBool>},
    {"as_sym_bools", readSymbolic<Kind::SymBool>},
    {"as_scalar_type", readEnumeration<Kind::ScalarType>},
    {"as_memory_format", readEnumeration<Kind::MemoryFormat>},
    {"as_layout", readEnumeration<Kind::Layout>},
    {"as_device", readDevice},
    {"as_optional_tensor", fromJSON},
    {"as_optional_tensors", fromJSON},
};

static bool fromJSON(const json::Value &value, Argument &argument, json::Path path) {
  const auto *choice = unionCase(value, path);
  if (!choice)
    return false;
  json::Path inner = path.field(choice->first);
  StringRef field = choice->first;
  for (const auto &known : argumentCases)
    if (known.field == field)
      return choice->second.getAsArray()
                 ? readList(choice->second, argument, inner, known.read)
                 : known.read(choice->second, argument, inner);
  argument.kind = Kind::Unsupported;
  argument.text = field.str();
  return true;
}

static bool fromJSON(const json::Value &value, NamedArgument &argument, json::Path path) {
  json::ObjectMapper object(value, path);
  return object && object.map("name", argument.name) && object.map("arg", argument.value);
}

static bool fromJSON(const json::Value &value, Node &node, json::Path path) {
  json::ObjectMapper object(value, path);
  std::map<std::string, std::string> metadata;
  if (!object || !object.map("target", node.target) ||
      !object.map("inputs", node.arguments) || !object.map("outputs", node.outputs) ||
      !object.map("metadata", metadata))
    return false;
  readModuleStack(metadata["nn_module_stack"], node);
  node.source = userLine(metadata["stack_trace"]);
  return true;
}

static bool fromJSON(const json::Value &value, TensorMeta &meta, json::Path path) {
  json::ObjectMapper object(value, path);
  Argument device;
  int64_t layout = 7;
  if (!object || !object.map("dtype", meta.type) || !object.map("sizes", meta.sizes) ||
      !object.map("strides", meta.strides) ||
      !object.map("storage_offset", meta.storageOffset) ||
      !object.mapOptional("requires_grad", meta.requiresGrad) ||
      !object.mapOptional("layout", layout))
    return false;
  if (const json::Value *field = value.getAsObject()->get("device"))
    if (!readDevice(*field, device, path.field("device")))
      return false;
  meta.device = device.text;
  meta.strided = layout == 7;
  return true;
}

static bool fromJSON(const json::Value &value, Range &range, json::Path path) {
  json::ObjectMapper object(value, path);
  return object && object.mapOptional("min_val", range.minimum) &&
         object.mapOptional("max_val", range.maximum);
}

static bool fromJSON(const json::Value &value, InputSpec &spec, json::Path path) {
  const auto *choice = unionCase(value, path);
  if (!choice)
    return false;
  StringRef field = choice->first;
  json::Path inner = path.field(choice->first);
  json::ObjectMapper object(choice->second, inner);
  if (!object)
    return false;
  // The argument of a state's spec is a bare TensorArgument, not the union.
  auto state = [&](InputSpec::Kind kind, llvm::StringLiteral nameField) {
    spec.kind = kind;
    const json::Value *argument = choice->second.getAsObject()->get("arg");
    if (!argument) {
      inner.field("arg").report("missing value");
      return false;
    }
    return readTensor(*argument, spec.value, inner.field("arg")) &&
           object.map(nameField, spec.name) &&
           object.mapOptional("persistent", spec.persistent);
  };
  if (field == "parameter")
    return state(InputSpec::Kind::Parameter, "parameter_name");
  if (field == "buffer")
    return state(InputSpec::Kind::Buffer, "buffer_name");
  if (field == "tensor_constant")
    return state(InputSpec::Kind::TensorConstant, "tensor_constant_name");
  if (field == "user_input") {
    if (!object.map("arg", spec.value))
      return false;
    spec.name = spec.value.text;
    return true;
  }
  if (field == "constant_input") {
    spec.kind = InputSpec::Kind::ConstantInput;
    return object.map("name", spec.name) && object.map("value", spec.value);
  }
  spec.kind = InputSpec::Kind::Unsupported;
  spec.name = field.str();
  return true;
}

static bool fromJSON(const json::Value &value, OutputSpec &spec, json::Path path) {
  const auto *choice = unionCase(value, path);
  if (!choice)
    return false;
  StringRef field = choice->first;
  json::Path inner = path.field(choice->first);
  json::ObjectMapper object(choice->second, inner);
  if (!object)
    return false;
  if (field == "user_output")
    return object.map("arg", spec.value);
  const json::Value *argument = choice->second.getAsObject()->get("arg");
  auto tensor = [&](OutputSpec::Kind kind) {
    spec.kind = kind;
    if (argument)
      return readTensor(*argument, spec.value, inner.field("arg"));
    inner.field("arg").report("missing value");
    return false;
  };
  if (field == "loss_output")
    return tensor(OutputSpec::Kind::Loss);
  if (field == "buffer_mutation")
    return tensor(OutputSpec::Kind::BufferMutation) && object.map("buffer_name", spec.name);
  if (field == "parameter_mutation")
    return tensor(OutputSpec::Kind::ParameterMutation) &&
           object.map("parameter_name", spec.name);
  if (field == "user_input_mutation")
    return tensor(OutputSpec::Kind::UserInputMutation) &&
           object.map("user_input_name", spec.name);
  spec.kind = OutputSpec::Kind::Unsupported;
  spec.name = field.str();
  return true;
}

/// graph_module: its graph and its signature.
static bool readGraphModule(const json::Value &value, ExportedProgram &program,
                            json::Path path) {
  const json::Object *module = value.getAsObject();
  const json::Value *graph = module ? module->get("graph") : nullptr;
  const json::Value *signature = module ? module->get("signature") : nullptr;
  if (!graph || !signature) {
    path.report("expected graph and signature");
    return false;
  }
  json::ObjectMapper graphObject(*graph, path.field("graph"));
  json::ObjectMapper signatureObject(*signature, path.field("signature"));
  return graphObject && graphObject.map("nodes", program.nodes) &&
         graphObject.map("tensor_values", program.tensors) &&
         graphObject.map("sym_int_values", program.symbolicInts) && signatureObject &&
         signatureObject.map("input_specs", program.inputs) &&
         signatureObject.map("output_specs", program.outputs);
}

static bool fromJSON(const json::Value &value, StoredTensor &tensor, json::Path path) {
  json::ObjectMapper object(value, path);
  bool pickled = false;
  std::optional<TensorMeta> meta;
  if (!object || !object.map("path_name", tensor.member) ||
      !object.map("is_param", tensor.isParameter) ||
      !object.mapOptional("use_pickle", pickled) || !object.map("tensor_meta", meta))
    return false;
  if (pickled || !meta || !meta->strided) {
    path.report("not a plain dense tensor (pickled, sparse or a custom object)");
    return false;
  }
  auto constants = [&](const std::vector<SymbolicExpression> &from,
                       std::vector<int64_t> &to) {
    for (const SymbolicExpression &expression : from)
      to.push_back(expression.isConstant() ? expression.value : -1);
    return llvm::all_of(to, [](int64_t number) { return number >= 0; });
  };
  if (!constants(meta->sizes, tensor.sizes) || !constants(meta->strides, tensor.strides) ||
      tensor.sizes.size() != tensor.strides.size() || !meta->storageOffset.isConstant() ||
      meta->storageOffset.value < 0) {
    path.report("a stored tensor needs constant sizes, strides and offset");
    return false;
  }
  tensor.type = meta->type;
  tensor.offset = meta->storageOffset.value;
  tensor.requiresGrad = meta->requiresGrad;
  return true;
}

} // namespace nnc::pt2

/// The JSON parser recurses: refuse what would exhaust the stack.
static llvm::Expected<json::Value> parseJson(StringRef text, StringRef what) {
  unsigned depth = 0, deepest = 0;
  bool quoted = false;
  for (size_t index = 0; index < text.size(); ++index) {
    char c = text[index];
    if (quoted) {
      index += c == '\\';
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  if (deepest > 200)
    return llvm::createStringError(what + " is nested too deeply to be a model's");
  llvm::Expected<json::Value> value = json::parse(text);
  if (!value)
    return llvm::createStringError(what + " is not valid JSON: " +
                                   llvm::toString(value.takeError()));
  return value;
}

static llvm::Error checkVersion(const json::Value &root) {
  const json::Object *object = root.getAsObject();
  const json::Object *version = object ? object->getObject("schema_version") : nullptr;
  std::optional<int64_t> major = version ? version->getInteger("major") : std::nullopt;
  if (!major)
    return llvm::createStringError("models/model.json has no schema_version.major: it is "
                                   "not the model of a .pt2 file");
  if (*major != 8)
    return llvm::createStringError(
        "the file has schema version " + llvm::Twine(*major) +
        ", and version 8 is understood; write it with a PyTorch of 2.8 or later that "
        "uses schema 8");
  return llvm::Error::success();
}

llvm::Error nnc::pt2::parseModel(StringRef text, ExportedProgram &program) {
  llvm::Expected<json::Value> root = parseJson(text, "models/model.json");
  if (!root)
    return root.takeError();
  if (llvm::Error error = checkVersion(*root))
    return error;
  json::Path::Root failure("model");
  json::Path path(failure);
  const json::Value *module = root->getAsObject()->get("graph_module");
  if (!module)
    return llvm::createStringError("models/model.json has no graph_module");
  json::ObjectMapper object(*root, path);
  if (readGraphModule(*module, program, path.field("graph_module")) &&
      object.map("range_constraints", program.ranges) &&
      object.mapOptional("torch_version", program.torchVersion))
    return llvm::Error::success();
  return llvm::createStringError("models/model.json: " +
                                 llvm::toString(failure.getError()));
}

llvm::Expected<std::map<std::string, StoredTensor>>
nnc::pt2::parsePayload(StringRef text) {
  llvm::Expected<json::Value> root = parseJson(text, "the list of stored tensors");
  if (!root)
    return root.takeError();
  std::map<std::string, StoredTensor> tensors;
  json::Path::Root failure("payload");
  json::ObjectMapper object(*root, failure);
  if (object && object.map("config", tensors))
    return tensors;
  return llvm::createStringError(llvm::toString(failure.getError()));
}
