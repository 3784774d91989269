#include "dialects/nn/Dims.h"
#include "dialects/nn/Nn.h"
#include "llvm/Support/raw_ostream.h"
#include <map>

using namespace mlir;

namespace nnc::nn {

Dims dimsOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  if (auto encoding = dyn_cast_or_null<DimsAttr>(tensor.getEncoding()))
    return Dims(encoding.getDims().begin(), encoding.getDims().end());
  Dims dims;
  for (int64_t size : tensor.getShape())
    dims.push_back(getAffineConstantExpr(size, type.getContext()));
  return dims;
}

Type elementTypeOf(Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); }

ArrayRef<StringAttr> symbolsOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return {};
  if (auto encoding = dyn_cast_or_null<DimsAttr>(tensor.getEncoding()))
    return encoding.getSymbols();
  return {};
}

ArrayRef<StringAttr> symbolsOf(TypeRange types) {
  for (Type type : types)
    if (auto symbols = symbolsOf(type); !symbols.empty())
      return symbols;
  return {};
}

namespace {
/// A size as a sum of products: sorted factors (symbols, floordiv, mod) -> coefficient.
using Factors = SmallVector<AffineExpr, 2>;
struct FactorOrder {
  static std::pair<unsigned, std::string> key(AffineExpr factor) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(factor))
      return {symbol.getPosition(), ""};
    std::string text;
    llvm::raw_string_ostream(text) << factor;
    return {~0u, text};
  }
  bool operator()(AffineExpr a, AffineExpr b) const { return key(a) < key(b); }
  bool operator()(const Factors &a, const Factors &b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [this](AffineExpr x, AffineExpr y) { return (*this)(x, y); });
  }
};
using Polynomial = std::map<Factors, int64_t, FactorOrder>;

Polynomial expandProducts(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return {{{}, constant.getValue()}};
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary || (expr.getKind() != AffineExprKind::Add && expr.getKind() != AffineExprKind::Mul))
    return {{{expr}, 1}};
  Polynomial left = expandProducts(binary.getLHS()), right = expandProducts(binary.getRHS());
  if (expr.getKind() == AffineExprKind::Add) {
    for (auto &[factors, coefficient] : right)
      left[factors] += coefficient;
    return left;
  }
  Polynomial result;
  for (auto &[a, x] : left)
    for (auto &[b, y] : right) {
      Factors factors(a);
      factors.append(b.begin(), b.end());
      llvm::sort(factors, FactorOrder());
      result[factors] += x * y;
    }
  return result;
}
} // namespace

AffineExpr simplify(AffineExpr dim) {
  // Sizes use symbols alone; 64 is more than any function has.
  dim = simplifyAffineExpr(dim, 0, 64);
  if (dim.isPureAffine())
    return dim;
  // Affine simplification leaves products of symbols as they were written: one fixed
  // order makes equal sizes equal expressions.
  AffineExpr sum = getAffineConstantExpr(0, dim.getContext());
  for (auto &[factors, coefficient] : expandProducts(dim)) {
    AffineExpr term = getAffineConstantExpr(1, dim.getContext());
    for (AffineExpr factor : factors)
      term = term * factor;
    sum = sum + term * coefficient;
  }
  return sum;
}

RankedTensorType tensorType(ArrayRef<AffineExpr> dims, Type element, ArrayRef<StringAttr> symbols) {
  SmallVector<int64_t> shape;
  Dims simplified;
  bool dynamic = false;
  for (AffineExpr dim : dims) {
    simplified.push_back(simplify(dim));
    if (auto constant = constantSize(simplified.back())) {
      shape.push_back(*constant);
    } else {
      shape.push_back(ShapedType::kDynamic);
      dynamic = true;
    }
  }
  Attribute encoding;
  if (dynamic)
    encoding = DimsAttr::get(element.getContext(), symbols, simplified);
  return RankedTensorType::get(shape, element, encoding);
}

RankedTensorType withElementType(Type type, Type element) {
  auto tensor = cast<RankedTensorType>(type);
  return RankedTensorType::get(tensor.getShape(), element, tensor.getEncoding());
}

std::optional<int64_t> constantSize(AffineExpr dim) {
  if (auto constant = dyn_cast<AffineConstantExpr>(dim))
    return constant.getValue();
  return std::nullopt;
}

bool isOne(AffineExpr dim) { return constantSize(dim) == 1; }

bool sameSize(AffineExpr a, AffineExpr b) { return a == b || simplify(a - b) == 0; }

bool sameSizes(ArrayRef<AffineExpr> a, ArrayRef<AffineExpr> b) {
  return a.size() == b.size() &&
         llvm::all_of(llvm::zip(a, b), [](auto p) { return sameSize(std::get<0>(p), std::get<1>(p)); });
}

AffineExpr product(MLIRContext *context, ArrayRef<AffineExpr> dims) {
  AffineExpr result = getAffineConstantExpr(1, context);
  for (AffineExpr dim : dims)
    result = result * dim;
  return simplify(result);
}

std::optional<Dims> broadcastDims(MLIRContext *context, ArrayRef<Dims> shapes) {
  size_t rank = 0;
  for (const Dims &shape : shapes)
    rank = std::max(rank, shape.size());
  Dims result(rank, getAffineConstantExpr(1, context));
  for (const Dims &shape : shapes)
    for (size_t i = 0; i < shape.size(); ++i) {
      AffineExpr &out = result[rank - shape.size() + i];
      if (isOne(out))
        out = shape[i];
      else if (!isOne(shape[i]) && !sameSize(out, shape[i]))
        return std::nullopt;
    }
  return result;
}

AffineExpr windowOutputSize(AffineExpr in, int64_t kernel, int64_t stride, int64_t low,
                            int64_t high, int64_t dilation, bool ceil) {
  AffineExpr span = in + (low + high - dilation * (kernel - 1) - 1);
  if (!ceil)
    return simplify(span.floorDiv(stride) + 1);
  AffineExpr size = simplify((span + (stride - 1)).floorDiv(stride) + 1);
  // A last window that starts in the right padding is dropped.
  if (auto out = constantSize(size), input = constantSize(in); out && input)
    if ((*out - 1) * stride >= *input + low)
      return getAffineConstantExpr(*out - 1, in.getContext());
  return size;
}

SmallVector<int64_t> inversePermutation(ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> inverse(permutation.size());
  for (auto [i, p] : llvm::enumerate(permutation))
    inverse[p] = i;
  return inverse;
}

static void print(AffineExpr e, ArrayRef<StringAttr> symbols, llvm::raw_ostream &os, bool nested) {
  if (auto constant = dyn_cast<AffineConstantExpr>(e)) {
    os << constant.getValue();
    return;
  }
  if (auto symbol = dyn_cast<AffineSymbolExpr>(e)) {
    if (symbol.getPosition() < symbols.size())
      os << symbols[symbol.getPosition()].getValue();
    else
      os << "s" << symbol.getPosition();
    return;
  }
  auto binary = cast<AffineBinaryOpExpr>(e);
  if (nested)
    os << "(";
  print(binary.getLHS(), symbols, os, true);
  switch (e.getKind()) {
  case AffineExprKind::Add: os << " + "; break;
  case AffineExprKind::Mul: os << " * "; break;
  case AffineExprKind::FloorDiv: os << " floordiv "; break;
  case AffineExprKind::CeilDiv: os << " ceildiv "; break;
  default: os << " mod "; break;
  }
  print(binary.getRHS(), symbols, os, true);
  if (nested)
    os << ")";
}

std::string printSize(AffineExpr dim, ArrayRef<StringAttr> symbols) {
  std::string text;
  llvm::raw_string_ostream os(text);
  print(dim, symbols, os, false);
  return text;
}

// `[N, T], N, T * 2, 10`: the symbols, then one size an axis.
Attribute DimsAttr::parse(AsmParser &parser, Type) {
  SmallVector<StringAttr> names;
  SmallVector<std::pair<StringRef, AffineExpr>> scope;
  Dims dims;
  auto parseName = [&]() -> ParseResult {
    std::string name;
    StringRef keyword;
    if (parser.parseKeyword(&keyword))
      return failure();
    names.push_back(StringAttr::get(parser.getContext(), keyword));
    scope.push_back({names.back().getValue(), getAffineSymbolExpr(names.size() - 1, parser.getContext())});
    return success();
  };
  if (parser.parseLess() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseName))
    return {};
  while (succeeded(parser.parseOptionalComma())) {
    AffineExpr dim;
    if (parser.parseAffineExpr(scope, dim))
      return {};
    dims.push_back(dim);
  }
  if (parser.parseGreater())
    return {};
  return DimsAttr::get(parser.getContext(), names, dims);
}

void DimsAttr::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(getSymbols(), printer, [&](StringAttr s) { printer << s.getValue(); });
  printer << "]";
  for (AffineExpr dim : getDims())
    printer << ", " << printSize(dim, getSymbols());
  printer << ">";
}

} // namespace nnc::nn
