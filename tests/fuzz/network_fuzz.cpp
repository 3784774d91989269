// Random networks through the whole compiler: `network_fuzz FIRST LAST` takes those of
// the seeds FIRST to LAST. Each is compiled at -O0 and -O2, in f64 and f32, and its
// libraries are compared: forward, gradients or training, with one and two threads,
// in several batch sizes, frozen, and with a memory budget. `network_fuzz --print SEED` prints a
// network; `--cpu CPU` before the seeds compiles for less than the machine has.
#include "codegen/library/Library.h"
#include "compiler/Pipeline.h"
#include "tests/fuzz/RandomNetwork.h"
#include "tools/nnc/Library.h"
#include "tools/nnc/Npz.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"
#include <cmath>

using namespace llvm;
using namespace nnc;
using namespace nnc::fuzz;
using cli::Npz;
using cli::Tensor;

namespace {

//===-- compiling -----------------------------------------------------------------------===//

struct Built {
  std::unique_ptr<cli::Library> library;
  bool needsBatch = false, frozen = false;
  int64_t arenaBytes = 0; ///< the largest of its entries, for `budgetedBatch`
};

// The largest batch that is run: what memory budgets are for.
constexpr int64_t budgetedBatch = 8;

std::string targetCpu = "native";

/// Starts a compilation whose graph is the network's.
Error buildGraph(Compilation &c, const Recipe &recipe, bool f64, bool &needsBatch) {
  if (Error error = startCompilation(c))
    return error;
  mlir::MLIRContext *context = c.context.get();
  mlir::ScopedDiagnosticHandler handler(context, [&](mlir::Diagnostic &diagnostic) {
    c.diagnostics.push_back(diagnostic.str());
    return mlir::success();
  });
  c.module = mlir::ModuleOp::create(mlir::UnknownLoc::get(context));
  mlir::Type element = f64 ? mlir::Type(mlir::Float64Type::get(context)) : mlir::Float32Type::get(context);
  RandomNetwork forward(*c.module, "forward", recipe, element, false), exported(*c.module, "exported", recipe, element, true);
  forward.build();
  exported.build();
  if (!c.options.loss && !c.options.gradient)
    c.module->lookupSymbol("exported")->erase();
  needsBatch = forward.needsBatch;
  if (failed(mlir::verify(*c.module)))
    c.diagnostics.push_back("the network does not verify");
  if (!c.diagnostics.empty())
    return createStringError("graph: " + join(c.diagnostics, "\n"));
  pt2::ImportedModel source;
  for (auto &[name, bytes] : forward.weights) {
    pt2::Blob &blob = source.blobs[name];
    blob.owned = std::move(bytes);
    blob.bytes = {blob.owned.data(), blob.owned.size()};
  }
  c.sources.push_back(std::move(source));
  return Error::success();
}

/// How a network is compiled.
struct Form {
  bool f64;
  int optimization;
  bool frozen = false; ///< forward alone, with its parameters as constants
  int64_t memoryBudget = 0;
};

Expected<Built> compile(const Recipe &recipe, const Form &form, const Twine &prefix) {
  Compilation c;
  c.options.cpu = targetCpu;
  c.options.reportBatch = budgetedBatch;
  c.options.memoryBudget = form.memoryBudget;
  c.options.frozen = form.frozen;
  c.options.model = "network";
  c.options.name = "network";
  c.options.optimization = form.optimization;
  if (!form.frozen) {
    c.options.loss = recipe.loss;
    c.options.optimizer = recipe.optimizer;
    c.options.gradient = !recipe.loss;
  }
  Built built;
  built.frozen = form.frozen;
  if (Error error = buildGraph(c, recipe, form.f64, built.needsBatch))
    return error;
  if (Error error = runStagesAfterGraph(c, Stage::Object))
    return error;
  for (const FunctionReport &function : c.report.functions)
    built.arenaBytes = std::max(built.arenaBytes, function.arenaBytes);
  if (Error error = writeLibrary(c.layout.interface, c.objects, c.layout.initialData, prefix.str()))
    return error;
  Expected<std::unique_ptr<cli::Library>> library = cli::Library::open((prefix + ".so").str());
  if (!library)
    return library.takeError();
  built.library = std::move(*library);
  return built;
}

//===-- running --------------------------------------------------------------------------===//

struct Setting {
  int64_t batch = 3, length = 1, threads = 1;
};

/// Inputs that depend on their name and the seed alone; the same values in f32 and f64.
std::vector<Tensor> makeInputs(const cli::Library &library, const Entry &entry, const Recipe &recipe,
                               const Setting &setting) {
  const std::vector<SymbolInfo> &symbols = library.signature().interface.symbols;
  std::vector<Tensor> inputs;
  for (const BoundaryTensor &boundary : entry.inputs) {
    std::vector<int64_t> dims;
    for (const BoundaryDim &dim : boundary.dims)
      dims.push_back(dim.kind == BoundaryDim::Static ? dim.value
                                                     : symbols[dim.value].name == "N" ? setting.batch : setting.length);
    Tensor tensor(boundary.type, dims);
    Draw draw(xxh3_64bits(boundary.name) + recipe.seed);
    const bool probability = boundary.name == "target";
    for (int64_t i = 0, count = tensor.size(); i < count; ++i) {
      float value = float(draw.between(-2000, 2000)) / 1000;
      value = probability ? (value + 2) / 4 : value;
      switch (boundary.type) {
      case ElementType::F32: tensor.data<float>()[i] = value; break;
      case ElementType::F64: tensor.data<double>()[i] = value; break;
      default: tensor.data<int64_t>()[i] = draw.between(boundary.range.low, boundary.range.high - 1);
      }
    }
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

/// Calls an entry and adds its outputs to `results`.
Error call(const cli::Library &library, cli::Instance &instance, StringRef name, const Recipe &recipe,
           const Setting &setting, Npz &results) {
  Expected<const Entry *> entry = library.entry(name);
  if (!entry)
    return entry.takeError();
  Expected<std::vector<Tensor>> outputs = instance.call(**entry, makeInputs(library, **entry, recipe, setting));
  if (!outputs)
    return outputs.takeError();
  for (auto [boundary, tensor] : zip((*entry)->outputs, *outputs))
    results.add((name + "/" + boundary.name).str(), std::move(tensor));
  return Error::success();
}

/// Everything that one instance computes in this setting.
Expected<Npz> run(const Built &built, const Recipe &recipe, const Setting &setting) {
  const cli::Library &library = *built.library;
  auto instance = built.library->create({setting.threads, 0, int64_t(recipe.seed)});
  if (!instance)
    return instance.takeError();
  // Forward also behind the updates: what was prepared from the parameters is not valid any more.
  SmallVector<StringRef> entries{"forward", "grad", "forward"};
  if (built.frozen)
    entries = {"forward"};
  else if (recipe.loss)
    entries = {"forward", "train_step", "forward", "forward_backward", "optimizer_step", "train_step", "forward"};
  Npz results;
  for (auto [step, entry] : enumerate(entries)) {
    Npz outputs;
    if (Error error = call(library, **instance, entry, recipe, setting, outputs))
      return error;
    for (auto &[key, tensor] : outputs.arrays)
      results.add(std::to_string(step) + " " + key, std::move(tensor));
  }
  if (recipe.loss && !built.frozen)
    for (const StateVariable &variable : library.signature().interface.state) {
      if (variable.kind != StateVariable::Parameter && variable.kind != StateVariable::Buffer)
        continue;
      Expected<std::vector<std::byte>> bytes = (*instance)->parameter(variable.name);
      if (!bytes)
        return bytes.takeError();
      Tensor tensor(variable.type, variable.dims);
      tensor.bytes = std::move(*bytes);
      results.add(variable.name + " afterwards", std::move(tensor));
    }
  return results;
}

//===-- comparing --------------------------------------------------------------------------===//

double largest(const Tensor &tensor) {
  double result = 0;
  for (int64_t i = 0, count = tensor.size(); i < count; ++i)
    if (std::isfinite(tensor.at(i)))
      result = std::max(result, std::fabs(tensor.at(i)));
  return result;
}

double largestError(const Tensor &actual, const Tensor &expected) {
  double result = 0;
  for (int64_t i = 0, count = expected.size(); i < count; ++i) {
    double a = actual.at(i), e = expected.at(i);
    if (a != e && !(std::isnan(a) && std::isnan(e)))
      result = std::isnan(a - e) ? INFINITY : std::max(result, std::fabs(a - e));
  }
  return result;
}

/// What differs by more than `tolerance` of the largest value, or 8 times what `own`
/// (other code in the same element type) differs; empty: nothing.
std::string compare(const Npz &actual, const Npz &expected, double tolerance, const Npz *own = nullptr) {
  std::string wrong;
  double overall = 0; // gradients that cancel to nothing keep the rounding of what cancels
  for (const auto &[key, tensor] : expected.arrays)
    overall = std::max(overall, largest(tensor));
  for (const auto &[key, tensor] : expected.arrays) {
    const Tensor *found = actual.find(key);
    if (!found || found->dims != tensor.dims) {
      wrong += "\n  " + key + " is missing or has another shape";
      continue;
    }
    double allowed = tolerance * std::max(largest(tensor), 1e-2 * overall);
    if (own)
      allowed = std::max(allowed, 8 * largestError(*own->find(key), tensor));
    double error = largestError(*found, tensor);
    if (!(error <= allowed))
      raw_string_ostream(wrong) << "\n  " << key << ": error " << format("%.3g, allowed %.3g", error, allowed)
                                << ", largest value " << format("%.3g", largest(tensor));
  }
  return wrong;
}

/// What the first call of forward returned, of all of a run.
Npz firstForward(const Npz &results) {
  Npz forward;
  for (const auto &[key, tensor] : results.arrays)
    if (StringRef(key).starts_with("0 forward/"))
      forward.add(key, tensor);
  return forward;
}

bool sameBytes(const Npz &a, const Npz &b) {
  for (const auto &[key, tensor] : a.arrays)
    if (tensor.bytes != b.find(key)->bytes)
      return false;
  return true;
}

//===-- one seed ---------------------------------------------------------------------------===//

/// Empty: all libraries of the network agree.
Expected<std::string> check(uint64_t seed) {
  const Recipe recipe = Recipe::draw(seed);
  SmallString<128> folder;
  if (std::error_code code = sys::fs::createUniqueDirectory("nnc-fuzz", folder))
    return errorCodeToError(code);
  auto removed = scope_exit([&] { sys::fs::remove_directories(folder); });
  struct Code {
    const char *name;
    Form form;
    Built built;
  } codes[] = {{"f64 -O0", {true, 0}, {}}, {"f64 -O2", {true, 2}, {}}, {"f32 -O0", {false, 0}, {}}, {"f32 -O2", {false, 2}, {}}};
  for (Code &code : codes) {
    Expected<Built> built = compile(recipe, code.form, folder + "/network" + Twine(&code - codes));
    if (!built)
      return code.name + (": " + toString(built.takeError()));
    code.built = std::move(*built);
  }
  // With values computed again in a smaller arena, where there are such.
  std::optional<Built> smaller;
  int64_t budget = codes[1].built.arenaBytes * 9 / 10;
  if (Expected<Built> built = compile(recipe, {true, 2, false, std::max<int64_t>(budget, 1)}, folder + "/smaller")) {
    if (built->arenaBytes > budget)
      return "f64 -O2: an arena of " + std::to_string(built->arenaBytes) + " bytes exceeds the budget of " + std::to_string(budget);
    smaller = std::move(*built);
  } else if (std::string text = toString(built.takeError()); !StringRef(text).contains("at least with values computed again")) {
    return "f64 -O2 with a budget: " + text;
  }
  // In one of the two types, where that is possible.
  const bool frozenInF64 = seed % 2;
  std::optional<Built> frozen;
  if (Expected<Built> built = compile(recipe, {frozenInF64, 2, true}, folder + "/frozen"))
    frozen = std::move(*built);
  else if (std::string text = toString(built.takeError()); !StringRef(text).contains("it cannot be frozen"))
    return "frozen: " + text;
  std::vector<int64_t> batches{3};
  if (recipe.dynamicBatch)
    batches = codes[0].built.needsBatch ? std::vector<int64_t>{3, 5} : std::vector<int64_t>{3, 1, 8};
  std::string wrong;
  for (int64_t batch : batches) {
    Setting setting{batch, batch + 1, 1};
    Npz results[4];
    for (auto [code, result] : zip(codes, results))
      for (int64_t threads : {1, 2}) {
        setting.threads = threads;
        Expected<Npz> got = run(code.built, recipe, setting);
        if (!got)
          return code.name + (", batch " + std::to_string(batch) + ": " + toString(got.takeError()));
        if (threads == 1)
          result = std::move(*got);
        else if (!sameBytes(result, *got))
          wrong += std::string("\n ") + code.name + ", batch " + std::to_string(batch) + ": two threads change the result";
      }
    if (smaller) {
      Expected<Npz> got = run(*smaller, recipe, setting);
      if (!got)
        return "f64 -O2 with a budget, batch " + std::to_string(batch) + ": " + toString(got.takeError());
      if (!sameBytes(results[1], *got))
        wrong += "\n f64 -O2, batch " + std::to_string(batch) + ": a memory budget changes the result";
    }
    std::string where = ", batch " + std::to_string(batch) + ":";
    if (frozen && (frozenInF64 || recipe.smooth)) {
      Expected<Npz> got = run(*frozen, recipe, setting);
      if (!got)
        return "frozen, batch " + std::to_string(batch) + ": " + toString(got.takeError());
      if (std::string text = compare(*got, firstForward(results[0]), frozenInF64 ? 1e-9 : 2e-5, frozenInF64 ? nullptr : &results[2]); !text.empty())
        wrong += "\n frozen" + where + text;
    }
    if (std::string text = compare(results[1], results[0], 1e-9); !text.empty())
      wrong += "\n " + std::string(codes[1].name) + where + text;
    // Across a kink a gradient jumps, and Adam divides by gradients that may be rounding alone.
    if (recipe.smooth && !recipe.loss)
      if (std::string text = compare(results[3], results[0], 2e-5, &results[2]); !text.empty())
        wrong += "\n " + std::string(codes[3].name) + where + text;
  }
  return wrong;
}

int print(uint64_t seed) {
  const Recipe recipe = Recipe::draw(seed);
  Compilation c;
  bool needsBatch;
  if (Error error = buildGraph(c, recipe, true, needsBatch)) {
    errs() << toString(std::move(error)) << "\n";
    return 1;
  }
  outs() << "// seed " << seed << ": " << recipe.describe() << "\n";
  c.module->print(outs());
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  sys::PrintStackTraceOnErrorSignal(argv[0]);
  EnablePrettyStackTrace();
  if (argc > 2 && StringRef(argv[1]) == "--cpu") {
    targetCpu = argv[2];
    argv += 2;
    argc -= 2;
  }
  const bool prints = argc == 3 && StringRef(argv[1]) == "--print";
  uint64_t first, last;
  if (argc != 3 || StringRef(argv[2]).getAsInteger(10, last) || (!prints && StringRef(argv[1]).getAsInteger(10, first))) {
    errs() << "usage: network_fuzz [--cpu CPU] (FIRST LAST | --print SEED)\n";
    return 2;
  }
  if (prints)
    return print(last);
  int failures = 0;
  for (uint64_t seed = first; seed <= last; ++seed) {
    PrettyStackTraceFormat where("seed %llu", (unsigned long long)seed);
    Expected<std::string> wrong = check(seed);
    std::string text = wrong ? *wrong : "\n " + toString(wrong.takeError());
    if (text.empty())
      continue;
    ++failures;
    outs() << "seed " << seed << " (" << Recipe::draw(seed).describe() << ")" << text << "\n";
    outs().flush();
  }
  outs() << "seeds " << first << " to " << last << ": " << failures << " failed\n";
  return failures != 0;
}
