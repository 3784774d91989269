#include "tools/nnc/Model.h"
#include "compiler/Report.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace nnc::cli {

void ModelOptions::addTo(CLI::App &command) {
  command.add_option("MODEL", path, "A .pt2 file of torch.export, or a library made by `nnc compile`")
      ->required();
  command.add_option("-O", optimization, "0: one naive kernel for each op (the reference), 2: everything")
      ->check(CLI::IsMember({0, 2}))
      ->capture_default_str();
  command.add_option("--cpu,--mcpu", cpu, "`native`, the default on this machine, or a name of LLVM such as x86-64-v3, x86-64-v4, znver4");
  command.add_option("--max-batch", maxBatch, "Bound of a dimension that was exported without one")
      ->check(CLI::PositiveNumber);
  command.add_flag("!--no-winograd", winograd,
                   "Without Winograd's filtering of 3x3 convolutions, which is faster and rounds more coarsely");
}

void ModelOptions::addTrainingTo(CLI::App &command) {
  command.add_option("--loss", loss,
                     "NAME[:key=value,...] of torch.nn.functional, such as cross_entropy:label_smoothing=0.1; "
                     "`output` where the model returns the loss");
  command.add_option("--optimizer", optimizer,
                     "sgd, adam or adamw[:key=value,...] as in torch.optim, such as sgd:lr=0.01,momentum=0.9 or adam:lr=1e-3");
}

void RuntimeOptions::addTo(CLI::App &command) {
  command.add_option("--threads", threads, "Threads to use; results do not depend on it")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command.add_option("--seed", seed, "Seed of dropout and of the order of the samples")->capture_default_str();
  command.add_option("--load", checkpoint, "A checkpoint (.safetensors) to start from");
}

Expected<CompileOptions> ModelOptions::compileOptions() const {
  CompileOptions result;
  result.model = path;
  result.optimization = optimization;
  result.cpu = cpu;
  result.maxBatch = maxBatch;
  result.winograd = winograd;
  for (auto [text, parsed] : {std::pair(&loss, &result.loss), {&optimizer, &result.optimizer}}) {
    if (text->empty())
      continue;
    Expected<NamedOptions> named = NamedOptions::parse(*text);
    if (!named)
      return named.takeError();
    *parsed = std::move(*named);
  }
  return result;
}

std::string prefixOf(StringRef path) {
  std::string name = sys::path::stem(path).str();
  for (char &c : name)
    if (!isAlnum(c))
      c = '_';
  return name.empty() || isDigit(name[0]) ? "model_" + name : name;
}

Expected<std::unique_ptr<Library>> openModel(const ModelOptions &options, Purpose purpose, ModelReport *kernels,
                                             int64_t batch) {
  if (!sys::fs::exists(options.path))
    return createStringError(options.path + ": no such file");
  if (StringRef(options.path).ends_with(".so")) {
    if (!options.loss.empty() || !options.optimizer.empty())
      return createStringError(options.path + " is compiled already: --loss and --optimizer are options of the "
                                              "compilation");
    if (kernels)
      return createStringError(options.path + " is compiled already, without clocks around its kernels: give the .pt2");
    return Library::open(options.path);
  }
  Expected<CompileOptions> compile = options.compileOptions();
  if (!compile)
    return compile.takeError();
  if (purpose == Purpose::Training && !compile->loss)
    return createStringError("training needs a loss: add --loss, such as --loss cross_entropy");
  compile->gradient = purpose == Purpose::Gradient;
  compile->timeKernels = kernels != nullptr;
  compile->reportBatch = batch;
  return openCompiled(*compile, kernels);
}

Expected<std::unique_ptr<Library>> openCompiled(CompileOptions options, ModelReport *report) {
  options.name = prefixOf(options.model);
  SmallString<128> folder;
  if (std::error_code code = sys::fs::createUniqueDirectory("nnc", folder))
    return createStringError("cannot make a temporary folder: " + code.message());
  auto removed = scope_exit([&] { sys::fs::remove_directories(folder); }); // a loaded file stays mapped
  const std::string prefix = (folder + "/" + options.name).str();
  if (Error error = compileLibrary(options, prefix, report))
    return error;
  return Library::open(prefix + ".so");
}

Expected<std::unique_ptr<Instance>> createInstance(Library &library, const RuntimeOptions &options, int64_t batch) {
  const std::vector<SymbolInfo> &symbols = library.signature().interface.symbols;
  if (batch && !symbols.empty() && (batch < symbols[0].minimum || batch > symbols[0].maximum))
    return createStringError("--batch " + Twine(batch) + ": " + symbols[0].name + " may range from " +
                             Twine(symbols[0].minimum) + " to " + Twine(symbols[0].maximum));
  Expected<std::unique_ptr<Instance>> instance =
      library.create({options.threads, symbols.empty() ? 0 : batch, options.seed});
  if (!instance)
    return instance;
  if (!options.checkpoint.empty())
    if (Error error = (*instance)->load(options.checkpoint))
      return error;
  return instance;
}

} // namespace nnc::cli
