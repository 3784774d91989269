#include "dialects/nn/Expr/Expr.h"
#include "dialects/nn/Expr/Node.h"
#include "dialects/nn/Expr/Primitives.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

#include <charconv>

using namespace nnc;
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::StringRef;

// The shortest decimal that reads back as the same double; "inf", "nan".
static std::string printNumber(double value) {
  char buffer[32];
  auto [end, error] = std::to_chars(buffer, std::end(buffer), value);
  assert(error == std::errc());
  return std::string(buffer, end);
}

namespace {

class Printer {
public:
  Printer(Expr root, ArrayRef<StringRef> inputNames) : root(root), inputNames(inputNames) {
    for (StringRef name : inputNames)
      taken.insert(name);
    for (Expr e : postOrderWithStated(root)) {
      if (e.is(Primitive::Parameter))
        taken.insert(e.parameterName());
      for (Expr operand : e.operands())
        ++uses[operand];
    }
  }

  std::string print() {
    std::string result;
    for (Expr e : postOrderWithStated(root)) {
      if (uses.lookup(e) < 2 || e.operands().empty())
        continue;
      std::string text = printNode(e, Precedence::Compare);
      std::string name = freshName();
      result += name + " = " + text + "; ";
      bindings[e] = name;
    }
    return result + printNode(root, Precedence::Compare);
  }

private:
  std::string freshName() {
    std::string name;
    do
      name = "t" + std::to_string(nextName++);
    while (taken.contains(name));
    return name;
  }

  // The text of `e` where something that binds at least as tightly as `context`
  // is expected.
  std::string printNode(Expr e, Precedence context) {
    if (auto bound = bindings.find(e); bound != bindings.end())
      return bound->second;
    switch (e.primitive()) {
    case Primitive::Input:
      assert(e.inputIndex() < inputNames.size() && "an input without a name");
      return inputNames[e.inputIndex()].str();
    case Primitive::Parameter:
      return e.parameterName().str();
    case Primitive::Constant:
      return printNumber(e.value());
    default:
      break;
    }
    const PrimitiveInfo &row = info(e.primitive());
    auto tighter = [](Precedence p) { return Precedence(int(p) + 1); };
    std::string text;
    switch (row.precedence) {
    case Precedence::Call:
      return (row.spelling + "(" +
              llvm::join(llvm::map_range(e.operands(), [&](Expr operand) {
                return printNode(operand, Precedence::Compare);
              }), ", ") + ")").str();
    case Precedence::Unary:
      text = row.spelling.str() + printNode(e.operand(0), Precedence::Unary);
      break;
    default: {
      bool associates = row.precedence != Precedence::Compare;
      text = printNode(e.operand(0), associates ? row.precedence : tighter(row.precedence));
      text += (" " + row.spelling + " ").str();
      text += printNode(e.operand(1), tighter(row.precedence));
    }
    }
    return row.precedence < context ? "(" + text + ")" : text;
  }

  Expr root;
  ArrayRef<StringRef> inputNames;
  llvm::StringSet<> taken;
  llvm::DenseMap<Expr, unsigned> uses;
  llvm::DenseMap<Expr, std::string> bindings;
  unsigned nextName = 0;
};

} // namespace

std::string Expr::str(ArrayRef<StringRef> inputNames) const {
  return Printer(*this, inputNames).print();
}

std::string Expr::str() const {
  SmallVector<std::string> names;
  for (Expr e : postOrderWithStated(*this))
    if (e.is(Primitive::Input))
      while (names.size() <= e.inputIndex())
        names.push_back("x" + std::to_string(names.size()));
  return str(SmallVector<StringRef>(names.begin(), names.end()));
}
