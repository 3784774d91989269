#include "compiler/transforms/CheckKernels.h"
#include "compiler/transforms/FormKernels.h"
#include "compiler/transforms/Place.h"
#include "dialects/nn/Builder.h"
#include "dialects/nn/Recurrent/Unroll.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc {

namespace {

// Some units in the last place, relative to the operand: zeros stay zeros.
constexpr double perturbationF32 = 0x1p-20, perturbationF64 = 0x1p-49;

class Checker {
public:
  explicit Checker(func::FuncOp function) : function(function), b(function.getContext()) {
    if (auto names = function->getAttrOfType<ArrayAttr>("nn.symbols"))
      for (Attribute name : names)
        symbols.push_back(cast<StringAttr>(name));
  }

  std::vector<KernelCheck> run() {
    SmallVector<KernelOp> kernels(function.front().getOps<KernelOp>());
    for (KernelOp kernel : kernels)
      check(kernel);
    Operation *terminator = function.front().getTerminator();
    terminator->insertOperands(terminator->getNumOperands(), numbers);
    SmallVector<DictionaryAttr> attributes;
    for (unsigned r = 0; r < function.getNumResults(); ++r)
      attributes.push_back(function.getResultAttrDict(r));
    for (size_t i = 0; i < numbers.size(); ++i)
      attributes.push_back(b.getDictionaryAttr(b.getNamedAttr("nn.name", b.getStringAttr("check:" + std::to_string(i)))));
    function.setType(b.getFunctionType(function.getArgumentTypes(), terminator->getOperandTypes()));
    function.setAllResultAttrs(attributes);
    formKernels(function, 0);
    return std::move(checks);
  }

private:
  void check(KernelOp kernel) {
    b.setInsertionPointAfter(kernel);
    nn::Builder builder(b, kernel.getLoc(), symbols);
    KernelCheck entry{function.getName().str(), kernel.getName().str(), sourceLineOf(kernel.getLoc()),
                      stringifyFamily(kernel.getFamily()).str(), "", false};
    SmallVector<Value> perturbed;
    for (Value input : kernel.getInputs())
      perturbed.push_back(perturb(builder, input));
    std::optional<SmallVector<Value>> reference = copyOps(kernel, kernel.getInputs());
    if (!reference) {
      checks.push_back(entry);
      return;
    }
    SmallVector<Value> moved = *copyOps(kernel, perturbed);
    for (auto [result, expected, other] : llvm::zip(kernel.getOutputs(), *reference, moved)) {
      entry.hasReference = true;
      entry.element.clear();
      llvm::raw_string_ostream(entry.element) << elementTypeOf(result);
      checks.push_back(entry);
      // Infinities of one sign and two NaN agree.
      StringRef difference = "select(or(x0 == x1, and(isnan(x0), isnan(x1))), 0.0, abs(x0 - x1))";
      numbers.push_back(largest(builder, difference, {result, expected}));
      numbers.push_back(largest(builder, "abs(x0)", {expected}));
      numbers.push_back(largest(builder, difference, {expected, other}));
    }
  }

  /// x (1 + e), e at random in [-p, p).
  Value perturb(nn::Builder &builder, Value x) {
    Type element = elementTypeOf(x);
    if (!isa<FloatType>(element))
      return x;
    Type i64 = b.getI64Type();
    Value seed = builder.full({}, i64, 0), step = builder.full({}, i64, 0);
    Value uniform = UniformOp::create(b, builder.loc, x.getType(), seed, step, site++);
    Expr p = Expr::constant(element.isF64() ? perturbationF64 : perturbationF32);
    Expr e = (Expr::input(1) * Expr::constant(2.0) - Expr::constant(1.0)) * p;
    return builder.map(Expr::input(0) + Expr::input(0) * e, {x, uniform}, element, "perturb");
  }

  /// The ops of the kernel's region, outside of it; none where an op has no reference.
  std::optional<SmallVector<Value>> copyOps(KernelOp kernel, ValueRange operands) {
    Block &body = kernel.getBody().front();
    IRMapping mapping;
    mapping.map(body.getArguments(), operands);
    for (Operation &op : body.without_terminator()) {
      if (isa<RecurrenceGradOp>(op))
        return std::nullopt;
      auto recurrence = dyn_cast<RecurrenceOp>(b.clone(op, mapping));
      if (!recurrence)
        continue;
      std::optional<int64_t> steps = constantSize(dimsOf(recurrence.getGates())[0]);
      if (!steps) {
        recurrence.erase();
        return std::nullopt;
      }
      nn::Builder builder(b, op.getLoc(), symbols);
      for (auto [result, value] : llvm::zip(op.getResults(), unrollRecurrence(builder, recurrence, *steps)))
        mapping.map(result, value);
      recurrence.erase();
    }
    SmallVector<Value> results;
    for (Value value : body.getTerminator()->getOperands())
      results.push_back(mapping.lookup(value));
    return results;
  }

  Value largest(nn::Builder &builder, StringRef expression, ArrayRef<Value> tensors) {
    SmallVector<Value> wide;
    for (Value tensor : tensors)
      wide.push_back(builder.convert(tensor, b.getF64Type()));
    SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(wide[0])));
    return builder.reduce(ReduceKind::max, builder.map(expression, wide, b.getF64Type()), axes);
  }

  func::FuncOp function;
  OpBuilder b;
  SmallVector<StringAttr> symbols;
  SmallVector<Value> numbers;
  std::vector<KernelCheck> checks;
  int64_t site = int64_t(1) << 20; ///< beyond those of the model
};

} // namespace

// As whole networks are judged, relative to the largest value; where terms cancel, what
// some units in the last place of the operands move the reference by. NaN never holds.
bool KernelCheck::holds(double difference, double largest, double rounding) const {
  double relative = element == "f32" ? 2e-5 : element == "f64" ? 1e-12 : 0;
  return difference <= relative * largest + 32 * rounding;
}

std::vector<KernelCheck> addKernelChecks(func::FuncOp function) { return Checker(function).run(); }

} // namespace nnc
