#include "compiler/frontends/pt2/ExportedProgram.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace nnc::pt2;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;

static const struct {
  ScalarType type;
  StringRef name;
  unsigned bytes;
} scalarTypes[] = {
    {ScalarType::Byte, "uint8", 1},
    {ScalarType::Char, "int8", 1},
    {ScalarType::Short, "int16", 2},
    {ScalarType::Int, "int32", 4},
    {ScalarType::Long, "int64", 8},
    {ScalarType::Half, "float16", 2},
    {ScalarType::Float, "float32", 4},
    {ScalarType::Double, "float64", 8},
    {ScalarType::ComplexHalf, "complex32", 4},
    {ScalarType::ComplexFloat, "complex64", 8},
    {ScalarType::ComplexDouble, "complex128", 16},
    {ScalarType::Bool, "bool", 1},
    {ScalarType::BFloat16, "bfloat16", 2},
    {ScalarType::UInt16, "uint16", 2},
    {ScalarType::Float8E4M3FN, "float8_e4m3fn", 1},
    {ScalarType::Float8E5M2, "float8_e5m2", 1},
    {ScalarType::Float8E4M3FNUZ, "float8_e4m3fnuz", 1},
    {ScalarType::Float8E5M2FNUZ, "float8_e5m2fnuz", 1},
    {ScalarType::Float8E8M0FNU, "float8_e8m0fnu", 1},
    {ScalarType::UInt32, "uint32", 4},
    {ScalarType::UInt64, "uint64", 8},
};

StringRef nnc::pt2::name(ScalarType type) {
  for (const auto &entry : scalarTypes)
    if (entry.type == type)
      return entry.name;
  return "unknown";
}

unsigned nnc::pt2::byteWidth(ScalarType type) {
  for (const auto &entry : scalarTypes)
    if (entry.type == type)
      return entry.bytes;
  return 0;
}

const Argument *Node::find(StringRef argument) const {
  for (const NamedArgument &candidate : arguments)
    if (candidate.name == argument)
      return &candidate.value;
  return nullptr;
}

const StoredTensor *ExportedProgram::stored(StringRef name) const {
  for (const auto *table : {&weights, &constants})
    if (auto found = table->find(name.str()); found != table->end())
      return &found->second;
  return nullptr;
}

bool StoredTensor::isContiguous() const {
  int64_t expected = 1;
  for (size_t axis = sizes.size(); axis-- > 0;) {
    if (sizes[axis] != 1 && strides[axis] != expected)
      return false;
    expected *= sizes[axis];
  }
  return true;
}

std::vector<char> StoredTensor::toContiguous() const {
  size_t width = byteWidth(type);
  size_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  std::vector<char> result(count * width);
  if (count == 0)
    return result;
  if (isContiguous()) {
    std::memcpy(result.data(), bytes.data() + offset * width, result.size());
    return result;
  }
  std::vector<int64_t> index(sizes.size(), 0);
  int64_t position = offset;
  for (size_t element = 0; element < count; ++element) {
    std::memcpy(result.data() + element * width, bytes.data() + position * width, width);
    for (size_t axis = sizes.size(); axis-- > 0;) {
      position += strides[axis];
      if (++index[axis] < sizes[axis])
        break;
      position -= strides[axis] * sizes[axis];
      index[axis] = 0;
    }
  }
  return result;
}

/// The tensor's last element must lie inside of its bytes.
static bool fits(const StoredTensor &tensor) {
  if (llvm::is_contained(tensor.sizes, 0))
    return true;
  int64_t last = tensor.offset;
  int64_t count = 1; // an expanded tensor must not blow up when made contiguous
  for (auto [size, stride] : llvm::zip(tensor.sizes, tensor.strides)) {
    int64_t reach;
    if (llvm::MulOverflow(size - 1, stride, reach) ||
        llvm::AddOverflow(last, reach, last) || llvm::MulOverflow(count, size, count))
      return false;
  }
  uint64_t elements = tensor.bytes.size() / byteWidth(tensor.type);
  return static_cast<uint64_t>(last) < elements &&
         static_cast<uint64_t>(count) <= std::max<uint64_t>(elements, 1) * 4096;
}

/// A list of stored tensors and the bytes of each. Files of PyTorch 2.8 and
/// earlier call the list of weights model_param_config.
static Error readPayload(const Archive &archive, StringRef folder,
                         llvm::ArrayRef<StringRef> configNames,
                         std::map<std::string, StoredTensor> &tensors) {
  for (StringRef configName : configNames) {
    std::string config = (folder + configName).str();
    if (!archive.contains(config))
      continue;
    Expected<StringRef> text = archive.contents(config);
    if (!text)
      return text.takeError();
    Expected<std::map<std::string, StoredTensor>> parsed = parsePayload(*text);
    if (!parsed)
      return llvm::createStringError(archive.path() + ": " + config + ": " +
                                     llvm::toString(parsed.takeError()));
    llvm::StringMap<StringRef> members; // tied tensors: one checksum for all names
    for (auto &[name, tensor] : *parsed) {
      tensor.member = (folder + tensor.member).str();
      StringRef &bytes = members[tensor.member];
      if (!bytes.data()) {
        Expected<StringRef> contents = archive.contents(tensor.member);
        if (!contents)
          return contents.takeError();
        bytes = *contents;
      }
      tensor.bytes = bytes;
      if (!fits(tensor))
        return llvm::createStringError(archive.path() + ": the tensor " + name +
                                       " is larger than its bytes in " + tensor.member);
    }
    tensors = std::move(*parsed);
    return Error::success();
  }
  return llvm::createStringError(archive.path() + ": the archive has no " + folder +
                                 configNames.front());
}

/// Which member is the model's graph, or what the archive holds instead of one.
static Expected<std::string> findModel(const Archive &archive) {
  std::vector<std::string> models;
  bool torchScript = false, checkpoint = false, compiled = false;
  for (StringRef name : archive.names()) {
    StringRef model = name;
    if (model.consume_front("models/") && model.consume_back(".json"))
      models.push_back(model.str());
    torchScript |= name == "constants.pkl" || name.starts_with("code/");
    checkpoint |= name == "data.pkl";
    compiled |= name.starts_with("data/aotinductor/");
  }
  auto failure = [&](const llvm::Twine &what) {
    return llvm::createStringError(archive.path() + ": " + what);
  };
  constexpr StringRef remedy =
      "; write the model with torch.export.save(torch.export.export(model, (x,)), "
      "\"model.pt2\")";
  if (models.size() == 1)
    return models.front();
  if (models.size() > 1)
    return failure("the archive holds " + llvm::Twine(models.size()) +
                   " models; save one model to a file");
  if (torchScript)
    return failure("this is a TorchScript file (torch.jit.save)" + remedy);
  if (checkpoint)
    return failure("this is a checkpoint (torch.save), which holds weights but no graph" +
                   remedy);
  if (compiled)
    return failure("this package holds a model that AOTInductor has compiled, no graph" +
                   remedy);
  return failure("not a .pt2 file: the archive has no models/*.json" + remedy);
}

Expected<ExportedProgram> nnc::pt2::readExportedProgram(StringRef path) {
  Expected<Archive> archive = Archive::open(path);
  if (!archive)
    return archive.takeError();
  return readExportedProgram(std::move(*archive));
}

Expected<ExportedProgram> nnc::pt2::readExportedProgram(Archive opened) {
  auto archive = std::make_shared<const Archive>(std::move(opened));
  ExportedProgram program;
  program.archive = archive;

  Expected<std::string> model = findModel(*archive);
  if (!model)
    return model.takeError();
  if (archive->contains("byteorder")) {
    Expected<StringRef> order = archive->contents("byteorder");
    if (!order)
      return order.takeError();
    if (*order != "little")
      return llvm::createStringError(archive->path() +
                                     ": the weights are not little-endian");
  }
  Expected<StringRef> text = archive->contents("models/" + *model + ".json");
  if (!text)
    return text.takeError();
  Error failed = parseModel(*text, program);
  if (!failed)
    failed = checkReferences(program);
  if (failed)
    return llvm::createStringError(archive->path() + ": " +
                                   llvm::toString(std::move(failed)));

  if (Error error = readPayload(*archive, "data/weights/",
                                {*model + "_weights_config.json",
                                 *model + "_param_config.json", "model_param_config",
                                 "model_param_config.json"},
                                program.weights))
    return error;
  if (Error error = readPayload(*archive, "data/constants/",
                                {*model + "_constants_config.json",
                                 "model_constants_config"},
                                program.constants))
    return error;

  for (const InputSpec &input : program.inputs) {
    bool isState = input.kind == InputSpec::Kind::Parameter ||
                   input.kind == InputSpec::Kind::Buffer ||
                   input.kind == InputSpec::Kind::TensorConstant;
    if (!isState)
      continue;
    const StoredTensor *stored = program.stored(input.name);
    if (!stored)
      return llvm::createStringError(archive->path() + ": the file has no data for " +
                                     input.name);
    const TensorMeta &meta = program.tensors.at(input.value.text);
    bool same = meta.type == stored->type && meta.sizes.size() == stored->sizes.size();
    for (size_t axis = 0; same && axis < meta.sizes.size(); ++axis)
      same = meta.sizes[axis] == SymbolicExpression::constant(stored->sizes[axis]);
    if (!same)
      return llvm::createStringError(archive->path() + ": the type or shape of " +
                                     input.name +
                                     " in the graph differs from the stored tensor's");
  }
  return program;
}

namespace {
/// Walks a program in order and knows what is defined so far.
class ReferenceCheck {
public:
  explicit ReferenceCheck(const ExportedProgram &program) : program(program) {}

  Error define(const Argument &value, const llvm::Twine &where) {
    if (value.kind == Argument::Kind::List) {
      for (const Argument &element : value.list)
        if (Error error = define(element, where))
          return error;
      return Error::success();
    }
    bool tensor = value.kind == Argument::Kind::Tensor;
    bool symbolic = value.kind == Argument::Kind::SymInt;
    if (!tensor && !symbolic)
      return Error::success();
    if (tensor ? !program.tensors.count(value.text) : !program.symbolicInts.count(value.text))
      return llvm::createStringError(where + ": the value " + value.text +
                                     " has no type in the file");
    if (!defined.insert(value.text).second)
      return llvm::createStringError(where + ": the value " + value.text +
                                     " is defined twice");
    return Error::success();
  }

  Error use(const Argument &value, const llvm::Twine &where) const {
    for (const Argument &element : value.list)
      if (Error error = use(element, where))
        return error;
    bool named = value.kind == Argument::Kind::Tensor || value.kind == Argument::Kind::SymInt;
    if (!named || defined.contains(value.text))
      return Error::success();
    return llvm::createStringError(where + ": the value " + value.text +
                                   " is used before it is defined");
  }

private:
  const ExportedProgram &program;
  llvm::StringSet<> defined;
};
} // namespace

Error nnc::pt2::checkReferences(const ExportedProgram &program) {
  ReferenceCheck check(program);
  for (const InputSpec &input : program.inputs)
    if (Error error = check.define(input.value, "input " + input.name))
      return error;
  for (const Node &node : program.nodes) {
    for (const NamedArgument &argument : node.arguments)
      if (Error error = check.use(argument.value, node.target))
        return error;
    for (const Argument &output : node.outputs)
      if (Error error = check.define(output, node.target))
        return error;
  }
  for (const OutputSpec &output : program.outputs)
    if (Error error = check.use(output.value, "outputs"))
      return error;
  return Error::success();
}
