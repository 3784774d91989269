#include "compiler/transforms/Prepare.h"
#include "dialects/nn/Nn.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/SetVector.h"
#include <map>

using namespace mlir;

namespace nnc {

/// State that changes only between calls of forward.
static bool isFixed(func::FuncOp function, BlockArgument argument) {
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (auto updated = function.getResultAttrOfType<IntegerAttr>(i, "nn.updates"); updated && updated.getInt() == argument.getArgNumber())
      return false;
  auto kind = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "nn.kind");
  return kind && llvm::is_contained({"parameter", "buffer", "constant"}, kind.getValue());
}

bool isPrepared(func::FuncOp function) { return function.getName() == "forward"; }

DenseSet<Value> valuesOfState(func::FuncOp function) {
  DenseSet<Value> fixed;
  for (BlockArgument argument : function.getArguments())
    if (isFixed(function, argument))
      fixed.insert(argument);
  // A size of the call's (a parameter broadcast to the batch) is not known before it.
  auto hasFixedSizes = [](Type type) { return cast<ShapedType>(type).hasStaticShape(); };
  for (Operation &op : function.front().without_terminator())
    if (op.getNumOperands() > 0 && llvm::all_of(op.getOperands(), [&](Value v) { return fixed.contains(v); }) &&
        llvm::all_of(op.getResultTypes(), hasFixedSizes))
      fixed.insert(op.result_begin(), op.result_end());
  return fixed;
}

void outlinePrepare(ModuleOp module, func::FuncOp forward) {
  DenseSet<Value> fixed = valuesOfState(forward);
  llvm::SetVector<Operation *> outlined;
  for (Operation &op : forward.front().without_terminator())
    if (op.getNumResults() > 0 && fixed.contains(op.getResult(0)))
      outlined.insert(&op);
  // Only what some computation leaves is worth memory: a view or a broadcast is read for
  // nothing where it is used.
  auto computes = [](Operation *op) { return !isa<nn::ReshapeOp, nn::BroadcastOp>(op); };
  llvm::SetVector<Value> results;
  for (Operation *op : outlined)
    for (Value result : op->getResults())
      if (computes(op) && llvm::any_of(result.getUsers(), [&](Operation *user) {
            return !outlined.contains(user) || !computes(user);
          }))
        results.insert(result);
  if (results.empty())
    return;

  OpBuilder b(module.getContext());
  b.setInsertionPoint(forward);
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes;
  for (unsigned i = 0; i < forward.getNumArguments(); ++i)
    if (isFixed(forward, forward.getArgument(i))) {
      types.push_back(forward.getArgument(i).getType());
      attributes.push_back(forward.getArgAttrDict(i));
    }
  SmallVector<DictionaryAttr> updates;
  for (auto [i, result] : llvm::enumerate(results)) {
    updates.push_back(b.getDictionaryAttr(b.getNamedAttr("nn.updates", b.getI64IntegerAttr(types.size()))));
    types.push_back(result.getType());
    attributes.push_back(b.getDictionaryAttr({b.getNamedAttr("nn.kind", b.getStringAttr("prepared")),
                                              b.getNamedAttr("nn.name", b.getStringAttr(std::to_string(i)))}));
  }
  auto prepare = func::FuncOp::create(b, forward.getLoc(), "prepare",
                                      b.getFunctionType(types, ValueRange(results.getArrayRef()).getTypes()));
  Block *body = prepare.addEntryBlock();
  prepare.setAllArgAttrs(attributes);
  prepare.setAllResultAttrs(updates);
  b.setInsertionPointToStart(body);
  IRMapping mapping;
  unsigned next = 0;
  for (BlockArgument argument : forward.getArguments())
    if (isFixed(forward, argument))
      mapping.map(argument, body->getArgument(next++));
  for (Operation *op : outlined)
    b.clone(*op, mapping);
  SmallVector<Value> returned;
  for (Value result : results)
    returned.push_back(mapping.lookup(result));
  func::ReturnOp::create(b, forward.getLoc(), returned);

  // forward reads the prepared values as state.
  for (auto [i, result] : llvm::enumerate(results)) {
    unsigned position = forward.getNumArguments();
    (void)forward.insertArgument(position, result.getType(), attributes[attributes.size() - results.size() + i], result.getLoc());
    Value(result).replaceAllUsesWith(forward.getArgument(position));
  }
  for (Operation *op : llvm::reverse(outlined))
    if (op->use_empty())
      op->erase();
}

void inlinePrepare(ModuleOp module, func::FuncOp forward) {
  auto prepare = module.lookupSymbol<func::FuncOp>("prepare");
  if (!prepare)
    return;
  auto key = [](func::FuncOp function, unsigned i) {
    return std::pair(function.getArgAttrOfType<StringAttr>(i, "nn.kind"), function.getArgAttrOfType<StringAttr>(i, "nn.name"));
  };
  std::map<std::pair<StringRef, StringRef>, BlockArgument> arguments;
  for (BlockArgument argument : forward.getArguments()) {
    auto [kind, name] = key(forward, argument.getArgNumber());
    arguments[{kind, name}] = argument;
  }
  auto argumentLike = [&](BlockArgument argument) {
    auto [kind, name] = key(prepare, argument.getArgNumber());
    return arguments.at({kind, name});
  };
  IRMapping mapping;
  for (BlockArgument argument : prepare.getArguments())
    mapping.map(argument, argumentLike(argument));
  OpBuilder b = OpBuilder::atBlockBegin(&forward.front());
  for (Operation &op : prepare.front().without_terminator())
    b.clone(op, mapping);
  llvm::BitVector prepared(forward.getNumArguments());
  for (OpOperand &result : prepare.front().getTerminator()->getOpOperands()) {
    auto position = prepare.getResultAttrOfType<IntegerAttr>(result.getOperandNumber(), "nn.updates").getInt();
    BlockArgument argument = argumentLike(prepare.getArgument(position));
    argument.replaceAllUsesWith(mapping.lookup(result.get()));
    prepared.set(argument.getArgNumber());
  }
  (void)forward.eraseArguments(prepared);
  prepare.erase();
}

} // namespace nnc
