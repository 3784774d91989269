#include "codegen/cpu/Packing.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace nnc::cpu {

using Contiguous = ProductOperand::Contiguous;

// Lines of cache far apart follow each other, which hardware does not foresee.
static constexpr int64_t stepsAhead = 8;

SliverLayout sliverLayout(const ProductOperand &a, int64_t rows, int64_t reduction,
                          int64_t lanes) {
  if (a.contiguous == Contiguous::Outer)
    return {1, rows};
  // An odd number of vectors between rows spreads them over the cache's sets.
  int64_t vectors = llvm::divideCeil(reduction, lanes) | 1;
  return {vectors * lanes, 1};
}

int64_t sliverElements(const ProductOperand &a, int64_t rows, int64_t reduction, int64_t lanes) {
  SliverLayout layout = sliverLayout(a, rows, reduction, lanes);
  int64_t elements = layout.rowStride == 1 ? rows * reduction : rows * layout.rowStride;
  return llvm::alignTo(elements + lanes, lanes);
}

void emitPackSliver(LoopEmitter &emit, const ProductOperand &a, VectorType type,
                    SliverLayout layout, Value rows, Value batch, Value m, Value k, Value steps,
                    Value sliver, Value start) {
  OpBuilder &b = emit.builder;
  Location loc = emit.loc;
  int64_t lanes = type.getNumElements();
  switch (a.contiguous) {
  case Contiguous::Outer:
    return; // emitPackAllSlivers
  case Contiguous::Reduction:
    emit.loop(emit.index(0), rows, 1, [&](Value row) {
      Value to = emit.add(start, emit.mul(row, layout.rowStride));
      emit.vectors(steps, lanes, [&](Value step, Value active) {
        // The sliver after this one, a row's piece of a few lines at a time, which hardware does not foresee.
        a.prefetch(b, loc, batch, emit.add(m, emit.add(row, rows)), emit.add(k, step));
        Value vector = a.vector(b, loc, type, batch, emit.add(m, row), emit.add(k, step), active);
        emit.store(vector, sliver, emit.add(to, step));
      });
    });
    return;
  case Contiguous::None:
    emit.loop(emit.index(0), rows, 1, [&](Value row) {
      Value to = emit.add(start, emit.mul(row, layout.rowStride));
      emit.loop(emit.index(0), steps, 1, [&](Value step) {
        Value scalar = a.element(b, loc, batch, emit.add(m, row), emit.add(k, step));
        emit.storeScalar(scalar, sliver, emit.add(to, emit.mul(step, layout.stepStride)));
      });
    });
    return;
  }
}

/// Elements [first, first + count) of a vector.
static void storePart(LoopEmitter &emit, Value vector, int64_t first, int64_t count, Value buffer, Value at) {
  Value part = cast<VectorType>(vector.getType()).getNumElements() == count
                   ? vector
                   : Value(vector::ExtractStridedSliceOp::create(emit.builder, emit.loc, vector, ArrayRef<int64_t>{first},
                                                                 ArrayRef<int64_t>{count}, ArrayRef<int64_t>{1}));
  vector::StoreOp::create(emit.builder, emit.loc, part, buffer, at);
}

void emitPackAllSlivers(LoopEmitter &emit, const ProductOperand &a, VectorType type,
                        int64_t tileRows, int64_t apart, Value batch, Value m, Value rows,
                        Value k, Value steps, Value slivers) {
  int64_t lanes = type.getNumElements();
  Value zero = emit.index(0);
  auto startOf = [&](Value row) { return emit.mul(emit.div(row, tileRows), apart); };
  emit.loop(zero, steps, 1, [&](Value step) {
    Value from = emit.mul(step, tileRows);
    auto read = [&](Value row, Value active) {
      return a.vector(emit.builder, emit.loc, type, batch, emit.add(m, row), emit.add(k, step), active);
    };
    if (lanes % tileRows == 0) {
      // A vector holds a row of several slivers.
      emit.vectors(rows, lanes, [&](Value row, Value active) {
        a.prefetch(emit.builder, emit.loc, batch, emit.add(m, row), emit.add(emit.add(k, step), stepsAhead));
        Value vector = read(row, active);
        for (int64_t part = 0; part < lanes; part += tileRows)
          storePart(emit, vector, part, tileRows, slivers, emit.add(startOf(emit.add(row, part)), from));
      });
      return;
    }
    // Whole vectors are stored; what overruns a step is overwritten by the next.
    emit.loop(zero, rows, tileRows, [&](Value row) {
      Value to = emit.add(startOf(row), from);
      Value left = emit.min(emit.sub(rows, row), emit.index(tileRows));
      for (int64_t part = 0; part < tileRows; part += lanes) {
        Value active = emit.min(emit.sub(left, emit.index(part)), emit.index(lanes));
        if (part > 0)
          active = emit.max(active, zero);
        emit.store(read(emit.add(row, part), active), slivers, emit.add(to, part));
      }
    });
  });
}

namespace {

/// One call of emitPackPanels: the parts that its cases share.
struct PanelPacker {
  LoopEmitter &emit;
  const ProductOperand &operand;
  VectorType type;
  int64_t width, panelSteps;
  Value batch, n, columns, k, steps, panels;

  static constexpr int64_t squaresAhead = 2;

  int64_t lanes() const { return type.getNumElements(); }

  /// Where (step, column) lies, for a column that is a multiple of the lanes.
  Value position(Value step, Value column) {
    Value panel = emit.div(column, width);
    return emit.add(emit.mul(panel, panelSteps * width),
                    emit.add(emit.mul(step, width), emit.rem(column, width)));
  }

  void copyRows() {
    auto copy = [&](Value column, Value start, Value step, Value active) {
      Value vector = operand.vector(emit.builder, emit.loc, type, batch, emit.add(n, column),
                                    emit.add(k, step), active);
      emit.store(vector, panels, emit.add(start, emit.mul(step, width)));
    };
    // Neighbouring cache lines of a row together.
    Value full = emit.sub(columns, emit.rem(columns, width));
    emit.loop(emit.index(0), steps, 1, [&](Value step) {
      emit.vectors(columns, lanes(), [&](Value column, Value) {
        operand.prefetch(emit.builder, emit.loc, batch, emit.add(n, column), emit.add(emit.add(k, step), stepsAhead));
      });
      emit.loop(emit.index(0), full, width, [&](Value panel) {
        Value start = emit.mul(panel, panelSteps);
        for (int64_t column = 0; column < width; column += lanes())
          copy(emit.add(panel, column), emit.add(start, column), step, {});
      });
    });
    emit.vectors(emit.sub(columns, full), lanes(), [&](Value column, Value active) {
      Value start = emit.add(emit.mul(full, panelSteps), column);
      emit.loop(emit.index(0), steps, 1,
                [&](Value step) { copy(emit.add(full, column), start, step, active); });
    });
  }

  /// Squares of lanes x lanes; at the edges lines are read masked, or not at all.
  void transposeSquares() {
    emit.vectors(columns, lanes(), [&](Value column, Value activeColumns) {
      emit.vectors(steps, lanes(), [&](Value step, Value activeSteps) {
        Values lines;
        for (int64_t line = 0; line < lanes(); ++line) {
          Value active = activeSteps, at = emit.add(column, line);
          if (activeColumns) {
            Value exists = emit.less(emit.index(line), activeColumns);
            Value length = activeSteps ? activeSteps : emit.index(lanes());
            active = arith::SelectOp::create(emit.builder, emit.loc, exists, length, emit.index(0));
            at = emit.min(at, emit.sub(columns, emit.index(1)));
          }
          operand.prefetch(emit.builder, emit.loc, batch, emit.add(n, at),
                           emit.add(emit.add(k, step), squaresAhead * lanes()));
          lines.push_back(operand.vector(emit.builder, emit.loc, type, batch, emit.add(n, at),
                                         emit.add(k, step), active));
        }
        Values turned = emitTranspose(emit, lines);
        Value start = position(step, column);
        for (int64_t line = 0; line < lanes(); ++line)
          emit.store(turned[line], panels, emit.add(start, line * width));
      });
    });
  }

  void copyElements() {
    Value rounded = emit.mul(emit.ceilDiv(columns, lanes()), lanes());
    emit.loop(columns, rounded, 1, [&](Value column) {
      emit.loop(emit.index(0), steps, 1, [&](Value step) {
        emit.storeScalar(emit.zero(type.getElementType()), panels, position(step, column));
      });
    });
    emit.loop(emit.index(0), columns, 1, [&](Value column) {
      Value start = position(emit.index(0), column);
      emit.loop(emit.index(0), steps, 1, [&](Value step) {
        Value scalar = operand.element(emit.builder, emit.loc, batch, emit.add(n, column),
                                       emit.add(k, step));
        emit.storeScalar(scalar, panels, emit.add(start, emit.mul(step, width)));
      });
    });
  }
};

} // namespace

void emitPackPanels(LoopEmitter &emit, const ProductOperand &b, VectorType type, int64_t width,
                    int64_t panelSteps, Value batch, Value n, Value columns, Value k, Value steps,
                    Value panels) {
  PanelPacker packer{emit, b, type, width, panelSteps, batch, n, columns, k, steps, panels};
  switch (b.contiguous) {
  case Contiguous::Outer:
    return packer.copyRows();
  case Contiguous::Reduction:
    return packer.transposeSquares();
  case Contiguous::None:
    return packer.copyElements();
  }
}

} // namespace nnc::cpu
