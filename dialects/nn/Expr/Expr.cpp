#include "dialects/nn/Expr/Expr.h"
#include "dialects/nn/Expr/Node.h"
#include "dialects/nn/Expr/Primitives.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Allocator.h"
#include "llvm/Support/ErrorHandling.h"

#include <cmath>
#include <limits>
#include <memory>
#include <mutex>
#include <set>

using namespace nnc;
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::StringRef;

namespace {

struct StructuralInfo {
  static Expr::Node *getEmptyKey() { return llvm::DenseMapInfo<Expr::Node *>::getEmptyKey(); }
  static Expr::Node *getTombstoneKey() {
    return llvm::DenseMapInfo<Expr::Node *>::getTombstoneKey();
  }
  static unsigned getHashValue(const Expr::Node *n) {
    SmallVector<const Expr::Node *> operands;
    for (Expr operand : n->operands)
      operands.push_back(operand.getNode());
    return llvm::hash_combine(unsigned(n->primitive), n->index,
                              llvm::bit_cast<uint64_t>(n->value), n->name,
                              llvm::hash_combine_range(operands));
  }
  static bool isEqual(const Expr::Node *a, const Expr::Node *b) {
    if (a == b)
      return true;
    if (isMarker(a) || isMarker(b))
      return false;
    return a->primitive == b->primitive && a->index == b->index && a->name == b->name &&
           llvm::bit_cast<uint64_t>(a->value) == llvm::bit_cast<uint64_t>(b->value) &&
           a->operands == b->operands;
  }

private:
  static bool isMarker(const Expr::Node *n) { return n == getEmptyKey() || n == getTombstoneKey(); }
};

// Owns every node of the process. Never destroyed, so that Exprs held by other
// static objects stay valid.
class Interner {
public:
  static Interner &instance() {
    static Interner *interner = new Interner;
    return *interner;
  }

  const Expr::Node *intern(Expr::Node node) {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = nodes.find(&node);
    if (found != nodes.end())
      return *found;
    Expr *operands = allocator.Allocate<Expr>(node.operands.size());
    std::uninitialized_copy(node.operands.begin(), node.operands.end(), operands);
    node.operands = ArrayRef<Expr>(operands, node.operands.size());
    node.name = node.name.copy(allocator);
    auto *owned = new (allocator.Allocate<Expr::Node>()) Expr::Node(node);
    nodes.insert(owned);
    return owned;
  }

private:
  std::mutex mutex;
  llvm::BumpPtrAllocator allocator;
  llvm::DenseSet<Expr::Node *, StructuralInfo> nodes;
};

} // namespace

Expr Expr::input(unsigned index) {
  return fromNode(Interner::instance().intern({Primitive::Input, index, 0, {}, {}}));
}

Expr Expr::parameter(StringRef name) {
  return fromNode(Interner::instance().intern({Primitive::Parameter, 0, 0, name, {}}));
}

Expr Expr::constant(double value) {
  if (std::isnan(value)) // one NaN, whatever its sign and payload
    value = std::numeric_limits<double>::quiet_NaN();
  return fromNode(Interner::instance().intern({Primitive::Constant, 0, value, {}, {}}));
}

Expr nnc::internOperation(Primitive primitive, ArrayRef<Expr> operands) {
  return Expr::fromNode(Interner::instance().intern({primitive, 0, 0, {}, operands}));
}

Primitive Expr::primitive() const { return node->primitive; }
ArrayRef<Expr> Expr::operands() const { return node->operands; }
unsigned Expr::inputIndex() const { return node->index; }
StringRef Expr::parameterName() const { return node->name; }
double Expr::value() const { return node->value; }

bool Expr::isBoolean() const {
  if (is(Primitive::Select))
    return operand(1).isBoolean() && operand(2).isBoolean();
  return info(primitive()).isPredicate;
}

static void visit(Expr e, llvm::DenseSet<Expr> &seen, std::vector<Expr> &order, bool stated) {
  if (!seen.insert(e).second)
    return;
  // What a Stated node says of its derivative does not enter its value.
  ArrayRef<Expr> operands = e.operands();
  if (e.is(Primitive::Stated) && !stated)
    operands = operands.take_front(1);
  for (Expr operand : operands)
    visit(operand, seen, order, stated);
  order.push_back(e);
}

std::vector<Expr> Expr::postOrder() const {
  llvm::DenseSet<Expr> seen;
  std::vector<Expr> order;
  visit(*this, seen, order, /*stated=*/false);
  return order;
}

std::vector<Expr> nnc::postOrderWithStated(Expr root) {
  llvm::DenseSet<Expr> seen;
  std::vector<Expr> order;
  visit(root, seen, order, /*stated=*/true);
  return order;
}

bool Expr::usesInput(unsigned index) const {
  return llvm::is_contained(usedInputs(), index);
}

SmallVector<unsigned> Expr::usedInputs() const {
  std::set<unsigned> used;
  for (Expr e : postOrder())
    if (e.is(Primitive::Input))
      used.insert(e.inputIndex());
  return SmallVector<unsigned>(used.begin(), used.end());
}

SmallVector<std::string> Expr::usedParameters() const {
  std::set<std::string> used;
  for (Expr e : postOrderWithStated(*this))
    if (e.is(Primitive::Parameter))
      used.insert(e.parameterName().str());
  return SmallVector<std::string>(used.begin(), used.end());
}

Expr nnc::rewrite(Expr root, llvm::function_ref<Expr(Expr)> replacement) {
  llvm::DenseMap<Expr, Expr> rewritten;
  for (Expr e : postOrderWithStated(root)) {
    Expr result = replacement(e);
    if (!result && e.operands().empty())
      result = e;
    if (!result) {
      SmallVector<Expr> operands;
      for (Expr operand : e.operands())
        operands.push_back(rewritten.lookup(operand));
      result = ArrayRef<Expr>(operands) == e.operands() ? e : Expr::make(e.primitive(), operands);
    }
    rewritten[e] = result;
  }
  return rewritten.lookup(root);
}

Expr Expr::substitute(ArrayRef<Expr> replacements) const {
  return rewrite(*this, [&](Expr e) {
    if (e.is(Primitive::Input) && e.inputIndex() < replacements.size())
      return replacements[e.inputIndex()];
    return Expr();
  });
}

Expr Expr::mapInputs(llvm::function_ref<unsigned(unsigned)> newIndex) const {
  return rewrite(*this, [&](Expr e) {
    return e.is(Primitive::Input) ? input(newIndex(e.inputIndex())) : Expr();
  });
}

Expr Expr::bindParameters(const std::map<std::string, double> &values) const {
  return rewrite(*this, [&](Expr e) {
    if (!e.is(Primitive::Parameter))
      return Expr();
    auto found = values.find(e.parameterName().str());
    return found == values.end() ? Expr() : constant(found->second);
  });
}

Expr Expr::replace(Expr pattern, Expr replacement) const {
  return rewrite(*this, [&](Expr e) { return e == pattern ? replacement : Expr(); });
}

double Expr::evaluate(ArrayRef<double> inputs) const {
  llvm::DenseMap<Expr, double> values;
  for (Expr e : postOrder()) {
    double &value = values[e];
    if (e.is(Primitive::Input)) {
      assert(e.inputIndex() < inputs.size() && "too few inputs");
      value = inputs[e.inputIndex()];
    } else if (e.isConstant()) {
      value = e.value();
    } else if (e.is(Primitive::Parameter)) {
      llvm::report_fatal_error("cannot evaluate an expression whose parameter '" +
                               e.parameterName() + "' is not bound");
    } else if (e.is(Primitive::Stated)) {
      value = double(values.lookup(e.operand(0)));
    } else {
      SmallVector<double> operands;
      for (Expr operand : e.operands())
        operands.push_back(values.lookup(operand));
      value = apply(e.primitive(), operands);
    }
  }
  return values.lookup(*this);
}
