#include "compiler/frontends/FunctionBuilder.h"
#include "dialects/nn/Expr/Functions.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

static SmallVector<StringAttr> symbolNames(MLIRContext *context, ArrayRef<SymbolInfo> symbols) {
  SmallVector<StringAttr> names;
  for (const SymbolInfo &symbol : symbols)
    names.push_back(StringAttr::get(context, symbol.name));
  return names;
}

FunctionBuilder::FunctionBuilder(ModuleOp module, StringRef name, ArrayRef<SymbolInfo> symbolInfos)
    : Builder(opBuilder, module.getLoc(), symbolNames(module.getContext(), symbolInfos)),
      opBuilder(module.getContext()) {
  opBuilder.setInsertionPointToEnd(module.getBody());
  function = func::FuncOp::create(opBuilder, loc, name, opBuilder.getFunctionType({}, {}));
  if (!symbolInfos.empty()) {
    SmallVector<Attribute> names(symbols.begin(), symbols.end());
    SmallVector<int64_t> ranges;
    for (const SymbolInfo &symbol : symbolInfos)
      ranges.append({symbol.minimum, symbol.maximum});
    function->setAttr("nn.symbols", opBuilder.getArrayAttr(names));
    function->setAttr("nn.symbol_ranges", opBuilder.getDenseI64ArrayAttr(ranges));
  }
  opBuilder.setInsertionPointToStart(function.addEntryBlock());
}

Value FunctionBuilder::error(const Twine &message) {
  emitError(loc) << message;
  return {};
}

Value FunctionBuilder::addArgument(StringRef kind, StringRef name, Type type, bool requiresGrad,
                                   ArrayRef<std::string> aliases) {
  NamedAttrList attributes;
  attributes.append("nn.kind", opBuilder.getStringAttr(kind));
  attributes.append("nn.name", opBuilder.getStringAttr(name));
  if (requiresGrad)
    attributes.append("nn.requires_grad", opBuilder.getUnitAttr());
  if (!aliases.empty()) {
    SmallVector<StringRef> refs(aliases.begin(), aliases.end());
    attributes.append("nn.aliases", opBuilder.getStrArrayAttr(refs));
  }
  argumentAttributes.push_back(attributes.getDictionary(context()));
  return function.front().addArgument(type, loc);
}

Value FunctionBuilder::addInput(StringRef name, ArrayRef<AffineExpr> dims, Type element) {
  return addArgument("input", name, type(dims, element), false, {});
}

Value FunctionBuilder::addParameter(StringRef name, ArrayRef<int64_t> dims, Type element, bool requiresGrad,
                                    ArrayRef<std::string> aliases) {
  return addArgument("parameter", name, RankedTensorType::get(dims, element), requiresGrad, aliases);
}

Value FunctionBuilder::addBuffer(StringRef name, ArrayRef<int64_t> dims, Type element,
                                 ArrayRef<std::string> aliases) {
  return addArgument("buffer", name, RankedTensorType::get(dims, element), false, aliases);
}

Value FunctionBuilder::addConstant(StringRef name, ArrayRef<int64_t> dims, Type element) {
  return addArgument("constant", name, RankedTensorType::get(dims, element), false, {});
}

void FunctionBuilder::updateState(Value buffer, Value newValue) {
  for (auto &update : stateUpdates)
    if (update.first == buffer) {
      update.second = newValue;
      return;
    }
  stateUpdates.push_back({buffer, newValue});
}

Value FunctionBuilder::addState(StringRef kind, StringRef name, ArrayRef<int64_t> dims, Type element) {
  for (auto [i, attributes] : llvm::enumerate(argumentAttributes))
    if (attributes.getAs<StringAttr>("nn.kind") == kind && attributes.getAs<StringAttr>("nn.name") == name)
      return function.getArgument(i);
  return addArgument(kind, name, RankedTensorType::get(dims, element), false, {});
}

SmallVector<Value> FunctionBuilder::inlineFunction(func::FuncOp callee, IRMapping &mapping) {
  for (BlockArgument argument : callee.getArguments()) {
    argumentAttributes.push_back(callee.getArgAttrDict(argument.getArgNumber()));
    mapping.map(argument, function.front().addArgument(argument.getType(), argument.getLoc()));
    StringRef kind = argumentAttributes.back().getAs<StringAttr>("nn.kind");
    if (kind == "seed")
      seed = mapping.lookup(argument);
    if (kind == "step")
      step = mapping.lookup(argument);
  }
  Operation *terminator = callee.front().getTerminator();
  for (Operation &op : callee.front().without_terminator())
    b.clone(op, mapping);
  SmallVector<Value> returned;
  for (Value value : terminator->getOperands())
    returned.push_back(mapping.lookup(value));
  return returned;
}

void FunctionBuilder::setInputRange(Value input, int64_t low, int64_t high, int64_t exception) {
  DictionaryAttr &attributes = argumentAttributes[cast<BlockArgument>(input).getArgNumber()];
  NamedAttrList list(attributes);
  list.set("nn.range", opBuilder.getDenseI64ArrayAttr({low, high, exception}));
  attributes = list.getDictionary(context());
}

void FunctionBuilder::addOutput(StringRef name, Value value) {
  results.push_back(value);
  resultAttributes.push_back(opBuilder.getDictionaryAttr(
      opBuilder.getNamedAttr("nn.name", opBuilder.getStringAttr(name))));
}

void FunctionBuilder::rewriteBody(function_ref<void(func::FuncOp)> rewrite, MutableArrayRef<Value> tracked) {
  // A terminator for the time of the rewrite keeps the values in use.
  SmallVector<Value> kept(results);
  for (auto &update : stateUpdates)
    kept.push_back(update.second);
  kept.append(tracked.begin(), tracked.end());
  auto keep = func::ReturnOp::create(opBuilder, loc, kept);
  rewrite(function);
  auto followed = keep.getOperands().begin();
  for (Value &value : results)
    value = *followed++;
  for (auto &update : stateUpdates)
    update.second = *followed++;
  for (Value &value : tracked)
    value = *followed++;
  keep.erase();
}

func::FuncOp FunctionBuilder::finish() {
  for (auto [buffer, value] : stateUpdates) {
    results.push_back(value);
    int64_t position = cast<BlockArgument>(buffer).getArgNumber();
    resultAttributes.push_back(opBuilder.getDictionaryAttr(
        opBuilder.getNamedAttr("nn.updates", opBuilder.getI64IntegerAttr(position))));
  }
  func::ReturnOp::create(opBuilder, loc, results);
  function.setType(opBuilder.getFunctionType(function.front().getArgumentTypes(), ValueRange(results).getTypes()));
  function.setAllArgAttrs(argumentAttributes);
  function.setAllResultAttrs(resultAttributes);
  return function;
}

//===-- elementwise -----------------------------------------------------------===//

// Functions that keep integers; every other one computes in float.
static bool keepsIntegers(const ElementwiseFunction &row) {
  static const StringRef names[] = {"add", "sub", "rsub", "mul", "neg", "abs", "sign", "square", "floor", "ceil", "round",
                                    "trunc", "maximum", "minimum", "clamp", "clamp_min", "clamp_max", "fmod",
                                    "remainder", "floor_divide", "where", "relu", "addcmul", "pow", "masked_fill"};
  return row.group == FunctionGroup::Comparison || llvm::is_contained(names, row.name);
}

Value FunctionBuilder::elementwise(StringRef function, ArrayRef<Operand> operands,
                                   const std::map<std::string, double> &parameters) {
  const ElementwiseFunction *row = lookupElementwise(function);
  if (!row)
    return error("'" + function + "' is not in the table of elementwise functions");
  if (operands.size() != row->operandCount())
    return error("'" + function + "' takes " + Twine(row->operandCount()) + " operands");
  llvm::Expected<Expr> bound = instantiate(*row, parameters);
  if (!bound)
    return error(llvm::toString(bound.takeError()));

  // torch: the highest kind (bool < integer < float) wins, and within the kind the widest tensor
  // with axes; numbers and scalars without axes matter by kind alone.
  auto rank = [](Type t) { return (isa<FloatType>(t) ? 1000 : 0) + int64_t(t.getIntOrFloatBitWidth()); };
  auto kind = [](Type t) { return isa<FloatType>(t) ? 2 : t.isInteger(1) ? 0 : 1; };
  bool skipFirst = function == "where"; // the condition stays i1
  Type common, commonScalar;
  for (auto [i, operand] : llvm::enumerate(operands)) {
    if (!operand.tensor || (skipFirst && i == 0))
      continue;
    Type type = elementTypeOf(operand.tensor);
    Type &slot = rankOf(operand.tensor) == 0 ? commonScalar : common;
    if (!slot || rank(type) > rank(slot))
      slot = type;
  }
  if (!common || (commonScalar && kind(commonScalar) > kind(common)))
    common = commonScalar;
  for (const Operand &operand : operands) {
    if (operand.tensor)
      continue;
    Type type = operand.scalar.isFloat ? Type(b.getF32Type()) : Type(b.getI64Type());
    if (!common || kind(type) > kind(common))
      common = type;
  }
  if (!isa<FloatType>(common) && !keepsIntegers(*row) && row->group != FunctionGroup::Conversion)
    common = b.getF32Type();

  SmallVector<Value> inputs;
  SmallVector<Expr> replacements;
  SmallVector<Dims> shapes;
  for (auto [i, operand] : llvm::enumerate(operands)) {
    if (!operand.tensor) {
      replacements.push_back(Expr::constant(operand.scalar.value));
      continue;
    }
    replacements.push_back(Expr::input(inputs.size()));
    bool logical = function.starts_with("logical_");
    inputs.push_back((skipFirst && i == 0) || logical ? operand.tensor : convert(operand.tensor, common));
    shapes.push_back(dimsOf(operand.tensor));
  }
  if (!broadcastDims(context(), shapes))
    return error("the shapes of the operands of '" + function + "' do not broadcast");
  Type element = row->group == FunctionGroup::Comparison ? Type(b.getI1Type()) : Type();
  if (!element && row->group != FunctionGroup::Conversion)
    element = common;
  return map(bound->substitute(replacements), inputs, element, function);
}

} // namespace nnc
