#include "compiler/StateLayout.h"
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace nnc {

static ElementType elementType(Type type) {
  if (type.isF32()) return ElementType::F32;
  if (type.isF64()) return ElementType::F64;
  if (type.isInteger(64)) return ElementType::I64;
  if (type.isInteger(32)) return ElementType::I32;
  if (type.isInteger(8)) return ElementType::U8;
  return ElementType::I1;
}

static StateVariable::Kind stateKind(StringRef kind) {
  return llvm::StringSwitch<StateVariable::Kind>(kind)
      .Case("parameter", StateVariable::Parameter)
      .Case("buffer", StateVariable::Buffer)
      .Case("optimizer", StateVariable::OptimizerState)
      .Case("gradient", StateVariable::Gradient)
      .Case("lr", StateVariable::LearningRate)
      .Case("seed", StateVariable::Seed)
      .Case("step", StateVariable::Step)
      .Default(StateVariable::Prepared); // constants: fixed, neither listed nor saved
}

static BoundaryTensor boundaryTensor(DictionaryAttr attributes) {
  BoundaryTensor tensor;
  Type type = cast<TypeAttr>(attributes.get("nn.type")).getValue();
  tensor.name = attributes.getAs<StringAttr>("nn.name").str();
  tensor.type = elementType(cast<RankedTensorType>(type).getElementType());
  for (AffineExpr dim : nn::dimsOf(type)) {
    if (auto constant = nn::constantSize(dim))
      tensor.dims.push_back({BoundaryDim::Static, *constant});
    else if (auto symbol = dyn_cast<AffineSymbolExpr>(dim))
      tensor.dims.push_back({BoundaryDim::Symbol, symbol.getPosition()});
    else
      tensor.dims.push_back({BoundaryDim::Computed, 0});
  }
  if (auto range = attributes.getAs<DenseI64ArrayAttr>("nn.range")) {
    tensor.hasRange = true;
    tensor.range = {range[0], range[1], true, range[2]};
  }
  return tensor;
}

static void addVariable(StateLayout &layout, StringRef kind, DictionaryAttr attributes, const InitialBytes &initial) {
  StringRef name = attributes.getAs<StringAttr>("nn.name");
  auto [slot, fresh] = layout.offsets.try_emplace((kind + "/" + name).str(), 0);
  if (!fresh)
    return;
  constexpr uint64_t alignment = 64;
  auto type = cast<RankedTensorType>(cast<TypeAttr>(attributes.get("nn.type")).getValue());
  StateVariable variable;
  variable.kind = stateKind(kind);
  variable.name = name.str();
  if (auto aliases = attributes.getAs<ArrayAttr>("nn.aliases"))
    for (Attribute alias : aliases)
      variable.aliases.push_back(cast<StringAttr>(alias).str());
  variable.type = elementType(type.getElementType());
  variable.dims.assign(type.getShape().begin(), type.getShape().end());
  variable.requiresGrad = static_cast<bool>(attributes.get("nn.requires_grad"));
  if (layout.interface.frozen) {
    slot->second = layout.initialData.append(initial(kind, name));
    return;
  }
  variable.offset = layout.interface.stateBytes;
  slot->second = variable.offset;
  uint64_t width = std::max(8u, type.getElementType().getIntOrFloatBitWidth()) / 8;
  layout.interface.stateBytes += llvm::alignTo(std::max<uint64_t>(1, type.getNumElements()) * width, alignment);
  if (StringRef bytes = initial(kind, name); !bytes.empty())
    variable.initialOffset = layout.initialData.append(bytes);
  layout.interface.state.push_back(variable);
}

StateLayout layoutState(ModuleOp module, const InitialBytes &initial, bool frozen) {
  StateLayout layout;
  layout.interface.frozen = frozen;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function->hasAttr("nn.worker_bytes"))
      continue;
    Entry entry;
    entry.name = function.getName().str();
    entry.symbol = "nnc_entry_" + entry.name;
    entry.arenaSymbol = "nnc_arena_" + entry.name;
    entry.shapeSymbol = "nnc_shapes_" + entry.name;
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      DictionaryAttr attributes = function.getArgAttrDict(i);
      StringRef kind = attributes.getAs<StringAttr>("nn.kind");
      if (kind == "input")
        entry.inputs.push_back(boundaryTensor(attributes));
      else if (kind == "output")
        entry.outputs.push_back(boundaryTensor(attributes));
      else if (kind != "arena" && kind != "symbol")
        addVariable(layout, kind, attributes, initial);
    }
    layout.interface.entries.push_back(std::move(entry));
    auto names = function->getAttrOfType<ArrayAttr>("nn.symbols");
    if (!names || !layout.interface.symbols.empty())
      continue;
    auto ranges = function->getAttrOfType<DenseI64ArrayAttr>("nn.symbol_ranges");
    for (size_t s = 0; s < names.size(); ++s)
      layout.interface.symbols.push_back({cast<StringAttr>(names[s]).str(), ranges[2 * s], ranges[2 * s + 1]});
  }
  return layout;
}

} // namespace nnc
