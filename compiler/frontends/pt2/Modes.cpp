#include "compiler/frontends/pt2/Modes.h"
#include "compiler/frontends/pt2/NodeMetadata.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"

using namespace nnc::pt2;
using llvm::Error;
using llvm::StringRef;
using Kind = Argument::Kind;

namespace {
enum class Mode { None, Training, Evaluation };
} // namespace

static StringRef operatorName(const Node &node) {
  StringRef name = node.target;
  name.consume_front("torch.ops.aten.");
  name = name.split('.').first;
  name.consume_back("_");
  return name;
}

static bool isGiven(const Node &node, StringRef argument) {
  const Argument *found = node.find(argument);
  return found && !found->isNone();
}

static double numberOf(const Node &node, StringRef argument) {
  const Argument *found = node.find(argument);
  if (!found)
    return 0;
  return found->kind == Kind::Float ? found->number : static_cast<double>(found->integer);
}

/// The mode that one node shows. A norm without running statistics and a recurrent layer
/// without dropout are the same in both.
static Mode modeOf(const Node &node) {
  StringRef name = operatorName(node);
  if (name == "scaled_dot_product_attention") // eval() passes 0
    return numberOf(node, "dropout_p") > 0 ? Mode::Training : Mode::None;
  for (StringRef flag : {"train", "training", "use_input_stats"}) {
    const Argument *found = node.find(flag);
    if (!found || found->kind != Kind::Bool)
      continue;
    bool norm = name == "batch_norm" || name == "instance_norm";
    bool recurrent = isGiven(node, "has_biases");
    if ((norm && !isGiven(node, "running_mean")) || (recurrent && numberOf(node, "dropout") == 0))
      return Mode::None;
    return found->integer ? Mode::Training : Mode::Evaluation;
  }
  return Mode::None;
}

static std::string list(const ExportedProgram &program, Mode mode, llvm::function_ref<bool(StringRef)> wanted) {
  std::string text;
  llvm::StringSet<> seen;
  for (const Node &node : program.nodes)
    if (modeOf(node) == mode && wanted(operatorName(node)) && seen.insert(operatorName(node)).second)
      text += "\n  " + operatorName(node).str() + ", first in: " + describe(node);
  return text;
}

Error nnc::pt2::checkEvaluationDerivable(const ExportedProgram &program) {
  static const llvm::StringSet<> derivable = {"dropout", "feature_dropout", "batch_norm", "instance_norm", "rrelu",
                                              "lstm", "gru", "rnn_tanh", "rnn_relu", "scaled_dot_product_attention"};
  std::string text = list(program, Mode::Training, [](StringRef name) { return !derivable.contains(name); });
  if (text.empty())
    return Error::success();
  return llvm::createStringError(program.archive->path() +
                                 ": what the model computes in eval() is not known from this export in train() because of" + text +
                                 "\nexport the model after model.eval(), too, and compile both: --train FILE --eval FILE");
}

Error nnc::pt2::checkTrains(const ExportedProgram &program) {
  auto any = [](StringRef) { return true; };
  if (!list(program, Mode::Training, any).empty())
    return Error::success();
  std::string text = list(program, Mode::Evaluation, any);
  if (text.empty())
    return Error::success();
  return llvm::createStringError(program.archive->path() +
                                 ": exported in eval(), so that training would leave dropout off and running statistics unchanged:" + text +
                                 "\nexport the model after model.train(); to train it as it is, compile it with --train FILE");
}

Error nnc::pt2::checkEvaluates(const ExportedProgram &program) {
  std::string text = list(program, Mode::Training, [](StringRef) { return true; });
  if (text.empty())
    return Error::success();
  return llvm::createStringError(program.archive->path() + ": given as --eval, but exported in train():" + text +
                                 "\nexport the model after model.eval()");
}

Error nnc::pt2::checkSameModel(const ExportedProgram &training, const ExportedProgram &evaluation) {
  std::string problems, both = training.archive->path().str() + " and " + evaluation.archive->path().str();
  for (const InputSpec &input : evaluation.inputs) {
    if (input.kind != InputSpec::Kind::Parameter && !(input.kind == InputSpec::Kind::Buffer && input.persistent))
      continue;
    const StoredTensor *theirs = evaluation.stored(input.name);
    auto found = training.weights.find(input.name);
    if (found == training.weights.end())
      problems += "\n  " + input.name + " is missing in " + training.archive->path().str();
    else if (const StoredTensor &ours = found->second; ours.type != theirs->type || ours.sizes != theirs->sizes)
      problems += "\n  " + input.name + " has another shape or type";
    else if (ours.toContiguous() != theirs->toContiguous())
      problems += "\n  " + input.name + " has other values";
  }
  if (!problems.empty())
    return llvm::createStringError(both + " are not exports of one model:" + problems);

  auto sizes = [](const ExportedProgram &program) {
    std::string text;
    std::map<std::string, unsigned> symbols;
    for (const InputSpec &input : program.inputs)
      if (input.kind == InputSpec::Kind::UserInput && input.value.isTensor()) {
        text += " [";
        for (const SymbolicExpression &size : program.tensors.at(input.value.text).sizes)
          text += (text.ends_with("[") ? "" : ", ") +
                  (size.kind == SymbolicExpression::Kind::Symbol
                       ? "dynamic " + std::to_string(symbols.try_emplace(size.symbol, symbols.size()).first->second)
                       : size.str());
        text += "]";
      }
    return text;
  };
  if (sizes(training) != sizes(evaluation))
    return llvm::createStringError(both + " have inputs of different shapes:" + sizes(training) + " and" + sizes(evaluation) +
                                   "; export both with the same example inputs and dynamic_shapes");
  return Error::success();
}
