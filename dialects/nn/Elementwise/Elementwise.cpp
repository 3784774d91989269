#include "dialects/nn/Builder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

#define GET_OP_CLASSES
#include "dialects/nn/Elementwise/Elementwise.cpp.inc"

using namespace mlir;

namespace nnc::nn {

void NNDialect::registerElementwiseOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/Elementwise/Elementwise.cpp.inc"
      >();
}

SmallVector<std::string> MapOp::operandNames(unsigned count) {
  SmallVector<std::string> names;
  for (unsigned i = 0; i < count; ++i)
    names.push_back("x" + std::to_string(i));
  return names;
}

static llvm::Expected<Expr> parseMapExpr(MapOp op, unsigned r) {
  SmallVector<std::string> names = MapOp::operandNames(op.getInputs().size());
  SmallVector<StringRef> refs(names.begin(), names.end());
  return parseExpr(cast<StringAttr>(op.getExprs()[r]).getValue(), refs);
}

Expr MapOp::getExpr(unsigned r) { return llvm::cantFail(parseMapExpr(*this, r)); }

LogicalResult MapOp::verify() {
  if (getExprs().size() != getNumResults() || getNumResults() == 0)
    return emitOpError("needs one expression for each result");
  for (unsigned r = 0; r < getNumResults(); ++r) {
    llvm::Expected<Expr> expr = parseMapExpr(*this, r);
    if (!expr)
      return emitOpError("expression ") << r << ": " << llvm::toString(expr.takeError());
  }
  if (getInputs().empty())
    return success();
  SmallVector<Dims> shapes;
  for (Value input : getInputs())
    shapes.push_back(dimsOf(input));
  std::optional<Dims> dims = broadcastDims(getContext(), shapes);
  for (Value output : getOutputs())
    if (!dims || !sameSizes(*dims, dimsOf(output)))
      return emitOpError("the operands do not broadcast to the shape of the result");
  return success();
}

// nn.map relu ["relu(x0)"] (%x) : (tensor<4xf32>) -> tensor<4xf32>
ParseResult MapOp::parse(OpAsmParser &parser, OperationState &state) {
  StringRef fn;
  if (succeeded(parser.parseOptionalKeyword(&fn)))
    state.addAttribute("fn", parser.getBuilder().getStringAttr(fn));
  ArrayAttr exprs;
  SmallVector<OpAsmParser::UnresolvedOperand> inputs;
  FunctionType type;
  SMLoc where = parser.getCurrentLocation();
  if (parser.parseAttribute(exprs, "exprs", state.attributes) ||
      parser.parseOperandList(inputs, OpAsmParser::Delimiter::Paren) ||
      parser.parseOptionalAttrDict(state.attributes) || parser.parseColonType(type) ||
      parser.resolveOperands(inputs, type.getInputs(), where, state.operands))
    return failure();
  state.addTypes(type.getResults());
  return success();
}

void MapOp::print(OpAsmPrinter &printer) {
  if (getFn())
    printer << " " << *getFn();
  printer << " " << getExprs() << " (" << getInputs() << ")";
  printer.printOptionalAttrDict((*this)->getAttrs(), {"exprs", "fn"});
  printer << " : ";
  printer.printFunctionalType(getOperation());
}

// The index of an operand element that broadcasts to `index` of the result.
static SmallVector<Value> projectIndex(ElementEmitter &e, Value operand, ValueRange index) {
  Dims dims = dimsOf(operand);
  SmallVector<Value> projected;
  size_t skip = index.size() - dims.size();
  for (size_t i = 0; i < dims.size(); ++i)
    projected.push_back(isOne(dims[i]) ? e.index(0) : index[skip + i]);
  return projected;
}

Value MapOp::emitElement(ElementEmitter &e, unsigned result, ValueRange index) {
  Expr expr = getExpr(result);
  // Only what this result's expression uses is read.
  SmallVector<Value> inputs;
  SmallVector<unsigned> position(getInputs().size(), 0);
  for (unsigned i : expr.usedInputs()) {
    position[i] = inputs.size();
    inputs.push_back(e.element(getInputs()[i], projectIndex(e, getInputs()[i], index)));
  }
  expr = expr.mapInputs([&](unsigned i) { return position[i]; });
  return e.evaluate(expr, inputs, elementTypeOf(getResult(result)))[0];
}

LogicalResult MapOp::vjp(Grad &g) {
  // The adjoint of operand i is the sum over results of dy_r * de_r/dx_i, one map
  // over the operands, the adjoints and, where it saves keeping an operand, the result.
  unsigned count = getInputs().size();
  for (unsigned i = 0; i < count; ++i) {
    Value input = getInputs()[i];
    if (!isa<FloatType>(elementTypeOf(input)) || !g.needs(input))
      continue;
    SmallVector<Value> operands(getInputs());
    Expr total;
    for (unsigned r = 0; r < getNumResults(); ++r) {
      if (!g.hasDy(r) || !isa<FloatType>(elementTypeOf(getResult(r))))
        continue;
      Expr dy = Expr::input(operands.size());
      operands.push_back(g.dy(r));
      Expr y = Expr::input(operands.size());
      operands.push_back(getResult(r));
      Expr term = nnc::vjp(getExpr(r), i, dy, y);
      total = total ? total + term : term;
    }
    if (!total || total.isConstant(0.0))
      continue;
    SmallVector<unsigned> used = total.usedInputs();
    SmallVector<Value> kept;
    SmallVector<unsigned> position(operands.size(), 0);
    for (auto [p, u] : llvm::enumerate(used)) {
      position[u] = p;
      kept.push_back(operands[u]);
    }
    total = total.mapInputs([&](unsigned u) { return position[u]; });
    g.push(input, [&] {
      Type element = elementTypeOf(input);
      Value adjoint = kept.empty() ? g.full(dimsOf(getResult(0)), element, total.value())
                                   : g.map(total, kept, element);
      // An expression that does not use dy's shape still has the result's.
      return g.sumTo(g.broadcast(adjoint, dimsOf(getResult(0))), dimsOf(input));
    });
  }
  return success();
}

Value IotaOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  Type type = elementTypeOf(getResult());
  Value position = arith::IndexCastOp::create(e.b, e.loc, e.b.getI64Type(), index[getAxis()]);
  return e.evaluate(Expr::input(0), position, type)[0];
}

Value SizeOp::emitElement(ElementEmitter &e, unsigned, ValueRange) {
  Value size = arith::IndexCastOp::create(e.b, e.loc, e.b.getI64Type(), e.size(getDims().getDims()[0]));
  return e.evaluate(Expr::input(0), size, elementTypeOf(getResult()))[0];
}

} // namespace nnc::nn
