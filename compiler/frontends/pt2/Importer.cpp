#include "compiler/frontends/pt2/Importer.h"
#include "compiler/frontends/pt2/Aten.h"
#include "compiler/frontends/pt2/Boundary.h"
#include "compiler/frontends/pt2/NodeMetadata.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/MapVector.h"
#include <set>

using namespace mlir;
using namespace nnc;
using namespace nnc::pt2;
using llvm::Error;
using llvm::Expected;

//===-- where a finding is -----------------------------------------------------------===//

/// The module's path as a name around the user's line.
static Location locationOf(const Node &node, MLIRContext *context) {
  Location line = UnknownLoc::get(context);
  if (!node.source.file.empty())
    line = FileLineColLoc::get(context, node.source.file, node.source.line, 0);
  if (node.modulePath.empty())
    return line;
  return NameLoc::get(StringAttr::get(context, node.modulePath), line);
}

//===-- what is not supported ---------------------------------------------------------===//

/// Every operator without a translation: how often, and where first.
static Error checkSupported(const ExportedProgram &program) {
  llvm::MapVector<StringRef, std::pair<unsigned, const Node *>> missing;
  for (const Node &node : program.nodes) {
    if (isSizeComputation(node) || findTranslation(node.target))
      continue;
    std::string functional = functionalTarget(node.target);
    if (!functional.empty() && findTranslation(functional))
      continue;
    auto [entry, isNew] = missing.insert({node.target, {0, &node}});
    ++entry->second.first;
  }
  if (missing.empty())
    return Error::success();
  std::string text = program.archive->path().str() + ": " + std::to_string(missing.size()) +
                     (missing.size() == 1 ? " operator is" : " operators are") + " not supported:";
  for (const auto &[target, use] : missing)
    text += "\n  " + target.str() + ", " + std::to_string(use.first) +
            (use.first == 1 ? " use: " : " uses, first in: ") + describe(*use.second);
  return llvm::createStringError(text);
}

/// Not part of the state_dict.
static bool isConstant(const InputSpec &input) {
  return input.kind == InputSpec::Kind::TensorConstant ||
         (input.kind == InputSpec::Kind::Buffer && !input.persistent);
}

//===-- the import ----------------------------------------------------------------------===//

namespace {
class Importer {
public:
  Importer(const ExportedProgram &program, const ImportOptions &options, const Symbols &symbols,
           ModuleOp module)
      : program(program), options(options), symbols(symbols), module(module),
        builder(module, options.function, symbols.infos) {
    builder.unrollRecurrences = options.unrollRecurrences;
  }

  /// False after an error, which was emitted as a diagnostic.
  bool run(ArrayRef<State> states, const std::set<std::string> &buffers);

  /// Constants that turned out to be changed by forward: they are state.
  std::set<std::string> changedConstants;

private:
  bool fail(const Twine &message) {
    builder.error(message);
    return false;
  }
  bool addBoundary(ArrayRef<State> states, const std::set<std::string> &buffers);
  bool translate(const Node &node);
  bool defineResults(Call &call, Results results);
  bool hasShapeOfFile(Call &call, unsigned index, Value value);
  bool mutate(Call &call, Value value);
  bool addResults(ArrayRef<State> states);
  bool isBatchCounter(const Node &node) const;
  void emplace(StringRef value, Value tensor) {
    tensors.define(value, tensor);
    boundary[value.str()] = tensor;
  }

  const ExportedProgram &program;
  const ImportOptions &options;
  const Symbols &symbols;
  ModuleOp module;
  FunctionBuilder builder;
  TensorTable tensors;
  bool fileHasWrongShapes = false;         ///< see hasShapeOfFile
  std::map<std::string, Value> boundary;   ///< arguments by the graph's value
  std::set<std::string> constantArguments; ///< the graph's values that are constants
};
} // namespace

bool Importer::addBoundary(ArrayRef<State> states, const std::set<std::string> &buffers) {
  std::map<StringRef, const State *> stateOf;
  for (const State &state : states)
    stateOf[state.values.front()] = &state;
  for (const InputSpec &input : program.inputs) {
    if (input.kind == InputSpec::Kind::ConstantInput || !input.value.isTensor())
      continue;
    const TensorMeta &meta = program.tensors.at(input.value.text);
    Type element = elementType(meta.type, builder.context());
    if (!element)
      return fail("input " + input.name + ": the element type " + name(meta.type) +
                  " is not supported");
    if (input.kind == InputSpec::Kind::UserInput) {
      nn::Dims dims;
      for (const SymbolicExpression &size : meta.sizes)
        dims.push_back(symbols.convert(size, builder.context()));
      emplace(input.value.text, builder.addInput(input.name, dims, element));
      continue;
    }
    auto found = stateOf.find(input.value.text);
    if (found == stateOf.end())
      continue; // a further name of a tied tensor
    const State &state = *found->second;
    ArrayRef<int64_t> sizes = state.stored->sizes;
    Value value;
    if (input.kind == InputSpec::Kind::Parameter)
      value = builder.addParameter(input.name, sizes, element, state.stored->requiresGrad,
                                   state.aliases);
    else if (isConstant(input) && !buffers.count(input.name)) {
      value = builder.addConstant(options.constantPrefix + input.name, sizes, element);
      constantArguments.insert(state.values.front().str());
    } else
      value = builder.addBuffer(input.name, sizes, element, state.aliases);
    emplace(state.values.front(), value);
    for (StringRef other : ArrayRef(state.values).drop_front())
      tensors.defineView(other, state.values.front(), View::identity());
  }
  return true;
}

/// num_batches_tracked.add_(1), which eval() does not do.
bool Importer::isBatchCounter(const Node &node) const {
  if (!StringRef(node.target).starts_with("torch.ops.aten.add_.") || node.arguments.empty())
    return false;
  for (const InputSpec &input : program.inputs)
    if (input.kind == InputSpec::Kind::Buffer && input.value.text == node.arguments[0].value.text)
      return StringRef(input.name).ends_with("num_batches_tracked");
  return false;
}

bool Importer::translate(const Node &node) {
  if (isSizeComputation(node))
    return true;
  builder.setLocation(locationOf(node, builder.context()));
  Call call(builder, node, program, symbols, tensors, options.evaluation);
  if (options.evaluation && isBatchCounter(node))
    return defineResults(call, {View::identity()});
  if (std::optional<Translation> translation = findTranslation(node.target)) {
    Results results = (*translation)(call);
    return !call.hasFailed() && defineResults(call, std::move(results));
  }
  Results results = (*findTranslation(functionalTarget(node.target)))(call);
  if (call.hasFailed() || results.size() != 1)
    return false;
  // dropout_ in eval mode: nothing changes.
  if (results[0].view)
    return defineResults(call, std::move(results));
  return mutate(call, results[0].value);
}

bool Importer::mutate(Call &call, Value value) {
  StringRef self = call.tensorName(call.selfName());
  Value old = call.self();
  if (!value || !old || self.empty())
    return false;
  value = builder.toType(value, nn::elementTypeOf(old));
  if (!nn::sameSizes(nn::dimsOf(value), nn::dimsOf(old)))
    return fail(Twine(call.node.target) + ": the result does not have the shape of the tensor "
                                          "that is changed in place");
  std::string problem;
  if (!tensors.write(self, value, problem))
    return problem.empty() ? false : fail(Twine(call.node.target) + ": " + problem);
  return defineResults(call, {View::identity()});
}

/// Up to 2.12, PyTorch gives the last states of lstm an axis too much in the file, and so all that is
/// made of them (https://github.com/pytorch/pytorch/issues/151200).
static bool isStateWithAnAxisTooMuch(const Node &node, unsigned index, nn::Dims actual, nn::Dims inFile) {
  return StringRef(node.target).ends_with("lstm.input") && index > 0 && inFile.size() == actual.size() + 1;
}

/// The file knows every shape: a difference means that the operator was misread.
bool Importer::hasShapeOfFile(Call &call, unsigned index, Value value) {
  if (!value)
    return false;
  if (fileHasWrongShapes)
    return true;
  nn::Dims expected = call.outputDims(index), actual = nn::dimsOf(value);
  bool matches = !call.hasFailed() && expected.size() == actual.size();
  for (size_t axis = 0; matches && axis < expected.size(); ++axis) {
    auto a = nn::constantSize(expected[axis]), b = nn::constantSize(actual[axis]);
    matches = !a || !b || *a == *b;
  }
  fileHasWrongShapes = !matches && isStateWithAnAxisTooMuch(call.node, index, actual, expected);
  return matches || fileHasWrongShapes || fail(Twine(call.node.target) + ": the shape of result " + Twine(index) +
                         " is not the one in the file");
}

bool Importer::defineResults(Call &call, Results results) {
  std::vector<StringRef> names = call.outputNames();
  if (names.size() > results.size())
    return fail(Twine(call.node.target) + ": the file lists " + Twine(names.size()) +
                " results, the operator has " + Twine(results.size()));
  for (auto [index, valueName] : llvm::enumerate(names)) {
    if (valueName.empty())
      continue;
    Result &result = results[index];
    if (result.view) {
      if (call.tensorName(call.selfName()).empty())
        return fail(Twine(call.node.target) + ": the first argument is not a tensor");
      if (!tensors.defineView(valueName, call.tensorName(call.selfName()), std::move(*result.view)) ||
          !hasShapeOfFile(call, index, tensors.read(valueName)))
        return false;
      continue;
    }
    if (!result.value)
      return false;
    Value value = builder.toType(result.value, call.outputType(index));
    if (!hasShapeOfFile(call, index, value))
      return false;
    tensors.define(valueName, value);
  }
  return true;
}

bool Importer::addResults(ArrayRef<State> states) {
  auto isResult = [](const OutputSpec &output) {
    return output.kind == OutputSpec::Kind::UserOutput || output.kind == OutputSpec::Kind::Loss;
  };
  size_t count = llvm::count_if(program.outputs, [&](const OutputSpec &output) {
    return isResult(output) && output.value.isTensor();
  });
  size_t index = 0;
  for (const OutputSpec &output : program.outputs) {
    using Kind = OutputSpec::Kind;
    if (!isResult(output) && output.kind != Kind::BufferMutation)
      return fail("outputs of kind " + (output.name.empty() ? "mutation" : output.name) +
                  " are not supported");
    if (output.kind == Kind::BufferMutation || output.value.isNone())
      continue;
    if (!output.value.isTensor())
      return fail("output " + Twine(index) + " is not a tensor, which is not supported");
    Value value = tensors.read(output.value.text);
    if (!value)
      return false;
    builder.addOutput(count == 1 ? "output" : "output" + std::to_string(index), value);
    ++index;
  }
  // A buffer that forward changed, whether the file says so or not.
  for (const State &state : states) {
    StringRef value = state.values.front();
    for (const OutputSpec &output : program.outputs)
      if (output.kind == OutputSpec::Kind::BufferMutation && output.name == state.input->name)
        if (Value updated = tensors.read(output.value.text))
          builder.updateState(boundary.at(value.str()), updated);
    if (!tensors.isMutated(value))
      continue;
    if (state.input->kind == InputSpec::Kind::Parameter)
      return fail("forward changes the parameter " + state.input->name +
                  ", which is not supported");
    Value updated = tensors.read(value);
    if (!updated)
      return false;
    builder.updateState(boundary.at(value.str()), updated);
    if (constantArguments.count(value.str()))
      changedConstants.insert(state.input->name);
  }
  return true;
}

bool Importer::run(ArrayRef<State> states, const std::set<std::string> &buffers) {
  if (!addBoundary(states, buffers))
    return false;
  for (const Node &node : program.nodes)
    if (!translate(node))
      return false;
  builder.setLocation(module.getLoc());
  if (!addResults(states))
    return false;
  builder.finish();
  return true;
}

/// Text of a diagnostic with where it is.
static std::string format(Diagnostic &diagnostic) {
  std::string place;
  Location location = diagnostic.getLocation();
  if (auto named = dyn_cast<NameLoc>(location)) {
    place = "layer " + named.getName().str();
    location = named.getChildLoc();
  }
  if (auto line = dyn_cast<FileLineColLoc>(location))
    place += (place.empty() ? "" : ", ") + line.getFilename().str() + ":" +
             std::to_string(line.getLine());
  return (place.empty() ? "layer <model>" : place) + ": " + diagnostic.str();
}

Expected<ImportedModel> nnc::pt2::importProgram(const ExportedProgram &program,
                                                MLIRContext &context,
                                                const ImportOptions &options) {
  if (Error error = checkSupported(program))
    return error;
  Expected<Symbols> symbols = collectSymbols(program, options.maximumBatch);
  if (!symbols)
    return symbols.takeError();
  Expected<std::vector<State>> states = collectState(program);
  if (!states)
    return states.takeError();
  context.loadDialect<func::FuncDialect, nn::NNDialect>();

  ImportedModel model;
  model.archive = program.archive;
  // Buffers outside of the state_dict are constants unless forward changes one,
  // which is known only afterwards: then the import is repeated with it as state.
  std::set<std::string> buffers, changed;
  do {
    buffers = changed;
    std::string problems;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
        problems += "\n  " + format(diagnostic);
      return success();
    });
    model.module = ModuleOp::create(UnknownLoc::get(&context));
    Importer importer(program, options, *symbols, *model.module);
    if (!importer.run(*states, buffers) || failed(verify(*model.module)))
      return llvm::createStringError(program.archive->path() + ": " +
                                     "the model cannot be imported:" + problems);
    changed.insert(importer.changedConstants.begin(), importer.changedConstants.end());
  } while (changed != buffers);

  for (const State &state : *states) {
    // Under the name of the argument, which has the prefix if it is a constant.
    Blob &blob = model.blobs[isConstant(*state.input) && !buffers.count(state.input->name)
                                 ? options.constantPrefix + state.input->name
                                 : state.input->name];
    size_t width = byteWidth(state.stored->type), count = 1;
    for (int64_t size : state.stored->sizes)
      count *= size;
    if (state.stored->isContiguous()) {
      blob.bytes = state.stored->bytes.substr(state.stored->offset * width, count * width);
    } else {
      blob.owned = state.stored->toContiguous();
      blob.bytes = StringRef(blob.owned.data(), blob.owned.size());
    }
  }
  return model;
}
