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

//===-- products --------------------------------------------------------------===//

Value FunctionBuilder::linear(Value x, Value weight, Value bias) {
  if (!x || !weight)
    return {};
  Dims in = dimsOf(x), w = dimsOf(weight);
  if (!sameSize(in.back(), w.back()))
    return error("linear: the last axis of the input has " + printSize(in.back(), symbols) +
                 " features, the weight expects " + printSize(w.back(), symbols));
  Dims rows(in.begin(), in.end() - 1), out = rows;
  out.push_back(w[0]);
  Value flat = reshape(x, {product(context(), rows), in.back()});
  Value y = nn::Builder::matmul(flat, weight, false, true);
  if (bias)
    y = add(y, bias);
  return reshape(y, out);
}

Value FunctionBuilder::matmul(Value x, Value y) {
  Dims dx = dimsOf(x), dy = dimsOf(y);
  bool vectorX = dx.size() == 1, vectorY = dy.size() == 1;
  if (vectorX)
    dx.insert(dx.begin(), size(1));
  if (vectorY)
    dy.push_back(size(1));
  x = reshape(x, dx);
  y = reshape(y, dy);
  if (!sameSize(dx.back(), dy[dy.size() - 2]))
    return error("matmul: inner sizes " + printSize(dx.back(), symbols) + " and " +
                 printSize(dy[dy.size() - 2], symbols) + " differ");
  Dims batchX(dx.begin(), dx.end() - 2), batchY(dy.begin(), dy.end() - 2), result;
  Value product2d;
  if (batchY.empty()) {
    // One matrix for every batch: rows of all batches form one product.
    Dims rows(dx.begin(), dx.end() - 1);
    product2d = nn::Builder::matmul(reshape(x, {product(context(), rows), dx.back()}), y);
    result = rows;
    result.push_back(dy.back());
    product2d = reshape(product2d, result);
  } else {
    std::optional<Dims> batch = broadcastDims(context(), {batchX, batchY});
    if (!batch)
      return error("matmul: the batch axes do not broadcast");
    Dims fullX = *batch, fullY = *batch;
    fullX.append(dx.end() - 2, dx.end());
    fullY.append(dy.end() - 2, dy.end());
    AffineExpr count = product(context(), *batch);
    Value a = reshape(broadcast(x, fullX), {count, dx[dx.size() - 2], dx.back()});
    Value c = reshape(broadcast(y, fullY), {count, dy[dy.size() - 2], dy.back()});
    result = *batch;
    result.append({dx[dx.size() - 2], dy.back()});
    product2d = reshape(nn::Builder::matmul(a, c), result);
  }
  if (vectorY)
    result.pop_back();
  if (vectorX)
    result.erase(result.end() - (vectorY ? 1 : 2));
  return reshape(product2d, result);
}

Value FunctionBuilder::addmm(Value input, Value x, Value y, double beta, double alpha) {
  return add(scale(input, beta), scale(matmul(x, y), alpha));
}

//===-- convolution -------------------------------------------------------------===//

Value FunctionBuilder::withBias(Value y, Value bias) {
  if (!bias)
    return y;
  Dims dims(rankOf(y), size(1));
  dims[1] = dimsOf(bias)[0];
  return add(y, reshape(bias, dims));
}

Value FunctionBuilder::conv(Value x, Value weight, Value bias, Ints stride, Ints low, Ints high, Ints dilation,
                            int64_t groups) {
  if (!x || !weight)
    return {};
  Dims dx = dimsOf(x), dw = dimsOf(weight);
  if (dx.size() + 1 == dw.size()) { // without batch
    Value y = conv(unsqueeze(x, 0), weight, bias, stride, low, high, dilation, groups);
    return y ? squeeze(y, 0) : y;
  }
  auto channels = constantSize(dx[1]), perGroup = constantSize(dw[1]);
  if (dx.size() != dw.size() || !channels || !perGroup || *channels != *perGroup * groups)
    return error("conv: the input's channels (" + printSize(dx[1], symbols) + ") are not the weight's (" +
                 printSize(dw[1], symbols) + ") times groups (" + Twine(groups) + ")");
  Dims dims{dx[0], dw[0]};
  for (size_t d = 0; d + 2 < dx.size(); ++d) {
    auto kernel = constantSize(dw[d + 2]);
    dims.push_back(windowOutputSize(dx[d + 2], *kernel, stride[d], low[d], high[d], dilation[d]));
    if (auto out = constantSize(dims.back()); out && *out < 1)
      return error("conv: the kernel does not fit the input along spatial axis " + Twine(d));
  }
  return withBias(nn::Builder::conv(x, weight, dims, stride, low, dilation, groups), bias);
}

Value FunctionBuilder::convTranspose(Value x, Value weight, Value bias, Ints stride, Ints padding,
                                     Ints outputPadding, int64_t groups, Ints dilation) {
  if (!x || !weight)
    return {};
  Dims dx = dimsOf(x), dw = dimsOf(weight); // weight [in, out / groups, kernel...]
  if (dx.size() + 1 == dw.size()) {
    Value y = convTranspose(unsqueeze(x, 0), weight, bias, stride, padding, outputPadding, groups, dilation);
    return y ? squeeze(y, 0) : y;
  }
  Dims dims{dx[0], dw[1] * groups};
  for (size_t d = 0; d + 2 < dx.size(); ++d)
    dims.push_back(simplify((dx[d + 2] - 1) * stride[d] + dw[d + 2] * dilation[d] +
                            (outputPadding[d] + 1 - 2 * padding[d] - dilation[d])));
  return withBias(convInputGrad(x, weight, dims, stride, padding, dilation, groups), bias);
}

//===-- pooling -------------------------------------------------------------------===//

static Dims pooledDims(FunctionBuilder &f, Value x, ArrayRef<int64_t> kernel, ArrayRef<int64_t> stride,
                       ArrayRef<int64_t> padding, ArrayRef<int64_t> dilation, bool ceilMode) {
  Dims dims = dimsOf(x);
  for (size_t d = 0; d < kernel.size(); ++d)
    dims[d + 2] = windowOutputSize(dims[d + 2], kernel[d], stride[d], padding[d], padding[d], dilation[d], ceilMode);
  return dims;
}

std::pair<Value, Value> FunctionBuilder::maxPoolWithIndices(Value x, Ints kernel, Ints stride, Ints padding,
                                                            Ints dilation, bool ceilMode) {
  if (!x)
    return {};
  if (rankOf(x) == (int64_t)kernel.size() + 1) {
    auto [y, indices] = maxPoolWithIndices(unsqueeze(x, 0), kernel, stride, padding, dilation, ceilMode);
    return {y ? squeeze(y, 0) : y, indices ? squeeze(indices, 0) : indices};
  }
  Dims in = dimsOf(x), dims = pooledDims(*this, x, kernel, stride, padding, dilation, ceilMode);
  MaxPoolOp pool = nn::Builder::maxPool(x, dims, kernel, stride, padding, dilation);
  // Flat position in the plane: from the window's position, axis by axis.
  Type i64 = b.getI64Type();
  Value rest = convert(pool.getPosition(), i64), flat;
  int64_t below = 1;
  for (size_t d = 0; d < kernel.size(); ++d)
    below *= kernel[d];
  for (size_t d = 0; d < kernel.size(); ++d) {
    below /= kernel[d];
    Expr tap = Expr::make(Primitive::FloorDiv, {Expr::input(0), Expr::constant(below)});
    Expr at = Expr::input(1) * Expr::constant(stride[d]) - Expr::constant(padding[d]) + tap * Expr::constant(dilation[d]);
    Value position = map(at, {rest, iota(dims, d + 2, i64)}, i64);
    flat = flat ? add(mul(flat, broadcast(sizeAsScalar(in[d + 2], i64), dims)), position) : position;
    rest = map(Expr::make(Primitive::Remainder, {Expr::input(0), Expr::constant(below)}), rest, i64);
  }
  return {pool.getResult(), flat};
}

Value FunctionBuilder::maxPool(Value x, Ints kernel, Ints stride, Ints padding, Ints dilation, bool ceilMode) {
  // The indices that are not used are removed with the dead code.
  return maxPoolWithIndices(x, kernel, stride, padding, dilation, ceilMode).first;
}

Value FunctionBuilder::avgPool(Value x, Ints kernel, Ints stride, Ints padding, bool ceilMode,
                               bool countIncludePad, std::optional<int64_t> divisorOverride) {
  if (!x)
    return {};
  if (rankOf(x) == (int64_t)kernel.size() + 1) {
    Value y = avgPool(unsqueeze(x, 0), kernel, stride, padding, ceilMode, countIncludePad, divisorOverride);
    return y ? squeeze(y, 0) : y;
  }
  SmallVector<int64_t> ones(kernel.size(), 1);
  Dims in = dimsOf(x), dims = pooledDims(*this, x, kernel, stride, padding, ones, ceilMode);
  Value total = sumPool(x, dims, kernel, stride, padding, ones);
  Type type = elementTypeOf(x);
  int64_t window = 1;
  for (int64_t k : kernel)
    window *= k;
  bool padded = llvm::any_of(padding, [](int64_t p) { return p != 0; });
  if (divisorOverride || (!ceilMode && (countIncludePad || !padded)))
    return map(Expr::input(0) / Expr::constant(divisorOverride.value_or(window)), total, type);
  // The divisor varies at the borders: elements of the window inside the input, and
  // with countIncludePad inside its padding too. Counted axis by axis.
  Value count;
  for (size_t d = 0; d < kernel.size(); ++d) {
    Dims line(dims.size(), size(1));
    line[d + 2] = dims[d + 2];
    double margin = countIncludePad ? padding[d] : 0;
    Expr start = Expr::input(0) * Expr::constant(stride[d]) - Expr::constant(padding[d]);
    Expr end = Expr::make(Primitive::Minimum, {start + Expr::constant(kernel[d]), Expr::input(1) + Expr::constant(margin)});
    Expr begin = Expr::make(Primitive::Maximum, {start, Expr::constant(-margin)});
    Value along = map(end - begin, {iota(line, d + 2, type), sizeAsScalar(in[d + 2], type)}, type);
    count = count ? mul(count, along) : along;
  }
  return div(total, count);
}

//===-- shape ------------------------------------------------------------------------===//

Value FunctionBuilder::view(Value x, ArrayRef<AffineExpr> dims) {
  if (!x)
    return {};
  if (!sameSize(product(context(), dimsOf(x)), product(context(), dims)))
    return error("the shapes of a reshape hold different numbers of elements");
  return reshape(x, dims);
}

Value FunctionBuilder::flatten(Value x, int64_t start, int64_t end) {
  if (!x)
    return {};
  Dims in = dimsOf(x);
  if (in.empty())
    return reshape(x, {size(1)});
  start = axis(x, start);
  end = axis(x, end);
  Dims dims(in.begin(), in.begin() + start);
  dims.push_back(product(context(), ArrayRef(in).slice(start, end - start + 1)));
  dims.append(in.begin() + end + 1, in.end());
  return reshape(x, dims);
}

Value FunctionBuilder::permute(Value x, Ints order) {
  if (!x)
    return {};
  SmallVector<int64_t> positive;
  for (int64_t o : order)
    positive.push_back(axis(x, o));
  return transpose(x, positive);
}

Value FunctionBuilder::swapAxes(Value x, int64_t a0, int64_t a1) {
  if (!x || rankOf(x) == 0)
    return x;
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  std::swap(order[axis(x, a0)], order[axis(x, a1)]);
  return transpose(x, order);
}

Value FunctionBuilder::squeezeAxes(Value x, Ints axes) {
  if (!x)
    return {};
  SmallVector<int64_t> drop;
  for (int64_t a : axes)
    if (rankOf(x) > 0 && isOne(dimsOf(x)[axis(x, a)]))
      drop.push_back(axis(x, a));
  return squeeze(x, drop);
}

Value FunctionBuilder::unsqueezeAxis(Value x, int64_t a) {
  return x ? unsqueeze(x, a < 0 ? a + rankOf(x) + 1 : a) : x;
}

Value FunctionBuilder::expand(Value x, ArrayRef<AffineExpr> dims) {
  if (!x)
    return {};
  Dims in = dimsOf(x), out(dims.begin(), dims.end());
  for (size_t i = 0; i < out.size(); ++i)
    if (!out[i])
      out[i] = in[i - (out.size() - in.size())];
  return broadcast(x, out);
}

Value FunctionBuilder::cat(ArrayRef<Value> inputs, int64_t a) {
  SmallVector<Value> kept;
  for (Value input : inputs) {
    if (!input)
      return {};
    // torch ignores empty tensors of shape [0] here.
    Dims dims = dimsOf(input);
    if (!(dims.size() == 1 && constantSize(dims[0]) == 0))
      kept.push_back(input);
  }
  if (kept.empty())
    return inputs.empty() ? error("cat of no tensors") : inputs[0];
  a = axis(kept[0], a);
  for (Value other : ArrayRef(kept).drop_front())
    for (int64_t i = 0; i < rankOf(kept[0]); ++i)
      if (rankOf(other) != rankOf(kept[0]) || (i != a && !sameSize(dimsOf(other)[i], dimsOf(kept[0])[i])))
        return error("cat: the shapes differ outside axis " + Twine(a));
  return concat(kept, a);
}

Value FunctionBuilder::stack(ArrayRef<Value> inputs, int64_t a) {
  SmallVector<Value> raised;
  for (Value input : inputs)
    raised.push_back(unsqueezeAxis(input, a));
  return cat(raised, a < 0 ? a + rankOf(raised[0]) : a);
}

// Python's clamping of start and end against a known size; the result's size.
static std::optional<int64_t> clampSlice(int64_t size, int64_t &start, int64_t end, int64_t step) {
  auto clamp = [&](int64_t v) { return std::min(std::max<int64_t>(v < 0 ? v + size : v, 0), size); };
  start = clamp(start);
  return std::max<int64_t>(0, (clamp(end) - start + step - 1) / step);
}

Value FunctionBuilder::sliceAxis(Value x, int64_t a, int64_t start, int64_t end, int64_t step) {
  if (!x)
    return {};
  a = axis(x, a);
  Dims dims = dimsOf(x);
  AffineExpr full = dims[a];
  if (auto size = constantSize(full)) {
    dims[a] = this->size(*clampSlice(*size, start, end, step));
  } else {
    if (start < 0 || (end < 0 && end != -1) || (end >= 0 && end < (int64_t(1) << 40)))
      return error("slice: along the symbolic axis " + Twine(a) + " only [start:] with start >= 0 is supported");
    dims[a] = simplify((full - start + (step - 1)).floorDiv(step));
  }
  SmallVector<int64_t> starts(dims.size(), 0), steps(dims.size(), 1);
  starts[a] = start;
  steps[a] = step;
  return slice(x, starts, dims, steps);
}

Value FunctionBuilder::select(Value x, int64_t a, int64_t index) {
  if (!x)
    return {};
  a = axis(x, a);
  if (index < 0) {
    auto size = constantSize(dimsOf(x)[a]);
    if (!size)
      return error("select: a negative index along a symbolic axis is not supported");
    index += *size;
  }
  Dims dims = dimsOf(x);
  dims[a] = size(1);
  SmallVector<int64_t> starts(dims.size(), 0), steps(dims.size(), 1);
  starts[a] = index;
  return squeeze(slice(x, starts, dims, steps), a);
}

Value FunctionBuilder::sliceScatter(Value x, Value value, int64_t a, int64_t start, int64_t end, int64_t step) {
  Value old = sliceAxis(x, a, start, end, step);
  if (!old || !value)
    return {};
  a = axis(x, a);
  Dims dims = dimsOf(x), part = dimsOf(old);
  if (sameSizes(dims, part))
    return broadcast(value, dims);
  if (start < 0)
    start += *constantSize(dims[a]);
  value = broadcast(convert(value, elementTypeOf(x)), part);
  // The value in its place among zeros, chosen where the index lies on the slice.
  SmallVector<int64_t> starts(dims.size(), 0), interior(dims.size(), 0);
  starts[a] = start;
  interior[a] = step - 1;
  Value placed = pad(value, starts, dims, interior, 0.0);
  Expr i = Expr::input(0);
  Expr offset = i - Expr::constant(start);
  Expr on = Expr::make(Primitive::And, {
      Expr::make(Primitive::Ge, {offset, Expr::constant(0)}),
      Expr::make(Primitive::Lt, {offset, Expr::constant(*constantSize(part[a]) * step)})});
  if (step > 1)
    on = Expr::make(Primitive::And, {on, Expr::make(Primitive::Eq, {
        Expr::make(Primitive::Remainder, {offset, Expr::constant(step)}), Expr::constant(0)})});
  Value position = iota(dims, a, b.getI64Type());
  return map(nnc::select(on, Expr::input(1), Expr::input(2)), {position, placed, x}, elementTypeOf(x), "scatter");
}

Value FunctionBuilder::selectScatter(Value x, Value value, int64_t a, int64_t index) {
  if (!x || !value)
    return {};
  a = axis(x, a);
  if (index < 0)
    index += *constantSize(dimsOf(x)[a]);
  Dims part = dimsOf(x);
  part.erase(part.begin() + a);
  return sliceScatter(x, unsqueeze(broadcast(value, part), a), a, index, index + 1, 1);
}

Value FunctionBuilder::constantPad(Value x, Ints pads, double value) {
  if (!x)
    return {};
  Dims dims = dimsOf(x);
  SmallVector<int64_t> low(dims.size(), 0), interior(dims.size(), 0), starts(dims.size(), 0), steps(dims.size(), 1);
  Dims cut = dims;
  for (size_t i = 0; i + 1 < pads.size(); i += 2) {
    size_t a = dims.size() - 1 - i / 2;
    starts[a] = std::max<int64_t>(0, -pads[i]);
    low[a] = std::max<int64_t>(0, pads[i]);
    cut[a] = simplify(dims[a] - starts[a] - std::max<int64_t>(0, -pads[i + 1]));
    dims[a] = simplify(dims[a] + pads[i] + pads[i + 1]);
  }
  return pad(slice(x, starts, cut, steps), low, dims, interior, value);
}

//===-- reductions -----------------------------------------------------------------------===//

Value FunctionBuilder::reduceAxes(ReduceKind kind, Value x, Ints axes, bool keepdim) {
  if (!x)
    return {};
  SmallVector<int64_t> positive;
  for (int64_t a : axes)
    if (rankOf(x) > 0)
      positive.push_back(axis(x, a));
  if (positive.empty())
    positive = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  if (kind == ReduceKind::sum && !isa<FloatType>(elementTypeOf(x)))
    x = convert(x, b.getI64Type());
  bool flat = (kind == ReduceKind::argmax || kind == ReduceKind::argmin) && positive.size() > 1;
  if (flat) {
    x = reshape(x, {product(context(), dimsOf(x))});
    positive = {0};
  }
  Value y = reduce(kind, x, positive);
  return keepdim ? y : squeeze(y, positive);
}

Value FunctionBuilder::sumAxes(Value x, Ints axes, bool keepdim) {
  return reduceAxes(ReduceKind::sum, x, axes, keepdim);
}

Value FunctionBuilder::meanAxes(Value x, Ints axes, bool keepdim) {
  if (!x)
    return {};
  SmallVector<int64_t> positive;
  for (int64_t a : axes)
    if (rankOf(x) > 0)
      positive.push_back(axis(x, a));
  if (positive.empty())
    positive = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  Value y = mean(x, positive);
  return keepdim ? y : squeeze(y, positive);
}

//===-- normalisation --------------------------------------------------------------------===//

Value FunctionBuilder::softmax(Value x, int64_t a) {
  if (!x || rankOf(x) == 0)
    return x ? full({}, elementTypeOf(x), 1.0) : x;
  return SoftmaxOp::create(b, loc, x.getType(), x, axis(x, a));
}

Value FunctionBuilder::logSoftmax(Value x, int64_t a) {
  if (!x || rankOf(x) == 0)
    return x ? full({}, elementTypeOf(x), 0.0) : x;
  return LogSoftmaxOp::create(b, loc, x.getType(), x, axis(x, a));
}

Value FunctionBuilder::batchNorm(Value x, Value weight, Value bias, Value runningMean, Value runningVar,
                                 bool training, double momentum, double eps) {
  if (!x)
    return {};
  Type type = elementTypeOf(x);
  Dims dims = dimsOf(x), line(dims.size(), size(1));
  line[1] = dims[1];
  auto channels = [&](Value v) { return reshape(v, line); };
  Value mean, variance;
  if (training || !runningMean) {
    SmallVector<int64_t> axes{0};
    AffineExpr count = dims[0];
    for (size_t d = 2; d < dims.size(); ++d) {
      axes.push_back(d);
      count = count * dims[d];
    }
    mean = nn::Builder::mean(x, axes);
    Value centred = sub(x, mean);
    Value squares = sum(mul(centred, centred), axes);
    Value n = sizeAsScalar(count, type);
    variance = div(squares, n);
    if (training && runningMean) {
      Dims flat{dims[1]};
      auto blend = [&](Value old, Value fresh) {
        Expr e = Expr::input(0) * Expr::constant(1.0 - momentum) + Expr::input(1) * Expr::constant(momentum);
        return map(e, {old, reshape(fresh, flat)}, elementTypeOf(old));
      };
      updateState(runningMean, blend(runningMean, mean));
      updateState(runningVar, blend(runningVar, map("x0 / (x1 - 1.0)", {squares, n})));
    }
  } else {
    mean = channels(runningMean);
    variance = channels(runningVar);
  }
  Value scale = map(Expr::make(Primitive::Rsqrt, {Expr::input(0) + Expr::constant(eps)}), variance, type);
  Value y = map("(x0 - x1) * x2", {x, mean, scale});
  if (weight)
    y = mul(y, channels(weight));
  return bias ? add(y, channels(bias)) : y;
}

Value FunctionBuilder::layerNorm(Value x, int64_t normalizedRank, Value weight, Value bias, double eps) {
  if (!x)
    return {};
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(rankOf(x) - normalizedRank, rankOf(x)));
  Value centred = sub(x, nn::Builder::mean(x, axes));
  Value variance = nn::Builder::mean(mul(centred, centred), axes);
  Value scale = map(Expr::make(Primitive::Rsqrt, {Expr::input(0) + Expr::constant(eps)}), variance, elementTypeOf(x));
  Value y = mul(centred, scale);
  if (weight)
    y = mul(y, weight);
  return bias ? add(y, bias) : y;
}

Value FunctionBuilder::rmsNorm(Value x, int64_t normalizedRank, Value weight, double eps) {
  if (!x)
    return {};
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(rankOf(x) - normalizedRank, rankOf(x)));
  Value square = nn::Builder::mean(mul(x, x), axes);
  Value y = mul(x, map(Expr::make(Primitive::Rsqrt, {Expr::input(0) + Expr::constant(eps)}), square, elementTypeOf(x)));
  return weight ? mul(y, weight) : y;
}

void FunctionBuilder::trackInstanceStatistics(Value x, Value runningMean, Value runningVar, double momentum) {
  if (!x)
    return;
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(2, rankOf(x)));
  Value mean = nn::Builder::mean(x, axes), centred = sub(x, mean);
  Value n = sizeAsScalar(product(context(), ArrayRef(dimsOf(x)).drop_front(2)), elementTypeOf(x));
  Value variance = map("x0 / (x1 - 1.0)", {sum(mul(centred, centred), axes), n});
  auto update = [&](Value running, Value fresh) { // fresh [N, C, 1...]
    Value channels = reshape(nn::Builder::mean(fresh, 0), dimsOf(running));
    Expr e = Expr::input(0) * Expr::constant(1.0 - momentum) + Expr::input(1) * Expr::constant(momentum);
    updateState(running, map(e, {running, channels}, elementTypeOf(running)));
  };
  update(runningMean, mean);
  update(runningVar, variance);
}

//===-- random ---------------------------------------------------------------------------===//

std::pair<Value, Value> FunctionBuilder::randomState() {
  if (!seed) {
    seed = addState("seed", "seed", {}, b.getI64Type());
    step = addState("step", "step", {}, b.getI64Type());
  }
  return {seed, step};
}

Value FunctionBuilder::dropout(Value x, double p, bool training) {
  if (!x || !training || p == 0.0)
    return x;
  auto [s, t] = randomState();
  return DropoutOp::create(b, loc, x.getType(), x, s, t, APFloat(p), nextSite++);
}

Value FunctionBuilder::featureDropout(Value x, double p, bool training) {
  if (!x || !training || p == 0.0)
    return x;
  Dims dims = dimsOf(x);
  for (size_t d = 2; d < dims.size(); ++d)
    dims[d] = size(1);
  return mul(x, dropout(full(dims, elementTypeOf(x), 1.0), p, true));
}

//===-- losses ----------------------------------------------------------------------------===//

Dims FunctionBuilder::lossDims(Value x, Reduction reduction) {
  if (reduction != Reduction::none)
    return {};
  Dims dims = dimsOf(x);
  dims.erase(dims.begin() + (dims.size() == 1 ? 0 : 1));
  return dims;
}

Value FunctionBuilder::crossEntropy(Value x, Value target, Value weight, Reduction reduction, int64_t ignoreIndex,
                                    double labelSmoothing) {
  if (!x || !target)
    return {};
  return CrossEntropyOp::create(b, loc, type(lossDims(x, reduction), elementTypeOf(x)), x, target, weight,
                                ignoreIndex, reduction, APFloat(labelSmoothing));
}

Value FunctionBuilder::nllLoss(Value x, Value target, Value weight, Reduction reduction, int64_t ignoreIndex) {
  if (!x || !target)
    return {};
  return NllLossOp::create(b, loc, type(lossDims(x, reduction), elementTypeOf(x)), x, target, weight, ignoreIndex,
                           reduction);
}

Value FunctionBuilder::pointwiseLoss(StringRef function, ArrayRef<Operand> operands, Reduction reduction,
                                     const std::map<std::string, double> &parameters) {
  Value loss = elementwise(function, operands, parameters);
  if (!loss || reduction == Reduction::none)
    return loss;
  return reduction == Reduction::mean ? meanAxes(loss, {}, false) : sumAxes(loss, {}, false);
}

} // namespace nnc
