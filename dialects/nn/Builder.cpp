#include "dialects/nn/Builder.h"
#include "dialects/nn/Conv/Winograd.h"
#include "dialects/nn/Expr/Functions.h"

using namespace mlir;

namespace nnc::nn {

Builder::Builder(OpBuilder &builder, Location loc, ArrayRef<StringAttr> symbols)
    : loc(loc), b(builder), symbols(symbols) {}

Type inferElementType(Expr expr, ArrayRef<Type> inputs, Type fallback) {
  MLIRContext *context = fallback ? fallback.getContext() : inputs[0].getContext();
  switch (expr.primitive()) {
  case Primitive::Input: return inputs[expr.inputIndex()];
  case Primitive::Constant:
  case Primitive::Parameter: return fallback;
  case Primitive::ToF32: return Float32Type::get(context);
  case Primitive::ToF64: return Float64Type::get(context);
  case Primitive::ToI64: return IntegerType::get(context, 64);
  case Primitive::ToI32: return IntegerType::get(context, 32);
  case Primitive::ToI1: return IntegerType::get(context, 1);
  case Primitive::Select:
    return inferElementType(expr.operand(expr.operand(1).isConstant() ? 2 : 1), inputs, fallback);
  default: break;
  }
  if (expr.isBoolean())
    return IntegerType::get(context, 1);
  // Arithmetic: floats win over integers, wider over narrower, any over i1.
  Type best;
  auto rank = [](Type t) { return (isa<FloatType>(t) ? 1000 : 0) + t.getIntOrFloatBitWidth(); };
  for (Expr operand : expr.operands()) {
    if (operand.isConstant())
      continue;
    Type type = inferElementType(operand, inputs, fallback);
    if (!best || rank(type) > rank(best))
      best = type;
  }
  return best ? best : fallback;
}

Value Builder::apply(StringRef function, ValueRange inputs, const std::map<std::string, double> &parameters) {
  const ElementwiseFunction *row = lookupElementwise(function);
  assert(row && "no such row in the function table");
  return map(llvm::cantFail(instantiate(*row, parameters)), inputs, {}, function);
}

Value Builder::map(Expr expr, ValueRange inputs, Type element, StringRef fn) {
  if (!element) {
    SmallVector<Type> types;
    for (Value input : inputs)
      types.push_back(elementTypeOf(input));
    element = inferElementType(expr, types, types[0]);
  }
  return maps(expr, inputs, element, fn)[0];
}

Value Builder::map(StringRef text, ValueRange inputs, Type element) {
  SmallVector<std::string> names = MapOp::operandNames(inputs.size());
  SmallVector<StringRef> refs(names.begin(), names.end());
  return map(llvm::cantFail(parseExpr(text, refs)), inputs, element);
}

SmallVector<Value> Builder::maps(ArrayRef<Expr> exprs, ValueRange inputs, ArrayRef<Type> elements, StringRef fn) {
  SmallVector<Dims> shapes;
  for (Value input : inputs)
    shapes.push_back(dimsOf(input));
  std::optional<Dims> dims = broadcastDims(context(), shapes);
  assert(dims && "shapes that do not broadcast");
  SmallVector<Type> results;
  SmallVector<StringRef> texts;
  SmallVector<std::string> storage;
  for (auto [expr, element] : llvm::zip(exprs, elements)) {
    storage.push_back(expr.str());
    results.push_back(type(*dims, element));
  }
  texts.assign(storage.begin(), storage.end());
  auto op = MapOp::create(b, loc, results, inputs, b.getStrArrayAttr(texts),
                          fn.empty() ? StringAttr() : b.getStringAttr(fn));
  return SmallVector<Value>(op.getResults());
}

Value Builder::scale(Value a, double factor) {
  return factor == 1.0 ? a : map(Expr::input(0) * Expr::constant(factor), a, elementTypeOf(a));
}

Value Builder::convert(Value a, Type element) {
  return elementTypeOf(a) == element ? a : map(Expr::input(0), a, element, "to");
}

Value Builder::full(ArrayRef<AffineExpr> dims, Type element, double value) {
  auto op = MapOp::create(b, loc, TypeRange{type(dims, element)}, ValueRange{},
                          b.getStrArrayAttr({Expr::constant(value).str()}), b.getStringAttr("full"));
  return op.getResult(0);
}

Value Builder::iota(ArrayRef<AffineExpr> dims, int64_t axis, Type element) {
  return IotaOp::create(b, loc, type(dims, element), axis);
}

Value Builder::sizeAsScalar(AffineExpr size, Type element) {
  if (auto constant = constantSize(simplify(size)))
    return full({}, element, *constant);
  return SizeOp::create(b, loc, RankedTensorType::get({}, element),
                        DimsAttr::get(context(), symbols, {simplify(size)}));
}

Value Builder::reshape(Value a, ArrayRef<AffineExpr> dims) {
  if (sameSizes(dimsOf(a), dims))
    return a;
  return ReshapeOp::create(b, loc, type(dims, elementTypeOf(a)), a);
}

Value Builder::transpose(Value a, ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return a;
  return TransposeOp::create(b, loc, a, permutation);
}

Value Builder::broadcast(Value a, ArrayRef<AffineExpr> dims) {
  if (sameSizes(dimsOf(a), dims))
    return a;
  return BroadcastOp::create(b, loc, type(dims, elementTypeOf(a)), a);
}

Value Builder::slice(Value a, ArrayRef<int64_t> starts, ArrayRef<AffineExpr> sizes, ArrayRef<int64_t> steps) {
  if (sameSizes(dimsOf(a), sizes))
    return a;
  return SliceOp::create(b, loc, type(sizes, elementTypeOf(a)), a, starts, steps);
}

Value Builder::unslice(Value a, ArrayRef<AffineExpr> dims, ArrayRef<int64_t> starts, ArrayRef<int64_t> steps) {
  SmallVector<int64_t> interior;
  for (int64_t step : steps)
    interior.push_back(step - 1);
  return pad(a, starts, dims, interior, 0.0);
}

Value Builder::pad(Value a, ArrayRef<int64_t> low, ArrayRef<AffineExpr> dims, ArrayRef<int64_t> interior, double value) {
  if (sameSizes(dimsOf(a), dims))
    return a;
  return PadOp::create(b, loc, type(dims, elementTypeOf(a)), a, low, interior, APFloat(value));
}

Value Builder::concat(ValueRange inputs, int64_t axis) {
  return inputs.size() == 1 ? inputs[0] : ConcatOp::create(b, loc, inputs, axis).getResult();
}

Value Builder::squeeze(Value a, ArrayRef<int64_t> axes) {
  Dims dims;
  for (auto [i, dim] : llvm::enumerate(dimsOf(a)))
    if (!llvm::is_contained(axes, static_cast<int64_t>(i)))
      dims.push_back(dim);
  return reshape(a, dims);
}

Value Builder::unsqueeze(Value a, int64_t axis) {
  Dims dims = dimsOf(a);
  dims.insert(dims.begin() + axis, size(1));
  return reshape(a, dims);
}

Value Builder::reduce(ReduceKind kind, Value a, ArrayRef<int64_t> axes) {
  if (axes.empty())
    return a;
  return ReduceOp::create(b, loc, a, kind, axes);
}

Value Builder::mean(Value a, ArrayRef<int64_t> axes) {
  AffineExpr count = size(1);
  Dims dims = dimsOf(a);
  for (int64_t axis : axes)
    count = count * dims[axis];
  Value total = sum(a, axes);
  if (auto constant = constantSize(simplify(count)))
    return map(Expr::input(0) / Expr::constant(*constant), total, elementTypeOf(a));
  return div(total, sizeAsScalar(count, elementTypeOf(a)));
}

Value Builder::sumTo(Value a, ArrayRef<AffineExpr> dims) {
  Dims from = dimsOf(a);
  if (sameSizes(from, dims))
    return a;
  size_t extra = from.size() - dims.size();
  SmallVector<int64_t> axes;
  for (size_t i = 0; i < from.size(); ++i)
    if (i < extra || (isOne(dims[i - extra]) && !isOne(from[i])))
      axes.push_back(i);
  return reshape(sum(a, axes), dims);
}

Value Builder::matmul(Value x, Value y, bool transposeA, bool transposeB) {
  return MatmulOp::create(b, loc, x, y, Value(), transposeA, transposeB);
}

Value Builder::conv(Value x, Value w, ArrayRef<AffineExpr> dims, ArrayRef<int64_t> stride,
                    ArrayRef<int64_t> padding, ArrayRef<int64_t> dilation, int64_t groups) {
  return ConvOp::create(b, loc, type(dims, elementTypeOf(x)), x, w, Value(), stride, padding, dilation, groups);
}

Value Builder::convInputGrad(Value dy, Value w, ArrayRef<AffineExpr> dims, ArrayRef<int64_t> stride,
                             ArrayRef<int64_t> padding, ArrayRef<int64_t> dilation, int64_t groups) {
  return ConvInputGradOp::create(b, loc, type(dims, elementTypeOf(dy)), dy, w, Value(), stride, padding, dilation, groups);
}

Value Builder::convWeightGrad(Value x, Value dy, ArrayRef<AffineExpr> dims, ArrayRef<int64_t> stride,
                              ArrayRef<int64_t> padding, ArrayRef<int64_t> dilation, int64_t groups) {
  return ConvWeightGradOp::create(b, loc, type(dims, elementTypeOf(x)), x, dy, stride, padding, dilation, groups);
}

Value Builder::packFilter(Value w, int64_t groups, int64_t lanes, bool adjoint) {
  Dims dims = dimsOf(w);
  int64_t filters = *constantSize(dims[0]) / groups, channels = *constantSize(dims[1]);
  int64_t result = adjoint ? channels : filters, reduced = adjoint ? filters : channels;
  int64_t taps = *constantSize(product(b.getContext(), ArrayRef(dims).drop_front(2)));
  auto type = RankedTensorType::get({groups * ((result + lanes - 1) / lanes), reduced, taps, lanes}, elementTypeOf(w));
  return PackFilterOp::create(b, loc, type, w, groups, adjoint);
}

Value Builder::winogradFilter(Value w, int64_t outputs, int64_t lanes, bool adjoint) {
  Dims dims = dimsOf(w);
  int64_t result = *constantSize(dims[adjoint ? 1 : 0]), reduced = *constantSize(dims[adjoint ? 0 : 1]);
  int64_t points = Winograd::of(outputs).points;
  auto type = RankedTensorType::get({(result + lanes - 1) / lanes, points * points, reduced, lanes}, elementTypeOf(w));
  return WinogradFilterOp::create(b, loc, type, w, adjoint);
}

MaxPoolOp Builder::maxPool(Value x, ArrayRef<AffineExpr> dims, ArrayRef<int64_t> kernel, ArrayRef<int64_t> stride,
                           ArrayRef<int64_t> padding, ArrayRef<int64_t> dilation) {
  int64_t window = 1;
  for (int64_t k : kernel)
    window *= k;
  Type position = b.getIntegerType(window <= 127 ? 8 : 32);
  return MaxPoolOp::create(b, loc, type(dims, elementTypeOf(x)), type(dims, position), x, kernel, stride, padding, dilation);
}

Value Builder::maxPoolGrad(Value dy, Value position, ArrayRef<AffineExpr> dims, ArrayRef<int64_t> kernel,
                           ArrayRef<int64_t> stride, ArrayRef<int64_t> padding, ArrayRef<int64_t> dilation) {
  return MaxPoolGradOp::create(b, loc, type(dims, elementTypeOf(dy)), dy, position, kernel, stride, padding, dilation);
}

Value Builder::sumPool(Value x, ArrayRef<AffineExpr> dims, ArrayRef<int64_t> kernel, ArrayRef<int64_t> stride,
                       ArrayRef<int64_t> padding, ArrayRef<int64_t> dilation) {
  return SumPoolOp::create(b, loc, type(dims, elementTypeOf(x)), x, kernel, stride, padding, dilation);
}

Value Builder::sumPoolGrad(Value dy, ArrayRef<AffineExpr> dims, ArrayRef<int64_t> kernel, ArrayRef<int64_t> stride,
                           ArrayRef<int64_t> padding, ArrayRef<int64_t> dilation) {
  return SumPoolGradOp::create(b, loc, type(dims, elementTypeOf(dy)), dy, kernel, stride, padding, dilation);
}

Value Builder::gather(Value input, Value index, int64_t axis, int64_t padding) {
  Dims from = dimsOf(input), positions = dimsOf(index), dims(from.begin(), from.begin() + axis);
  dims.append(positions.begin(), positions.end());
  dims.append(from.begin() + axis + 1, from.end());
  return GatherOp::create(b, loc, type(dims, elementTypeOf(input)), input, index, axis, padding);
}

Value Builder::scatterAdd(Value input, Value index, ArrayRef<AffineExpr> dims, int64_t axis, int64_t padding) {
  return ScatterAddOp::create(b, loc, type(dims, elementTypeOf(input)), input, index, axis, padding);
}

Value Builder::gatherElements(Value input, Value index, int64_t axis) {
  return GatherElementsOp::create(b, loc, type(dimsOf(index), elementTypeOf(input)), input, index, axis);
}

Value Builder::scatterAddElements(Value input, Value index, ArrayRef<AffineExpr> dims, int64_t axis) {
  return ScatterAddElementsOp::create(b, loc, type(dims, elementTypeOf(input)), input, index, axis);
}

Value Grad::dy(unsigned result) {
  if (adjoints[result])
    return adjoints[result];
  return zerosLike(op->getResult(result));
}

} // namespace nnc::nn
