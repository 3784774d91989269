#include "compiler/KernelReport.h"
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace nnc {

namespace {

/// Evaluates the index arithmetic of a planned function by folding its ops.
class Sizes {
public:
  int64_t of(Value value) {
    auto [slot, fresh] = known.try_emplace(value, 0);
    return fresh ? known[value] = compute(value) : slot->second;
  }
  void set(Value value, int64_t size) { known[value] = size; }

private:
  int64_t compute(Value value) {
    Operation *op = value.getDefiningOp();
    assert(op && "every symbol is set");
    Builder b(value.getContext());
    SmallVector<Attribute> operands;
    for (Value operand : op->getOperands())
      operands.push_back(b.getIntegerAttr(operand.getType(), of(operand)));
    SmallVector<OpFoldResult> folded;
    if (failed(op->fold(operands, folded)) || folded.size() != 1)
      llvm_unreachable("sizes are constants, sums, products, quotients and maxima");
    if (auto constant = dyn_cast<Attribute>(folded[0]))
      return cast<IntegerAttr>(constant).getInt();
    return of(cast<Value>(folded[0]));
  }

  DenseMap<Value, int64_t> known;
};

} // namespace

void reportMemory(func::FuncOp planned, const ReportSizes &sizes, FunctionReport &report) {
  Sizes known;
  unsigned symbol = 0;
  for (BlockArgument argument : planned.getArguments())
    if (planned.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "nn.kind") == "symbol")
      known.set(argument, *nn::constantSize(sizes.sizes[symbol++]));
  report.workerBytes = planned->getAttrOfType<IntegerAttr>("nn.worker_bytes").getInt();

  // A view of the arena is written by the first kernel that names it.
  DenseMap<Value, size_t> blockOf;
  size_t position = 0;
  for (auto kernel : planned.front().getOps<nn::KernelOp>()) {
    for (Value operand : kernel.getInputs()) {
      auto view = operand.getDefiningOp<memref::ViewOp>();
      if (!view)
        continue;
      auto [slot, fresh] = blockOf.try_emplace(operand, report.blocks.size());
      if (fresh) {
        auto type = cast<MemRefType>(operand.getType());
        int64_t bytes = std::max(8u, type.getElementTypeBitWidth()) / 8;
        unsigned next = 0;
        for (int64_t dim : type.getShape())
          bytes *= ShapedType::isDynamic(dim) ? known.of(view.getSizes()[next++]) : dim;
        report.blocks.push_back({kernel.getName().str(), known.of(view.getByteShift()), bytes, position, position});
      }
      report.blocks[slot->second].last = position;
    }
    ++position;
  }
  for (size_t i = 0; i < position; ++i) {
    // Parts of a joined value lie in it.
    llvm::SmallVector<std::pair<int64_t, int64_t>> live;
    for (const ArenaBlock &block : report.blocks)
      if (block.first <= i && i <= block.last)
        live.push_back({block.offset, block.offset + block.bytes});
    llvm::sort(live);
    int64_t bytes = 0, covered = 0;
    for (auto [begin, end] : live) {
      bytes += std::max<int64_t>(end - std::max(begin, covered), 0);
      covered = std::max(covered, end);
    }
    report.liveBytes = std::max(report.liveBytes, bytes);
  }

  auto bytes = planned->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>((planned.getName() + ".arena_bytes").str());
  Sizes inBytes;
  for (auto [argument, size] : llvm::zip(bytes.getArguments().drop_back(), sizes.sizes))
    inBytes.set(argument, *nn::constantSize(size));
  inBytes.set(bytes.getArguments().back(), 0); // workers
  report.arenaBytes = inBytes.of(bytes.front().getTerminator()->getOperand(0));
}

} // namespace nnc
