#include "dialects/nn/Expr/Expr.h"
#include "dialects/nn/Expr/Primitives.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/Twine.h"

#include <charconv>
#include <limits>

using namespace nnc;
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::StringRef;
using llvm::Twine;

namespace {

// A parser by recursive descent, one function per precedence. A null Expr means
// that `message` is set and parsing stops.
class Parser {
public:
  Parser(StringRef text, ArrayRef<StringRef> inputNames, ArrayRef<StringRef> parameterNames)
      : text(text), rest(text) {
    for (auto [i, name] : llvm::enumerate(inputNames))
      names[name] = Expr::input(i);
    for (StringRef name : parameterNames)
      names[name] = Expr::parameter(name);
  }

  llvm::Expected<Expr> parse() {
    Expr result = parseBody();
    if (result && !peek().empty())
      result = fail("unexpected '" + peek().take_front(1) + "'");
    if (!result)
      return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
    return result;
  }

private:
  // (name '=' expression ';')* expression
  Expr parseBody() {
    while (true) {
      StringRef start = rest;
      StringRef name = takeIdentifier();
      if (name.empty() || !peek().starts_with("=") || peek().starts_with("==")) {
        rest = start;
        return parseCompare();
      }
      take("=");
      Expr value = parseCompare();
      if (!value)
        return value;
      if (!take(";"))
        return fail("expected ';' after the binding of '" + name + "'");
      if (!names.try_emplace(name, value).second)
        return fail("'" + name + "' is bound twice");
    }
  }

  Expr parseCompare() {
    static const std::pair<StringRef, Primitive> operators[] = {
        {"<=", Primitive::Le}, {">=", Primitive::Ge}, {"==", Primitive::Eq},
        {"!=", Primitive::Ne}, {"<", Primitive::Lt},  {">", Primitive::Gt}};
    Expr left = parseSum();
    if (!left)
      return left;
    for (auto [symbol, primitive] : operators)
      if (take(symbol)) {
        Expr right = parseSum();
        return right ? Expr::make(primitive, {left, right}) : right;
      }
    return left;
  }

  Expr parseSum() {
    Expr left = parseProduct();
    while (left) {
      bool plus = take("+");
      if (!plus && !take("-"))
        return left;
      Expr right = parseProduct();
      if (!right)
        return right;
      left = plus ? left + right : left - right;
    }
    return left;
  }

  Expr parseProduct() {
    Expr left = parseUnary();
    while (left) {
      bool times = take("*");
      if (!times && !take("/"))
        return left;
      Expr right = parseUnary();
      if (!right)
        return right;
      left = times ? left * right : left / right;
    }
    return left;
  }

  Expr parseUnary() {
    if (!take("-"))
      return parsePrimary();
    Expr operand = parseUnary();
    return operand ? -operand : operand;
  }

  Expr parsePrimary() {
    if (take("(")) {
      Expr inner = parseCompare();
      if (inner && !take(")"))
        return fail("expected ')'");
      return inner;
    }
    if (!peek().empty() && (llvm::isDigit(peek().front()) || peek().front() == '.'))
      return parseNumber();
    StringRef name = takeIdentifier();
    if (name.empty())
      return fail(peek().empty() ? Twine("the expression ends where an operand is expected")
                                 : "expected an operand before '" + peek().take_front(1) + "'");
    if (take("("))
      return parseCall(name);
    if (auto found = names.find(name); found != names.end())
      return found->second;
    if (name == "inf")
      return Expr::constant(std::numeric_limits<double>::infinity());
    if (name == "nan")
      return Expr::constant(std::numeric_limits<double>::quiet_NaN());
    return fail("unknown name '" + name + "'; known are: " + knownNames());
  }

  Expr parseNumber() {
    peek(); // skips blanks
    double value;
    auto [end, error] = std::from_chars(rest.begin(), rest.end(), value);
    if (error != std::errc())
      return fail("not a number that f64 can hold");
    rest = rest.drop_front(end - rest.begin());
    return Expr::constant(value);
  }

  Expr parseCall(StringRef name) {
    std::optional<Primitive> primitive = lookupCall(name);
    if (!primitive)
      return fail("unknown function '" + name + "'");
    SmallVector<Expr> operands;
    do {
      operands.push_back(parseCompare());
      if (!operands.back())
        return Expr();
    } while (take(","));
    if (!take(")"))
      return fail("expected ',' or ')' in the call of '" + name + "'");
    unsigned arity = info(*primitive).arity;
    if (*primitive == Primitive::Stated
            ? operands.size() < 3 || operands.size() % 2 == 0
            : operands.size() != arity)
      return fail("'" + name + "' takes " + Twine(arity) + " operands, not " +
                  Twine(operands.size()));
    return Expr::make(*primitive, operands);
  }

  StringRef peek() {
    rest = rest.ltrim();
    return rest;
  }
  bool take(StringRef symbol) {
    peek();
    return rest.consume_front(symbol);
  }
  StringRef takeIdentifier() {
    if (peek().empty() || !(llvm::isAlpha(rest.front()) || rest.front() == '_'))
      return StringRef();
    StringRef name = rest.take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
    rest = rest.drop_front(name.size());
    return name;
  }

  std::string knownNames() const {
    SmallVector<StringRef> known(names.keys());
    llvm::sort(known);
    return llvm::join(known, ", ");
  }

  Expr fail(const Twine &what) {
    size_t column = text.size() - rest.size() + 1;
    message = (what + " at column " + Twine(column) + " of expression \"" + text + "\"").str();
    return Expr();
  }

  StringRef text, rest;
  llvm::StringMap<Expr> names;
  std::string message;
};

} // namespace

llvm::Expected<Expr> nnc::parseExpr(StringRef text, ArrayRef<StringRef> inputNames,
                                    ArrayRef<StringRef> parameterNames) {
  return Parser(text, inputNames, parameterNames).parse();
}
