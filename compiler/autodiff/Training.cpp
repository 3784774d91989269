#include "compiler/autodiff/Training.h"
#include "compiler/autodiff/Autodiff.h"
#include "compiler/autodiff/Optimizers.h"
#include "compiler/frontends/FunctionBuilder.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

static SmallVector<SymbolInfo> symbolInfos(func::FuncOp function) {
  SmallVector<SymbolInfo> infos;
  auto names = function->getAttrOfType<ArrayAttr>("nn.symbols");
  auto ranges = function->getAttrOfType<DenseI64ArrayAttr>("nn.symbol_ranges");
  for (size_t i = 0; names && i < names.size(); ++i)
    infos.push_back({cast<StringAttr>(names[i]).str(), ranges[2 * i], ranges[2 * i + 1]});
  return infos;
}

namespace {
/// `forward` cloned into a function being built, with results told apart.
struct InlinedForward {
  IRMapping mapping;
  SmallVector<Value> outputs;               // those that are no state
  SmallVector<std::string> outputNames;
  SmallVector<std::pair<Value, Value>> updates; // state argument, new value
  struct Parameter {
    std::string name;
    Value argument;
  };
  SmallVector<Parameter> trainable;
};
} // namespace

static InlinedForward inlineForward(FunctionBuilder &f, func::FuncOp forward) {
  InlinedForward result;
  SmallVector<Value> returned = f.inlineFunction(forward, result.mapping);
  for (auto [i, value] : llvm::enumerate(returned)) {
    if (auto updated = forward.getResultAttrOfType<IntegerAttr>(i, "nn.updates")) {
      result.updates.push_back({result.mapping.lookup<Value>(forward.getArgument(updated.getInt())), value});
      continue;
    }
    result.outputs.push_back(value);
    result.outputNames.push_back(forward.getResultAttrOfType<StringAttr>(i, "nn.name").str());
  }
  for (BlockArgument argument : forward.getArguments())
    if (forward.getArgAttr(argument.getArgNumber(), "nn.requires_grad"))
      result.trainable.push_back({forward.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "nn.name").str(),
                                  result.mapping.lookup<Value>(argument)});
  return result;
}

//===-- losses --------------------------------------------------------------------===//

/// An option of a loss; `fallback` where it is not given.
static FailureOr<double> numberOption(FunctionBuilder &f, const NamedOptions &spec, StringRef key, double fallback,
                                      double low = -INFINITY, double high = INFINITY) {
  auto found = spec.options.find(key.str());
  if (found == spec.options.end())
    return fallback;
  double value;
  if (StringRef(found->second).getAsDouble(value)) {
    f.error("loss '" + spec.name + "': option " + key + " = '" + found->second + "' is not a number");
    return failure();
  }
  if (!(value >= low && value <= high)) {
    f.error("loss '" + spec.name + "': option " + key + " = " + found->second + " is out of its range");
    return failure();
  }
  return value;
}

/// The loss of `output` against a new input `target`; null after an error.
static Value buildLoss(FunctionBuilder &f, const NamedOptions &spec, Value output) {
  // The names of torch.nn.functional, or short ones.
  static const std::map<std::string, std::string> shortNames = {
      {"nll", "nll_loss"}, {"mse", "mse_loss"}, {"l1", "l1_loss"}, {"smooth_l1", "smooth_l1_loss"}, {"huber", "huber_loss"},
      {"bce", "binary_cross_entropy"}, {"bce_with_logits", "binary_cross_entropy_with_logits"}};
  static const std::map<std::string, std::vector<std::string>> known = {
      {"output", {}},
      {"cross_entropy", {"ignore_index", "label_smoothing", "reduction"}},
      {"nll_loss", {"ignore_index", "reduction"}},
      {"mse_loss", {"reduction"}}, {"l1_loss", {"reduction"}},
      {"smooth_l1_loss", {"beta", "reduction"}}, {"huber_loss", {"delta", "reduction"}},
      {"binary_cross_entropy", {"reduction"}}, {"binary_cross_entropy_with_logits", {"reduction"}}};
  auto brief = shortNames.find(spec.name);
  const std::string name = brief == shortNames.end() ? spec.name : brief->second;
  auto entry = known.find(name);
  if (entry == known.end())
    return f.error("unknown loss '" + spec.name + "'; known: output, cross_entropy, nll_loss, mse_loss, l1_loss, smooth_l1_loss, huber_loss, "
                   "binary_cross_entropy, binary_cross_entropy_with_logits");
  for (const auto &[key, value] : spec.options)
    if (!llvm::is_contained(entry->second, key))
      return f.error("loss '" + spec.name + "' has no option '" + key + "'; it has " +
                     (entry->second.empty() ? std::string("none") : llvm::join(entry->second, ", ")));
  Reduction reduction = Reduction::mean;
  if (auto found = spec.options.find("reduction"); found != spec.options.end()) {
    if (found->second != "mean" && found->second != "sum")
      return f.error("loss '" + spec.name + "': reduction must be mean or sum for training");
    reduction = found->second == "sum" ? Reduction::sum : Reduction::mean;
  }
  if (name == "output") {
    if (product(f.context(), dimsOf(output)) != f.size(1))
      return f.error("--loss output: the model's first output is not a scalar");
    return f.reshape(output, {});
  }
  if (name == "cross_entropy" || name == "nll_loss") {
    Dims dims = dimsOf(output);
    if (dims.empty())
      return f.error("loss '" + spec.name + "' needs an output with a class axis");
    size_t classAxis = dims.size() == 1 ? 0 : 1;
    auto classes = constantSize(dims[classAxis]);
    dims.erase(dims.begin() + classAxis);
    Value target = f.addInput("target", dims, f.builder().getI64Type());
    FailureOr<double> ignore = numberOption(f, spec, "ignore_index", -100);
    FailureOr<double> smoothing = numberOption(f, spec, "label_smoothing", 0.0, 0, 1);
    if (failed(ignore) || failed(smoothing))
      return {};
    if (classes)
      f.setInputRange(target, 0, *classes, static_cast<int64_t>(*ignore));
    return name == "cross_entropy" ? f.crossEntropy(output, target, {}, reduction, *ignore, *smoothing)
                                   : f.nllLoss(output, target, {}, reduction, *ignore);
  }
  Value target = f.addInput("target", dimsOf(output), elementTypeOf(output));
  std::map<std::string, double> parameters;
  for (const char *key : {"beta", "delta"})
    if (spec.options.count(key)) {
      FailureOr<double> value = numberOption(f, spec, key, 0, 0);
      if (failed(value))
        return {};
      parameters[key] = *value;
    }
  return f.pointwiseLoss(name, {output, target}, reduction, parameters);
}

//===-- the functions -----------------------------------------------------------------===//

namespace {
struct LossAndGradients {
  Value loss;
  SmallVector<Value> gradients; // of the trainable parameters, in order
};
} // namespace

static FailureOr<LossAndGradients> buildLossAndGradients(FunctionBuilder &f, InlinedForward &forward,
                                                         const NamedOptions &lossSpec) {
  if (forward.outputs.empty())
    return f.error("the model has no output to compute a loss of"), failure();
  Value loss = buildLoss(f, lossSpec, forward.outputs[0]);
  if (!loss)
    return failure();
  f.addOutput("loss", loss);
  SmallVector<Value> tracked{loss};
  for (auto &update : forward.updates)
    tracked.push_back(update.second);
  f.rewriteBody(decomposeComposites, tracked);
  loss = tracked[0];
  for (auto [update, value] : llvm::zip(forward.updates, ArrayRef(tracked).drop_front()))
    update.second = value;
  SmallVector<Value> wrt;
  for (auto &parameter : forward.trainable)
    wrt.push_back(parameter.argument);
  Value seed = f.full(dimsOf(loss), elementTypeOf(loss), 1.0);
  FailureOr<SmallVector<Value>> gradients = differentiate(f, f.getFunction().front(), loss, seed, wrt);
  if (failed(gradients))
    return failure();
  return LossAndGradients{loss, *gradients};
}

/// Buffers' new values, and the step of the random numbers where there are any.
static void updateForwardState(FunctionBuilder &f, InlinedForward &forward) {
  for (auto [argument, value] : forward.updates)
    f.updateState(argument, value);
  if (Value step = f.randomStep())
    f.updateState(step, f.map("x0 + 1.0", step, f.builder().getI64Type()));
}

static void applyOptimizer(FunctionBuilder &f, const Optimizer &optimizer, InlinedForward &forward,
                           ArrayRef<Value> gradients) {
  Type f32 = f.builder().getF32Type();
  Value count = f.addState("optimizer", "step", {}, f.builder().getI64Type());
  Value next = f.map("x0 + 1.0", count, f.builder().getI64Type());
  f.updateState(count, next);
  for (auto [parameter, gradient] : llvm::zip(forward.trainable, gradients)) {
    // A model in f64 keeps its rate in f64 too.
    Type element = elementTypeOf(parameter.argument);
    Value lr = f.addState("lr", "lr", {}, f32);
    Value updated = optimizer.update(f, parameter.name, parameter.argument, gradient, f.convert(lr, element),
                                     f.convert(next, element));
    f.updateState(parameter.argument, updated);
  }
}

double initialLearningRate(const NamedOptions &spec) {
  return llvm::cantFail(Optimizer::create(spec)).learningRate();
}

LogicalResult addTraining(ModuleOp module, func::FuncOp forward, const NamedOptions &loss, const NamedOptions &spec) {
  llvm::Expected<Optimizer> optimizer = Optimizer::create(spec);
  if (!optimizer)
    return emitError(forward.getLoc()) << llvm::toString(optimizer.takeError());
  SmallVector<SymbolInfo> symbols = symbolInfos(forward);
  {
    FunctionBuilder f(module, "train_step", symbols);
    f.setLocation(forward.getLoc());
    InlinedForward inlined = inlineForward(f, forward);
    if (inlined.trainable.empty())
      return emitError(forward.getLoc()) << "no parameter requires a gradient: there is nothing to train";
    auto result = buildLossAndGradients(f, inlined, loss);
    if (failed(result))
      return failure();
    f.setLocation(forward.getLoc());
    updateForwardState(f, inlined);
    applyOptimizer(f, *optimizer, inlined, result->gradients);
    decomposeComposites(f.finish());
  }
  {
    FunctionBuilder f(module, "forward_backward", symbols);
    f.setLocation(forward.getLoc());
    InlinedForward inlined = inlineForward(f, forward);
    auto result = buildLossAndGradients(f, inlined, loss);
    if (failed(result))
      return failure();
    f.setLocation(forward.getLoc());
    updateForwardState(f, inlined);
    for (auto [parameter, gradient] : llvm::zip(inlined.trainable, result->gradients)) {
      auto type = cast<RankedTensorType>(parameter.argument.getType());
      Value total = f.addState("gradient", parameter.name, type.getShape(), type.getElementType());
      f.updateState(total, f.add(total, gradient));
    }
    decomposeComposites(f.finish());
  }
  FunctionBuilder f(module, "optimizer_step", {});
  f.setLocation(forward.getLoc());
  InlinedForward parameters;
  SmallVector<Value> gradients;
  for (BlockArgument argument : forward.getArguments()) {
    unsigned i = argument.getArgNumber();
    if (!forward.getArgAttr(i, "nn.requires_grad"))
      continue;
    auto type = cast<RankedTensorType>(argument.getType());
    std::string name = forward.getArgAttrOfType<StringAttr>(i, "nn.name").str();
    Value own = f.addParameter(name, type.getShape(), type.getElementType(), true);
    parameters.trainable.push_back({name, own});
    gradients.push_back(f.addState("gradient", name, type.getShape(), type.getElementType()));
  }
  applyOptimizer(f, *optimizer, parameters, gradients);
  decomposeComposites(f.finish());
  return success();
}

LogicalResult addGradient(ModuleOp module, func::FuncOp forward) {
  FunctionBuilder f(module, "grad", symbolInfos(forward));
  f.setLocation(forward.getLoc());
  InlinedForward inlined = inlineForward(f, forward);
  SmallVector<Value> seeds, differentiated, wrt;
  SmallVector<std::string> names;
  for (auto [i, output] : llvm::enumerate(inlined.outputs)) {
    f.addOutput(inlined.outputNames[i], output);
    if (!isa<FloatType>(elementTypeOf(output)))
      continue;
    seeds.push_back(f.addInput("cotangent:" + std::to_string(i), dimsOf(output), elementTypeOf(output)));
    differentiated.push_back(output);
  }
  unsigned position = 0;
  for (BlockArgument argument : forward.getArguments()) {
    unsigned i = argument.getArgNumber();
    StringRef kind = forward.getArgAttrOfType<StringAttr>(i, "nn.kind");
    bool isInput = kind == "input";
    bool wanted = forward.getArgAttr(i, "nn.requires_grad") || (isInput && isa<FloatType>(elementTypeOf(argument)));
    if (wanted) {
      wrt.push_back(inlined.mapping.lookup<Value>(argument));
      names.push_back("grad:" + (isInput ? std::to_string(position)
                                         : forward.getArgAttrOfType<StringAttr>(i, "nn.name").str()));
    }
    position += isInput;
  }
  SmallVector<Value> replaced(differentiated);
  for (auto &update : inlined.updates)
    replaced.push_back(update.second);
  f.rewriteBody(decomposeComposites, replaced);
  FailureOr<SmallVector<Value>> gradients =
      differentiate(f, f.getFunction().front(), ArrayRef(replaced).take_front(differentiated.size()), seeds, wrt);
  if (failed(gradients))
    return failure();
  for (auto [name, gradient] : llvm::zip(names, *gradients))
    f.addOutput(name, gradient);
  for (auto [update, value] : llvm::zip(inlined.updates, ArrayRef(replaced).drop_front(differentiated.size()))) {
    StringRef name = forward.getArgAttrOfType<StringAttr>(cast<BlockArgument>(update.first).getArgNumber(), "nn.name");
    f.addOutput(("buffer:" + name).str(), value);
  }
  decomposeComposites(f.finish());
  return success();
}

} // namespace nnc
