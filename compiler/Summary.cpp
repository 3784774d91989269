#include "compiler/Summary.h"
#include "compiler/Pipeline.h"
#include "compiler/transforms/Work.h"
#include "dialects/nn/Nn.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace nnc {
namespace {

class Summarizer {
public:
  Summarizer(func::FuncOp forward, int64_t batch) : forward(forward) {
    auto ranges = forward->getAttrOfType<DenseI64ArrayAttr>("nn.symbol_ranges");
    for (int64_t s = 0; ranges && 2 * s < ranges.size(); ++s)
      symbols.push_back(getAffineConstantExpr(s == 0 ? std::max(batch, ranges[0]) : ranges[2 * s], forward.getContext()));
  }

  std::vector<LayerSummary> run() {
    // The front end leaves results behind that nobody reads, such as the positions of a pooling's maxima.
    llvm::DenseSet<Operation *> live{forward.front().getTerminator()};
    for (Operation &op : llvm::reverse(forward.front()))
      if (llvm::any_of(op.getUsers(), [&](Operation *user) { return live.contains(user); }))
        live.insert(&op);
    for (Operation &op : forward.front().without_terminator())
      if (live.contains(&op))
        add(op);
    return std::move(layers);
  }

private:
  int64_t sizeOf(AffineExpr dim) {
    return nn::constantSize(nn::simplify(dim.replaceDimsAndSymbols({}, symbols))).value_or(0);
  }
  int64_t elements(Type type) {
    int64_t count = 1;
    for (AffineExpr dim : nn::dimsOf(type))
      count *= sizeOf(dim);
    return count;
  }

  static std::string pathOf(Location location) {
    auto named = dyn_cast<NameLoc>(location);
    return named ? named.getName().str() : "";
  }

  /// What a reader calls the operation; empty for what only rearranges.
  static StringRef nameOf(Operation &op) {
    if (auto map = dyn_cast<nn::MapOp>(op))
      return map.getFn().value_or("map");
    if (isa<nn::ReshapeOp, nn::BroadcastOp, nn::TransposeOp, nn::IotaOp, nn::SizeOp>(op))
      return "";
    return op.getName().stripDialect();
  }

  int64_t flopsOf(Operation &op) {
    bool multiplies = isa<nn::ConvOp, nn::ConvInputGradOp, nn::MatmulOp, nn::RecurrenceOp>(op);
    return multiplies ? sizeOf(operationsOf(&op)) : 0;
  }

  void add(Operation &op) {
    if (op.getNumResults() == 0)
      return;
    std::string path = pathOf(op.getLoc());
    auto [position, fresh] = positions.try_emplace(path, layers.size());
    if (fresh)
      layers.emplace_back().name = path;
    LayerSummary &layer = layers[position->second];
    if (StringRef name = nameOf(op); !name.empty() && !llvm::is_contained(layer.operations, name))
      layer.operations.push_back(name.str());
    layer.flops += flopsOf(op);
    for (Value operand : op.getOperands())
      if (auto argument = dyn_cast<BlockArgument>(operand); argument && counted.insert(argument).second)
        if (forward.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "nn.kind") == "parameter")
          layer.parameters += elements(argument.getType());
    // The first result is what the user sees; max_pool's second are positions.
    Type type = op.getResult(0).getType();
    std::vector<std::string> sizes;
    for (AffineExpr dim : nn::dimsOf(type))
      sizes.push_back(nn::printSize(dim, nn::symbolsOf(type)));
    layer.output = "[" + llvm::join(sizes, ", ") + "]";
    layer.outputBytes = elements(type) * std::max<int64_t>(1, cast<RankedTensorType>(type).getElementTypeBitWidth() / 8);
  }

  func::FuncOp forward;
  SmallVector<AffineExpr> symbols;
  std::vector<LayerSummary> layers;
  llvm::StringMap<size_t> positions; ///< of a path in `layers`
  llvm::DenseSet<Value> counted;
};

} // namespace

llvm::Expected<std::vector<LayerSummary>> summarizeLayers(const CompileOptions &options, int64_t batch) {
  Compilation compilation;
  compilation.options = options;
  if (llvm::Error error = runStages(compilation, Stage::Graph))
    return std::move(error);
  return Summarizer(compilation.module->lookupSymbol<func::FuncOp>("forward"), batch).run();
}

} // namespace nnc
