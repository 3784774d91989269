#include "tools/nnc/Library.h"
#include "codegen/library/Library.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Support/FileSystem.h"
#include <dlfcn.h>

using namespace llvm;

namespace nnc::cli {

struct Library::Functions {
  decltype(&nnc_rt_call) call;
  decltype(&nnc_rt_output_dims) outputDims;
  int32_t (*create)(const nnc_options *, nnc_instance **, char *, size_t);
  void (*destroy)(nnc_instance *);
  const char *(*signature)();
  size_t (*arenaBytes)(int64_t, int64_t);
  const char *(*lastError)(const nnc_instance *);
  decltype(&nnc_rt_save) save;
  decltype(&nnc_rt_load) load;
  decltype(&nnc_rt_set_lr) setLearningRate;
  size_t (*parameterBytes)(const char *);
  decltype(&nnc_rt_parameter_get) parameterGet;
};

namespace {

nnc_tensor boundary(const Tensor &tensor) {
  nnc_tensor out = {};
  out.data = const_cast<std::byte *>(tensor.bytes.data());
  out.dtype = int32_t(tensor.type);
  out.rank = int32_t(tensor.dims.size());
  llvm::copy(tensor.dims, out.dims);
  return out;
}

} // namespace

Expected<std::unique_ptr<Library>> Library::open(StringRef path) {
  Expected<std::string> prefix = libraryPrefix(path);
  if (!prefix)
    return createStringError(path + ": " + toString(prefix.takeError()));
  SmallString<256> absolute = path; // a bare file name would be looked up in the system's folders
  sys::fs::make_absolute(absolute);
  auto library = std::unique_ptr<Library>(new Library);
  library->handle = dlopen(absolute.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library->handle)
    return createStringError(path + ": cannot load: " + dlerror());
  library->functions = std::make_unique<Functions>();
  std::string missing;
  auto bind = [&](auto &function, const char *suffix) {
    std::string name = *prefix + suffix;
    function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library->handle, name.c_str()));
    if (!function)
      missing = name;
  };
  Functions &f = *library->functions;
  bind(f.signature, "_signature");
  bind(f.create, "_create");
  bind(f.arenaBytes, "_arena_bytes");
  bind(f.destroy, "_destroy");
  bind(f.call, "_call");
  bind(f.outputDims, "_output_dims");
  bind(f.lastError, "_last_error");
  if (!missing.empty())
    return createStringError(path + ": not a library of this version of nnc: it lacks " + missing);
  // Present where there is an optimizer; unless the library is frozen.
  bind(f.setLearningRate, "_set_lr");
  bind(f.save, "_save");
  bind(f.load, "_load");
  bind(f.parameterBytes, "_parameter_bytes");
  bind(f.parameterGet, "_parameter_get");

  Expected<Signature> signature = parseSignature(f.signature());
  if (!signature)
    return createStringError(path + ": " + toString(signature.takeError()));
  library->parsed = std::move(*signature);
  return library;
}

Library::~Library() {
  if (handle)
    dlclose(handle);
}

Expected<const Entry *> Library::entry(StringRef name) const {
  if (const Entry *found = parsed.findEntry(name))
    return found;
  StringRef remedy = name == "grad" ? "--gradient" : "--loss and --optimizer";
  return createStringError("the library '" + parsed.interface.name + "' has no entry " + name +
                           ": compile it with " + remedy);
}

size_t Library::memoryBytes(int64_t batch) const { return functions->arenaBytes(batch, 1); }

Expected<std::unique_ptr<Instance>> Library::create(const InstanceOptions &options) {
  nnc_options c = {};
  c.struct_size = sizeof(c);
  c.abi_hash = parsed.abiHash;
  c.threads = options.threads;
  c.max_batch = options.maxBatch;
  c.seed = options.seed;
  nnc_instance *handle = nullptr;
  char message[512] = "";
  if (functions->create(&c, &handle, message, sizeof(message)) != NNC_OK)
    return createStringError(Twine(parsed.interface.name) + ": " + message);
  return std::unique_ptr<Instance>(new Instance(*this, handle));
}

Instance::~Instance() { library.functions->destroy(handle); }

Error Instance::failure(int32_t status) const {
  const char *text = library.functions->lastError(handle);
  return createStringError(Twine(library.signature().interface.name) + ": " +
                           (text && *text ? Twine(text) : "status " + Twine(status)));
}

Error Instance::noParameters() const {
  return createStringError("the library '" + library.signature().interface.name +
                           "' is frozen: its parameters are fixed; compile it without --frozen");
}

Expected<std::vector<Tensor>> Instance::call(const Entry &entry, ArrayRef<Tensor> inputs) {
  std::vector<Tensor> outputs;
  if (Error error = call(entry, inputs, outputs))
    return error;
  return outputs;
}

Error Instance::call(const Entry &entry, ArrayRef<Tensor> inputs, std::vector<Tensor> &outputs) {
  for (const Tensor &tensor : inputs)
    if (tensor.dims.size() > NNC_MAX_RANK)
      return createStringError(describe(tensor) + " has more than " + Twine(int(NNC_MAX_RANK)) + " axes");
  SmallVector<nnc_tensor> in = map_to_vector(inputs, boundary);
  SmallVector<nnc_tensor> out(entry.outputs.size());
  const Library::Functions &f = *library.functions;
  if (int32_t status = f.outputDims(handle, entry.name.c_str(), in.data(), in.size(), out.data(), out.size()))
    return failure(status);
  outputs.resize(out.size());
  for (auto [tensor, c] : llvm::zip(outputs, out)) {
    std::vector<int64_t> dims(c.dims, c.dims + c.rank);
    if (tensor.type != ElementType(c.dtype) || tensor.dims != dims || tensor.bytes.empty())
      tensor = Tensor(ElementType(c.dtype), std::move(dims));
    c.data = tensor.bytes.data();
  }
  if (int32_t status = f.call(handle, entry.name.c_str(), in.data(), in.size(), out.data(), out.size()))
    return failure(status);
  return Error::success();
}

Error Instance::save(StringRef path) {
  if (!library.functions->save)
    return noParameters();
  if (int32_t status = library.functions->save(handle, path.str().c_str()))
    return failure(status);
  return Error::success();
}

Error Instance::load(StringRef path) {
  if (!library.functions->load)
    return noParameters();
  if (int32_t status = library.functions->load(handle, path.str().c_str()))
    return failure(status);
  return Error::success();
}

Error Instance::setLearningRate(double rate) {
  if (!library.functions->setLearningRate)
    return createStringError("the library has no optimizer: compile it with --optimizer");
  if (int32_t status = library.functions->setLearningRate(handle, rate))
    return failure(status);
  return Error::success();
}

Expected<std::vector<std::byte>> Instance::parameter(StringRef name) {
  if (!library.functions->parameterGet)
    return noParameters();
  std::string key = name.str();
  std::vector<std::byte> bytes(library.functions->parameterBytes(key.c_str()));
  if (int32_t status = library.functions->parameterGet(handle, key.c_str(), bytes.data(), bytes.size()))
    return failure(status);
  return bytes;
}

} // namespace nnc::cli
