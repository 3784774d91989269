// Expr: the scalar expression of an elementwise op, as an immutable DAG.
// It parses, prints, simplifies, differentiates (derivative, vjp), evaluates in
// f64 and is emitted as scalar or vector code (codegen/cpu/ExprEmitter.h).
#ifndef NNC_DIALECTS_NN_EXPR_EXPR_H
#define NNC_DIALECTS_NN_EXPR_EXPR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMapInfo.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace nnc {

// What a node computes. Names, arity and printed form stand in one table in
// Primitives.cpp; the derivative of each in Derivative.cpp.
enum class Primitive : uint8_t {
  Input, Parameter, Constant,
  // Arithmetic. Div is true division; FloorDiv, Fmod, Remainder as in torch.
  Neg, Add, Sub, Mul, Div, FloorDiv, Fmod, Remainder, Pow,
  // Transcendental functions and roots.
  Exp, Expm1, Log, Log1p, Sqrt, Rsqrt, Tanh, Erf, Sin, Cos, Logistic, LogSigmoid,
  // Pieces. Maximum and Minimum pass NaN on and split a tie's gradient in two.
  // Relu has gradient 0 at 0, which can be read off its own result.
  Abs, Sign, Floor, Ceil, Round, Trunc, Maximum, Minimum, Relu,
  // Predicates (i1) and choice.
  Lt, Le, Gt, Ge, Eq, Ne, And, Or, Not, IsNan, IsInf, Select,
  // Conversions. ToFloat converts to the float type of the expression's result.
  ToF32, ToF64, ToI64, ToI32, ToI1, ToFloat,
  // stated(value, u, g, ...) is `value`, whose derivative by `u` is declared to be
  // `g`: for gradients that torch defines apart from the forward formula.
  Stated,
};

// A reference to an interned node: structural equality is pointer equality, and
// copying is free. Nodes live as long as the process and are thread-safe.
class Expr {
public:
  struct Node;

  Expr() = default;
  static Expr input(unsigned index);
  static Expr parameter(llvm::StringRef name);
  static Expr constant(double value);
  // Interns `primitive(operands)` after local simplification (Simplify.cpp); the
  // result may therefore be another primitive.
  static Expr make(Primitive primitive, llvm::ArrayRef<Expr> operands);

  explicit operator bool() const { return node != nullptr; }
  bool operator==(Expr other) const { return node == other.node; }
  bool operator!=(Expr other) const { return node != other.node; }

  Primitive primitive() const;
  bool is(Primitive p) const { return primitive() == p; }
  llvm::ArrayRef<Expr> operands() const;
  Expr operand(unsigned i) const { return operands()[i]; }
  unsigned inputIndex() const;          // of an Input
  llvm::StringRef parameterName() const; // of a Parameter
  double value() const;                 // of a Constant
  bool isConstant() const { return is(Primitive::Constant); }
  bool isConstant(double v) const { return isConstant() && value() == v; }
  // Whether the value is a truth value (i1) whatever the inputs' types.
  bool isBoolean() const;

  // Text that parseExpr reads back into the same Expr. A node used more than
  // once is printed once, as `t0 = ...;` before the result.
  std::string str(llvm::ArrayRef<llvm::StringRef> inputNames) const;
  // The same with inputs named x0, x1, ...
  std::string str() const;

  // All nodes reachable that the value depends on, operands before users.
  std::vector<Expr> postOrder() const;
  unsigned nodeCount() const { return postOrder().size(); }
  bool usesInput(unsigned index) const;
  // The inputs that the value depends on, ascending.
  llvm::SmallVector<unsigned> usedInputs() const;
  llvm::SmallVector<std::string> usedParameters() const;

  // Input i becomes replacements[i]; a null replacement leaves it.
  Expr substitute(llvm::ArrayRef<Expr> replacements) const;
  Expr mapInputs(llvm::function_ref<unsigned(unsigned)> newIndex) const;
  Expr bindParameters(const std::map<std::string, double> &values) const;
  // Every occurrence of the node `pattern` becomes `replacement`.
  Expr replace(Expr pattern, Expr replacement) const;

  // The value in f64; truth values are 0 and 1. No parameter may be left.
  double evaluate(llvm::ArrayRef<double> inputs) const;

  const Node *getNode() const { return node; }
  static Expr fromNode(const Node *n) { Expr e; e.node = n; return e; }

private:
  const Node *node = nullptr;
};

inline Expr operator-(Expr a) { return Expr::make(Primitive::Neg, {a}); }
inline Expr operator+(Expr a, Expr b) { return Expr::make(Primitive::Add, {a, b}); }
inline Expr operator-(Expr a, Expr b) { return Expr::make(Primitive::Sub, {a, b}); }
inline Expr operator*(Expr a, Expr b) { return Expr::make(Primitive::Mul, {a, b}); }
inline Expr operator/(Expr a, Expr b) { return Expr::make(Primitive::Div, {a, b}); }
inline Expr select(Expr condition, Expr a, Expr b) {
  return Expr::make(Primitive::Select, {condition, a, b});
}

// Reads infix text such as "t = exp(x); alpha * (t - 1.0) * (x < 0.0)": operators
// < <= > >= == !=, + -, * /, unary -, calls of the primitives, numbers, inf, nan,
// and bindings `name = expr;` before the result. Errors name column and remedy.
llvm::Expected<Expr> parseExpr(llvm::StringRef text,
                               llvm::ArrayRef<llvm::StringRef> inputNames,
                               llvm::ArrayRef<llvm::StringRef> parameterNames = {});

// de/d(input). Branches differentiate as select, never as a product with a mask.
Expr derivative(Expr e, unsigned input);

// dy * de/d(input), with selects outermost, so that an infinite or NaN `dy` does
// not leak out of a branch with gradient zero. With `result` given (an Expr that
// holds e's value, such as a saved activation's Input), occurrences of e itself
// become `result`, so exp, tanh, relu and the like need not keep their input.
Expr vjp(Expr e, unsigned input, Expr dy, Expr result = Expr());

// The primitive's spelling in text, e.g. "log1p" or "+".
llvm::StringRef spelling(Primitive primitive);

// Torch's integer-like float functions, shared by evaluation and its tests.
double floorDivide(double a, double b);
double remainderLikeTorch(double a, double b);

} // namespace nnc

template <> struct llvm::DenseMapInfo<nnc::Expr> {
  static nnc::Expr getEmptyKey() {
    return nnc::Expr::fromNode(DenseMapInfo<const nnc::Expr::Node *>::getEmptyKey());
  }
  static nnc::Expr getTombstoneKey() {
    return nnc::Expr::fromNode(DenseMapInfo<const nnc::Expr::Node *>::getTombstoneKey());
  }
  static unsigned getHashValue(nnc::Expr e) {
    return DenseMapInfo<const nnc::Expr::Node *>::getHashValue(e.getNode());
  }
  static bool isEqual(nnc::Expr a, nnc::Expr b) { return a == b; }
};

#endif // NNC_DIALECTS_NN_EXPR_EXPR_H
