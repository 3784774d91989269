#include "compiler/StateLayout.h"
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

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

/// Calls body(kind, attributes, argument) for the state that the planned functions read or write.
static void forEachStateArgument(ModuleOp module, function_ref<void(StringRef, DictionaryAttr, BlockArgument)> body) {
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function->hasAttr("nn.worker_bytes"))
      continue;
    for (BlockArgument argument : function.getArguments()) {
      DictionaryAttr attributes = function.getArgAttrDict(argument.getArgNumber());
      StringRef kind = attributes.getAs<StringAttr>("nn.kind");
      if (!llvm::is_contained({"input", "output", "arena", "symbol"}, kind))
        body(kind, attributes, argument);
    }
  }
}

static std::string keyOf(StringRef kind, DictionaryAttr attributes) {
  return (kind + "/" + attributes.getAs<StringAttr>("nn.name").getValue()).str();
}

/// Whether the op takes the packed form for this operand.
static bool hasPacked(OpOperand &use) {
  return llvm::TypeSwitch<Operation *, bool>(use.getOwner())
      .Case<nn::ConvOp, nn::ConvInputGradOp>([&](auto op) { return op.getPacked() && use == op.getWeightMutable(); })
      .Case<nn::MatmulOp>([&](auto op) { return op.getPacked() && use == op.getBMutable(); })
      .Default(false);
}

bool isRead(BlockArgument argument) {
  return llvm::any_of(argument.getUses(), [](OpOperand &use) {
    auto kernel = dyn_cast<nn::KernelOp>(use.getOwner());
    return !kernel || kernel.getFamily() != nn::Family::contract || use.getOperandNumber() >= kernel.getBody().getNumArguments() ||
           !llvm::all_of(kernel.getBody().getArgument(use.getOperandNumber()).getUses(), hasPacked);
  });
}

static bool isWritten(BlockArgument argument) {
  return llvm::any_of(argument.getUses(), [](OpOperand &use) {
    auto kernel = dyn_cast<nn::KernelOp>(use.getOwner());
    return !kernel || use.getOperandNumber() >= kernel.getBody().getNumArguments();
  });
}

/// Places at the start of the initial data for parameters that `prepare` alone reads, and of a frozen model for
/// everything: compiled code reads it there. What forward reads in every call is copied to large pages.
static void placeFixed(StateLayout &layout, ModuleOp module, const InitialBytes &initial) {
  llvm::StringSet<> needed;
  forEachStateArgument(module, [&](StringRef kind, DictionaryAttr attributes, BlockArgument argument) {
    bool prepares = cast<func::FuncOp>(argument.getOwner()->getParentOp()).getName() == "prepare";
    if (isWritten(argument) || (!prepares && !layout.interface.frozen && isRead(argument)))
      needed.insert(keyOf(kind, attributes));
  });
  forEachStateArgument(module, [&](StringRef kind, DictionaryAttr attributes, BlockArgument) {
    std::string key = keyOf(kind, attributes);
    bool mayBeFixed = llvm::is_contained({"parameter", "buffer", "constant"}, kind) || layout.interface.frozen;
    StringRef bytes = initial(kind, attributes.getAs<StringAttr>("nn.name"));
    if (!mayBeFixed || bytes.empty() || needed.contains(key) || layout.places.contains(key))
      return;
    layout.places[key] = {int64_t(layout.initialData.append(bytes)), true};
  });
  layout.interface.fixedBytes = layout.initialData.size();
}

static void addVariable(StateLayout &layout, StringRef kind, DictionaryAttr attributes, const InitialBytes &initial) {
  StateVariable variable;
  variable.name = attributes.getAs<StringAttr>("nn.name").str();
  cpu::StatePlace &place = layout.places[keyOf(kind, attributes)];
  auto type = cast<RankedTensorType>(cast<TypeAttr>(attributes.get("nn.type")).getValue());
  variable.kind = stateKind(kind);
  if (auto aliases = attributes.getAs<ArrayAttr>("nn.aliases"))
    for (Attribute alias : aliases)
      variable.aliases.push_back(cast<StringAttr>(alias).str());
  variable.type = elementType(type.getElementType());
  variable.dims.assign(type.getShape().begin(), type.getShape().end());
  variable.requiresGrad = static_cast<bool>(attributes.get("nn.requires_grad"));
  if (place.fixed) {
    variable.offset = variable.initialOffset = place.offset;
  } else {
    constexpr uint64_t alignment = 64;
    variable.offset = place.offset = layout.interface.stateBytes;
    uint64_t width = std::max(8u, type.getElementType().getIntOrFloatBitWidth()) / 8;
    layout.interface.stateBytes += llvm::alignTo(std::max<uint64_t>(1, type.getNumElements()) * width, alignment);
    if (StringRef bytes = initial(kind, variable.name); !bytes.empty())
      variable.initialOffset = layout.initialData.append(bytes);
  }
  layout.interface.state.push_back(variable);
}

StateLayout layoutState(ModuleOp module, const InitialBytes &initial, bool frozen) {
  StateLayout layout;
  layout.interface.frozen = frozen;
  placeFixed(layout, module, initial);
  if (!frozen) {
    layout.interface.stateBytes = llvm::alignTo(layout.interface.fixedBytes, 64);
    llvm::StringSet<> added;
    forEachStateArgument(module, [&](StringRef kind, DictionaryAttr attributes, BlockArgument) {
      if (added.insert(keyOf(kind, attributes)).second)
        addVariable(layout, kind, attributes, initial);
    });
  }
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
