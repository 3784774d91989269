#include "tools/nnc/Check.h"
#include "tools/nnc/Commands.h"
#include "tools/nnc/Explanation.h"
#include "tools/nnc/Model.h"
#include "compiler/Report.h"
#include "tools/nnc/Npy.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace nnc::cli {
namespace {

struct CompileCommand {
  ModelOptions model;
  std::string output, name, target, emit, train, evaluation;
  std::string inputs;
  int64_t batch = 0;
  double memoryBudget = 0; // bytes
  bool gradient = false, frozen = false, explain = false, check = false, timing = false;

  Error run() const {
    if (model.path.empty() == train.empty())
      return createStringError("give MODEL, or the model exported in train() and in eval() as --train FILE --eval FILE");
    if (!evaluation.empty() && train.empty())
      return createStringError("--eval FILE goes with --train FILE");
    Expected<CompileOptions> options = model.compileOptions();
    if (!options)
      return options.takeError();
    if (options->optimizer && !options->loss)
      return createStringError("an optimizer needs a loss: add --loss, such as --loss cross_entropy");
    if (!train.empty())
      options->model = train;
    options->trainAsExported = !train.empty();
    options->evaluationModel = evaluation;
    options->gradient = gradient;
    options->frozen = frozen;
    options->timing = timing;
    if (frozen && (gradient || options->loss))
      return createStringError("--frozen fixes the parameters: leave out --loss, --optimizer and --gradient");
    options->memoryBudget = int64_t(memoryBudget);
    options->name = name;
    options->target = target;
    for (StringRef path : {StringRef(options->model), StringRef(evaluation)})
      if (!path.empty() && !sys::fs::exists(path))
        return createStringError(path + ": no such file");
    if (frozen && check)
      return createStringError("--check needs no frozen parameters: leave out --frozen");
    options->reportBatch = batch;
    if (check && !target.empty())
      return createStringError("--check runs the model on this machine: leave out --target");
    if (check)
      return checkKernels(*options, inputs, batch);
    if (!emit.empty() && emit != "so")
      return printStage(*options);
    if (explain && output.empty()) {
      Expected<ModelReport> report = describeCompilation(*options);
      if (!report)
        return report.takeError();
      printWarnings(*report);
      printMemoryFits(*report);
      printExplanation(*report);
      return Error::success();
    }
    if (output.empty())
      return createStringError("where to? Add -o DIR/NAME");
    StringRef prefix = output;
    prefix.consume_back(".so");
    ModelReport report;
    if (Error error = compileLibrary(*options, prefix, &report))
      return error;
    printWarnings(report);
    printMemoryFits(report);
    if (explain)
      printExplanation(report);
    return Error::success();
  }

  Error printStage(const CompileOptions &options) const {
    std::optional<Stage> stage = parseStage(emit);
    if (!stage)
      return createStringError("--emit " + emit + ": it is one of graph, train, core, kernels, plan, loops, llvm, so");
    Expected<std::string> text = compileToText(options, *stage);
    if (!text)
      return text.takeError();
    if (!output.empty())
      return writeFile(output, *text);
    outs() << *text;
    return Error::success();
  }
};

} // namespace

void addCompile(CLI::App &app, Action &action) {
  auto command = std::make_shared<CompileCommand>();
  CLI::App *verb = app.add_subcommand("compile", "Compiles a model to NAME.so with NAME.h and NAME.hpp");
  command->model.addTo(*verb);
  verb->get_option("MODEL")->required(false);
  verb->add_option("--train", command->train, "Instead of MODEL: the model exported in train(), for training and gradients");
  verb->add_option("--eval", command->evaluation, "With --train: the same model exported in eval(), for forward");
  command->model.addTrainingTo(*verb);
  verb->add_flag("--gradient", command->gradient, "Adds the entry `grad`: gradients of the outputs");
  verb->add_flag("--frozen", command->frozen,
                 "For inference alone: parameters become constants of the library; nothing to set, load or save");
  verb->add_option("--memory-budget", command->memoryBudget,
                   "Most bytes for activations, such as 20MB, for batches of --batch or of any size: what does not fit is "
                   "computed again where it is read")
      ->transform(CLI::AsNumberWithUnit(std::map<std::string, double>{
          {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}))
      ->check(CLI::Range(1.0, 1e15));
  verb->add_option("--target", command->target,
                   "A triple such as aarch64-linux-gnu: the machines to compile for, all of them or those of --cpu; without "
                   "it this one");
  verb->add_option("-o,--output", command->output, "DIR/NAME; with --emit a file for the text");
  verb->add_option("--name", command->name, "The prefix of the C functions; without it the NAME of -o");
  verb->add_option("--emit", command->emit, "Prints a stage: graph, train, core, kernels, plan, loops, llvm");
  verb->add_flag("--explain", command->explain, "Prints every kernel: what was fused, how it is computed, and its work");
  verb->add_flag("--timing", command->timing, "Prints to standard error how long each stage of the compilation takes");
  verb->add_flag("--check", command->check,
                 "Instead of a library: compares every kernel with the naive reference, on the same operands");
  verb->add_option("--inputs", command->inputs, "With --check: inputs of forward (.npz); without it they are made up");
  verb->add_option("--batch", command->batch, "With --check, --explain and --memory-budget: size of the batch")->check(CLI::PositiveNumber);
  verb->callback([command, &action] { action = [command] { return command->run(); }; });
}

} // namespace nnc::cli
