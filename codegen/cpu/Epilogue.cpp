#include "codegen/cpu/Epilogue.h"
#include "codegen/cpu/ExprEmitter.h"
#include "codegen/cpu/MicroKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nnc::nn;

namespace nnc::cpu {

static Value maskOf(OpBuilder &b, Location loc, VectorType type, Value activeLanes) {
  return vector::CreateMaskOp::create(b, loc, VectorType::get(type.getShape(), b.getI1Type()), activeLanes);
}

Value loadVector(OpBuilder &b, Location loc, VectorType type, Value memref, Value position, Value activeLanes) {
  if (!activeLanes)
    return vector::LoadOp::create(b, loc, type, memref, position);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  return vector::MaskedLoadOp::create(b, loc, type, memref, position, maskOf(b, loc, type, activeLanes), zero);
}

// Where in the result the vector stands, and what is known there already.
struct Epilogue::Point {
  OpBuilder &b;
  Location loc;
  ValueRange lead;
  Value lane;
  Value activeLanes;
  int64_t lanes;
  DenseMap<Value, Value> known;
};

Epilogue::Epilogue(KernelContext &context, Value anchor, int64_t laneAxes)
    : context(context), anchor(anchor), laneAxes(laneAxes) {}

// Row-major position of the element of `tensor` that broadcasts to the point; `single`:
// it is the same for all lanes.
Value Epilogue::positionOf(Point &point, Value tensor, bool &single) {
  Dims dims = dimsOf(tensor);
  int64_t rank = rankOf(anchor);
  Dims padded(rank - dims.size(), getAffineConstantExpr(1, context.b.getContext()));
  padded.append(dims.begin(), dims.end());
  single = llvm::all_of(ArrayRef(padded).take_back(laneAxes), isOne);
  Value position;
  auto shift = [&](AffineExpr size, Value index) {
    position = position ? context.add(context.mul(position, context.size(size)), index) : index;
  };
  for (int64_t axis = 0; axis < rank - laneAxes; ++axis)
    if (!isOne(padded[axis]))
      shift(padded[axis], point.lead[axis]);
  if (!single)
    shift(product(context.b.getContext(), ArrayRef(padded).take_back(laneAxes)), point.lane);
  return position ? position : context.index(0);
}

Value Epilogue::evaluate(Point &point, Value tensor) {
  if (Value known = point.known.lookup(tensor))
    return known;
  Value result;
  Type element = elementTypeOf(tensor);
  if (Value memref = context.bufferOf(tensor)) {
    bool single;
    Value position = positionOf(point, tensor, single);
    if (single) {
      result = context.loadElement(tensor, position);
    } else {
      Type stored = element.isInteger(1) ? Type(context.b.getI8Type()) : element;
      result = loadVector(context.b, context.loc, VectorType::get(point.lanes, stored), memref, position, point.activeLanes);
      if (element.isInteger(1))
        result = arith::TruncIOp::create(context.b, context.loc, VectorType::get(point.lanes, element), result);
    }
  } else if (auto map = tensor.getDefiningOp<MapOp>()) {
    SmallVector<Value> inputs(map.getInputs().size());
    unsigned r = cast<OpResult>(tensor).getResultNumber();
    Expr expr = map.getExpr(r);
    for (unsigned i : expr.usedInputs())
      inputs[i] = evaluate(point, map.getInputs()[i]);
    result = emitExprs(context.b, context.loc, expr, inputs, element)[0];
  } else if (auto broadcast = tensor.getDefiningOp<BroadcastOp>()) {
    result = evaluate(point, broadcast.getInput());
  } else if (auto size = tensor.getDefiningOp<SizeOp>()) {
    result = size.emitElement(context, 0, {});
  } else {
    // An iota along an axis of the lead, or lane by lane.
    auto op = tensor.getDefiningOp<ElementOpInterface>();
    Value vector = arith::ConstantOp::create(context.b, context.loc, context.b.getZeroAttr(VectorType::get(point.lanes, element)));
    Dims trailing = dimsOf(tensor);
    for (int64_t lane = 0; lane < point.lanes; ++lane) {
      SmallVector<Value> index(point.lead);
      Value at = context.add(point.lane, context.index(lane));
      index.append(context.delinearize(at, ArrayRef(trailing).take_back(laneAxes)));
      Value one = op.emitElement(context, cast<OpResult>(tensor).getResultNumber(), index);
      vector = vector::InsertOp::create(context.b, context.loc, one, vector, ArrayRef<int64_t>{lane});
    }
    result = vector;
  }
  return point.known[tensor] = result;
}

void Epilogue::store(OpBuilder &b, Location loc, ValueRange lead, Value lane, Value vector, Value activeLanes) {
  OpBuilder::InsertionGuard guard(context.b);
  context.b.setInsertionPoint(b.getInsertionBlock(), b.getInsertionPoint());
  int64_t lanes = 1;
  if (auto type = dyn_cast<VectorType>(vector.getType()))
    lanes = type.getNumElements();
  else
    vector = vector::BroadcastOp::create(context.b, loc, VectorType::get(1, vector.getType()), vector);
  Point point{context.b, loc, lead, lane, activeLanes, lanes, DenseMap<Value, Value>()};
  point.known[anchor] = vector;
  for (auto [i, result] : llvm::enumerate(context.yield().getValues())) {
    Value value = evaluate(point, result);
    Type element = elementTypeOf(result);
    if (!isa<VectorType>(value.getType()))
      value = vector::BroadcastOp::create(context.b, loc, VectorType::get(lanes, element), value);
    if (element.isInteger(1))
      value = arith::ExtUIOp::create(context.b, loc, VectorType::get(lanes, context.b.getI8Type()), value);
    bool single;
    Value position = positionOf(point, result, single);
    storeLanes(context.b, loc, value, context.outputBuffers[i], position, activeLanes);
  }
  b.setInsertionPoint(context.b.getInsertionBlock(), context.b.getInsertionPoint());
}

} // namespace nnc::cpu
