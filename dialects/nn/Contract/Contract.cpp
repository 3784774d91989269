#include "dialects/nn/Builder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

#define GET_OP_CLASSES
#include "dialects/nn/Contract/Contract.cpp.inc"

using namespace mlir;

namespace nnc::nn {

void NNDialect::registerContractOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/Contract/Contract.cpp.inc"
      >();
}

LogicalResult MatmulOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  Dims a = dimsOf(op.getA()), b = dimsOf(op.getB());
  size_t rank = a.size();
  if (rank < 2 || b.size() != rank)
    return emitOptionalError(loc, "nn.matmul: operands need equal ranks of at least 2");
  AffineExpr m = a[rank - (op.getTransposeA() ? 1 : 2)], k = a[rank - (op.getTransposeA() ? 2 : 1)];
  AffineExpr n = b[rank - (op.getTransposeB() ? 2 : 1)], kb = b[rank - (op.getTransposeB() ? 1 : 2)];
  if (!sameSize(k, kb) || !sameSizes(ArrayRef(a).drop_back(2), ArrayRef(b).drop_back(2)))
    return emitOptionalError(loc, "nn.matmul: the inner or batch sizes of the operands differ");
  Dims dims(a.begin(), a.end() - 2);
  dims.append({m, n});
  types.push_back(tensorType(dims, elementTypeOf(op.getA()),
                             symbolsOf(TypeRange{op.getA().getType(), op.getB().getType()})));
  return success();
}

Value MatmulOp::emitElement(ElementEmitter &e, unsigned, ValueRange index) {
  size_t rank = index.size();
  Value m = index[rank - 2], n = index[rank - 1];
  Value depth = e.size(getA(), rank - (getTransposeA() ? 2 : 1));
  auto at = [&](Value operand, Value outer, Value inner) {
    SmallVector<Value> position(index.drop_back(2));
    position.append({outer, inner});
    return e.element(operand, position);
  };
  return e.sum(elementTypeOf(getResult()), depth, [&](ValueRange k) {
    Value a = getTransposeA() ? at(getA(), k[0], m) : at(getA(), m, k[0]);
    Value b = getTransposeB() ? at(getB(), n, k[0]) : at(getB(), k[0], n);
    return e.mul(a, b);
  });
}

} // namespace nnc::nn
