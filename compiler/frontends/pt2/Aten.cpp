#include "compiler/frontends/pt2/Aten.h"

#include "llvm/ADT/StringMap.h"

using namespace nnc;
using namespace nnc::pt2;
using llvm::StringRef;

static constexpr StringRef prefix = "torch.ops.aten.";

static Results buildElementwise(const AtenElementwise &row, Call &call) {
  llvm::SmallVector<Operand> operands;
  for (StringRef name : llvm::split(row.operands, ','))
    operands.push_back(call.operand(name));
  std::map<std::string, double> parameters;
  if (!row.parameters.empty())
    for (StringRef name : llvm::split(row.parameters, ','))
      if (call.given(name))
        parameters[name.str()] = call.number(name);
  if (call.hasFailed())
    return {mlir::Value()};
  return {call.builder.elementwise(row.function, operands, parameters)};
}

/// Every row of every family by target.
static const llvm::StringMap<Translation> &translations() {
  static const auto *all = [] {
    auto *map = new llvm::StringMap<Translation>;
    for (const AtenElementwise &row : atenElementwise())
      (*map)[row.target] = [&row](Call &call) { return buildElementwise(row, call); };
    for (llvm::ArrayRef<AtenOp> family : {atenPointwise(), atenViews(), atenShapes(),
                                          atenReductions(), atenLayers(), atenLosses(), atenSequences(),
                                          atenRearrangements()})
      for (const AtenOp &op : family)
        (*map)[op.target] = op.build;
    return map;
  }();
  return *all;
}

std::optional<Translation> nnc::pt2::findTranslation(StringRef target) {
  if (!target.consume_front(prefix))
    return std::nullopt;
  auto [name, overload] = target.split('.');
  bool general = overload == "default" || overload == "Tensor" || overload == "Scalar";
  const auto &all = translations();
  auto found = all.find(target);
  if (found == all.end() && general)
    found = all.find(name);
  if (found == all.end())
    return std::nullopt;
  return found->second;
}

bool nnc::pt2::isSizeComputation(const Node &node) {
  StringRef target = node.target;
  if (target.contains("._assert") || target.contains(".sym_constrain_range"))
    return true;
  if (node.outputs.empty())
    return false;
  using Kind = Argument::Kind;
  return llvm::all_of(node.outputs, [](const Argument &output) {
    return output.kind == Kind::SymInt || output.kind == Kind::SymBool ||
           output.kind == Kind::SymFloat;
  });
}

std::string nnc::pt2::functionalTarget(StringRef target) {
  StringRef rest = target;
  if (!rest.consume_front(prefix))
    return "";
  auto [name, overload] = rest.split('.');
  if (!name.ends_with("_") || name.starts_with("__") || findTranslation(target))
    return "";
  return (prefix + name.drop_back() + "." + overload).str();
}
