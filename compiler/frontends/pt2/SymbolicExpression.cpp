#include "compiler/frontends/pt2/SymbolicExpression.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace nnc::pt2;
using llvm::StringRef;

namespace {

using Expression = SymbolicExpression;
using Kind = Expression::Kind;

/// Recursive descent over both of sympy's printed forms; the grammar of `str` is
/// Python's, of which `srepr`'s nested calls are a subset:
///   sum     := product (('+' | '-') product)*
///   product := unary (('*' | '//' | '%') unary)*
///   unary   := '-' unary | power
///   power   := primary ('**' integer)?
///   primary := integer | name | name '(' arguments ')' | '(' sum ')'
class Parser {
public:
  explicit Parser(StringRef text) : text(text), rest(text) {}

  llvm::Expected<Expression> parse() {
    Expression result = sum();
    if (problem.empty() && !rest.trim().empty())
      fail("unexpected text after the expression");
    if (!problem.empty())
      return llvm::createStringError("size expression `" + text.take_front(200) +
                                     "`: " + problem);
    return result;
  }

private:
  Expression fail(const llvm::Twine &why) {
    if (problem.empty())
      problem = why.str();
    rest = "";
    return {};
  }

  bool consume(StringRef token) {
    rest = rest.ltrim();
    return rest.consume_front(token);
  }

  StringRef identifier() {
    rest = rest.ltrim();
    StringRef name = rest.take_while(
        [](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; });
    rest = rest.drop_front(name.size());
    return name;
  }

  Expression sum() {
    if (++depth > maximumDepth)
      return fail("nested too deeply");
    std::vector<Expression> terms{product()};
    while (problem.empty()) {
      if (consume("+"))
        terms.push_back(product());
      else if (consume("-"))
        terms.push_back(negate(product()));
      else
        break;
    }
    --depth;
    return Expression::apply(Kind::Sum, std::move(terms));
  }

  Expression product() {
    Expression left = unary();
    while (problem.empty()) {
      if (consume("//"))
        left = Expression::apply(Kind::FloorDiv, {std::move(left), unary()});
      else if (consume("%"))
        left = Expression::apply(Kind::Mod, {std::move(left), unary()});
      else if (consume("*"))
        left = Expression::apply(Kind::Product, {std::move(left), unary()});
      else
        break;
    }
    return left;
  }

  static Expression negate(Expression operand) {
    return Expression::apply(Kind::Product,
                             {Expression::constant(-1), std::move(operand)});
  }

  Expression unary() {
    bool negative = false;
    while (consume("-"))
      negative = !negative;
    Expression operand = power();
    return negative ? negate(std::move(operand)) : operand;
  }

  Expression power() {
    Expression base = primary();
    if (!consume("**"))
      return base;
    return raise(std::move(base), primary());
  }

  /// Sizes only ever hold small whole powers (a square image): a product says it.
  /// The bound on the nodes keeps powers of powers from filling the memory.
  Expression raise(Expression base, const Expression &exponent) {
    if (!exponent.isConstant() || exponent.value < 1 || exponent.value > 8)
      return fail("a power other than 1 to 8 is not a size");
    if (countNodes(base) * exponent.value > 1024)
      return fail("it is too large");
    return Expression::apply(
        Kind::Product, std::vector<Expression>(exponent.value, std::move(base)));
  }

  Expression primary() {
    if (consume("(")) {
      Expression inner = sum();
      return consume(")") ? inner : fail("`)` expected");
    }
    StringRef name = identifier();
    if (name.empty())
      return fail(rest.empty() ? llvm::Twine("it ends too early")
                               : "unexpected `" + rest.take_front(1) + "`");
    if (llvm::isDigit(name.front())) {
      int64_t value;
      if (name.getAsInteger(10, value))
        return fail("`" + name + "` is not an integer of 64 bits");
      return Expression::constant(value);
    }
    if (!consume("("))
      return Expression::named(name);
    if (name == "Symbol")
      return symbolCall();
    return call(name);
  }

  /// The rest of `Symbol('s77', positive=True, integer=True)`: assumptions carry
  /// nothing that the range constraints do not.
  Expression symbolCall() {
    rest = rest.ltrim();
    if (rest.empty() || (rest.front() != '\'' && rest.front() != '"'))
      return fail("Symbol(...) without a quoted name");
    auto [name, after] = rest.drop_front().split(rest.front());
    size_t close = after.find(')');
    if (name.empty() || close == StringRef::npos)
      return fail("unfinished Symbol(...)");
    rest = after.drop_front(close + 1);
    return Expression::named(name);
  }

  Expression call(StringRef function) {
    std::vector<Expression> arguments;
    do
      arguments.push_back(sum());
    while (consume(","));
    if (!consume(")"))
      return fail("`)` expected after the arguments of " + function);
    size_t count = arguments.size();
    if (count == 1 && (function == "Integer" || function == "Identity"))
      return std::move(arguments.front());
    if (count == 2 && function == "Pow")
      return raise(std::move(arguments[0]), arguments[1]);
    // CleanDiv is a FloorDiv known to leave no remainder.
    auto binary = llvm::StringSwitch<std::optional<Kind>>(function)
                      .Cases({"FloorDiv", "CleanDiv"}, Kind::FloorDiv)
                      .Cases({"Mod", "PythonMod"}, Kind::Mod)
                      .Default(std::nullopt);
    if (binary && count == 2)
      return Expression::apply(*binary, std::move(arguments));
    auto nary = llvm::StringSwitch<std::optional<Kind>>(function)
                    .Case("Add", Kind::Sum)
                    .Case("Mul", Kind::Product)
                    .Case("Max", Kind::Max)
                    .Case("Min", Kind::Min)
                    .Default(std::nullopt);
    if (nary)
      return Expression::apply(*nary, std::move(arguments));
    return fail("the function " + function + " of " + llvm::Twine(count) +
                " operands is not supported in a size");
  }

  static size_t countNodes(const Expression &expression) {
    size_t count = 1;
    for (const Expression &operand : expression.operands)
      count += countNodes(operand);
    return count;
  }

  static constexpr unsigned maximumDepth = 64;

  StringRef text, rest;
  std::string problem;
  unsigned depth = 0;
};

std::optional<int64_t> combine(Kind kind, int64_t left, int64_t right) {
  int64_t result;
  switch (kind) {
  case Kind::Sum:
    return llvm::AddOverflow(left, right, result) ? std::nullopt : std::optional(result);
  case Kind::Product:
    return llvm::MulOverflow(left, right, result) ? std::nullopt : std::optional(result);
  case Kind::Max:
    return std::max(left, right);
  case Kind::Min:
    return std::min(left, right);
  case Kind::FloorDiv:
    if (right == 0 || (left == INT64_MIN && right == -1))
      return std::nullopt;
    return llvm::divideFloorSigned(left, right);
  case Kind::Mod:
    if (right == 0 || right == -1)
      return right == 0 ? std::nullopt : std::optional<int64_t>(0);
    return left - right * llvm::divideFloorSigned(left, right);
  case Kind::Constant:
  case Kind::Symbol:
    return std::nullopt;
  }
  return std::nullopt;
}

} // namespace

SymbolicExpression SymbolicExpression::constant(int64_t value) {
  SymbolicExpression result;
  result.value = value;
  return result;
}

SymbolicExpression SymbolicExpression::named(StringRef symbol) {
  SymbolicExpression result;
  result.kind = Kind::Symbol;
  result.symbol = symbol.str();
  return result;
}

SymbolicExpression SymbolicExpression::apply(Kind kind,
                                             std::vector<SymbolicExpression> operands) {
  if (operands.size() == 1)
    return std::move(operands.front());
  SymbolicExpression result;
  result.kind = kind;
  bool flat = kind == Kind::Sum || kind == Kind::Product;
  for (SymbolicExpression &operand : operands) {
    if (flat && operand.kind == kind)
      std::move(operand.operands.begin(), operand.operands.end(),
                std::back_inserter(result.operands));
    else
      result.operands.push_back(std::move(operand));
  }
  // `-1` alone arrives as a product of constants: fold what has a value.
  auto noSymbol = [](StringRef) { return std::optional<int64_t>(); };
  if (std::optional<int64_t> value = result.evaluate(noSymbol))
    return constant(*value);
  return result;
}

llvm::Expected<SymbolicExpression> SymbolicExpression::parse(StringRef text) {
  return Parser(text).parse();
}

std::optional<int64_t> SymbolicExpression::evaluate(
    llvm::function_ref<std::optional<int64_t>(StringRef)> valueOf) const {
  if (kind == Kind::Constant)
    return value;
  if (kind == Kind::Symbol)
    return valueOf(symbol);
  std::optional<int64_t> result;
  for (const SymbolicExpression &operand : operands) {
    std::optional<int64_t> next = operand.evaluate(valueOf);
    if (!next)
      return std::nullopt;
    result = result ? combine(kind, *result, *next) : next;
    if (!result)
      return std::nullopt;
  }
  return result;
}

void SymbolicExpression::collectSymbols(std::set<std::string> &symbols) const {
  if (kind == Kind::Symbol)
    symbols.insert(symbol);
  for (const SymbolicExpression &operand : operands)
    operand.collectSymbols(symbols);
}

std::string SymbolicExpression::str() const {
  auto join = [&](StringRef separator) {
    std::string text;
    for (const SymbolicExpression &operand : operands) {
      if (!text.empty())
        text += separator;
      bool brackets = kind == Kind::Product && operand.kind == Kind::Sum;
      text += brackets ? "(" + operand.str() + ")" : operand.str();
    }
    return text;
  };
  switch (kind) {
  case Kind::Constant:
    return std::to_string(value);
  case Kind::Symbol:
    return symbol;
  case Kind::Sum:
    return join(" + ");
  case Kind::Product:
    return join("*");
  case Kind::FloorDiv:
    return "floordiv(" + join(", ") + ")";
  case Kind::Mod:
    return "mod(" + join(", ") + ")";
  case Kind::Max:
    return "max(" + join(", ") + ")";
  case Kind::Min:
    return "min(" + join(", ") + ")";
  }
  return "";
}
