// The Contract family's matrix product C[batch, m, n] = sum over k of
// A[batch, m, k] * B[batch, k, n]: its description, its schedule, the scratch
// it needs, and the code of one of its tasks. Nothing here knows of nn ops.
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

#include <cstdint>
#include <functional>

namespace nnc::cpu {

struct Target;

/// A size: `fixed` when it is known at compile time, otherwise `value`, an
/// index that dominates the point of emission.
struct Extent {
  int64_t fixed = -1;
  mlir::Value value;

  static Extent of(int64_t size) { return {size, {}}; }
  static Extent of(mlir::Value size) { return {-1, size}; }
  bool isStatic() const { return fixed >= 0; }
  int64_t orElse(int64_t guess) const { return isStatic() ? fixed : guess; }
};

/// How one operand of a product is read. "outer" is m for A and n for B.
struct ProductOperand {
  enum class Contiguous { None, Outer, Reduction };
  /// The index along which neighbours in memory lie; `vector` loads along it.
  Contiguous contiguous = Contiguous::None;
  /// B only: packed ahead of time, [n / lanes][k][lanes] with zeros where lanes does not
  /// divide n, and so read in place.
  bool packed = false;

  /// One element at (batch, outer, k).
  std::function<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::Value batch,
                            mlir::Value outer, mlir::Value k)>
      element;
  /// Consecutive elements along the contiguous index, starting at (batch,
  /// outer, k). `activeLanes` null: all of them may be read; otherwise only
  /// the first `activeLanes`, and the others are returned as zero. Null when
  /// `contiguous` is None.
  std::function<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::VectorType,
                            mlir::Value batch, mlir::Value outer, mlir::Value k,
                            mlir::Value activeLanes)>
      vector;
  /// Asks for the cache line of an element, which need not exist.
  std::function<void(mlir::OpBuilder &, mlir::Location, mlir::Value batch, mlir::Value outer,
                     mlir::Value k)>
      prefetch;
};

struct ContractProblem {
  mlir::Type elementType; // f32 or f64
  Extent batch = Extent::of(1), m, n, k;
  ProductOperand a, b;
  /// C is stored with its rows as columns: `store` takes vectors along m. Only with a B that
  /// was packed ahead, and an n that lanes divide.
  bool storesTransposed = false;
  /// Takes finished values of C: a vector along n starting at (batch, m, n),
  /// of which the first `activeLanes` exist (null: all). Applies bias,
  /// activation, residual and stores. It is emitted inside a loop, a constant
  /// number of times, so that a long epilogue costs no code per tile.
  std::function<void(mlir::OpBuilder &, mlir::Location, mlir::Value batch, mlir::Value m,
                     mlir::Value n, mlir::Value vector, mlir::Value activeLanes)>
      store;
};

struct ContractSchedule {
  enum class Kind {
    Outer, // lanes along n: scalars of A times vectors of B, both packed or in place
    Dot,   // lanes along k: both operands read in place, horizontal sums at the end
  };
  Kind kind = Kind::Outer;
  int64_t lanes = 0;          // elements in a vector register
  int64_t tileRows = 0;       // register tile: rows of C...
  int64_t tileVectors = 0;    // ...times vectors along n (Outer) or columns (Dot)
  int64_t blockRows = 0;      // a task's block of C
  int64_t blockColumns = 0;
  int64_t blockReduction = 0; // k per packed panel
  int64_t batchPerTask = 1;   // small products of a batch share a task
  int64_t splits = 1;         // partial sums over k; above 1 there is a second phase
  int64_t dotRows = 0;        // Outer: with no more rows than this at run time, go as Dot
  bool packB = true;
  /// Order of a task's register tiles. Columns outermost: all of A's
  /// block is packed, a panel of B stays in first-level cache while rows pass. Otherwise a row
  /// of tiles after the other, with its sliver of A in first-level cache and B in the second.
  bool columnsOutermost = false;
  bool dynamic = false;       // decided for usual sizes, where one is not known
  double cycles = 0;          // Outer: what the cost model expects of a product's multiply-adds

  /// Columns of a register tile: what `packed` weights are arranged by.
  int64_t tileColumns() const { return kind == Kind::Outer ? tileVectors * lanes : tileVectors; }
  /// Phases run one after the other, each a set of independent tasks.
  unsigned phases() const { return splits > 1 ? 2 : 1; }
};

/// Scratch, an upper bound fixed at compile time. Per worker memory holds
/// panels and the block of C; shared memory holds partial sums. Dynamic m, n
/// and batch never change it (a product with dynamic m or n is not split).
struct ContractFootprint {
  int64_t perWorkerBytes = 0;
  int64_t sharedBytes = 0;
};

/// The one cost model: chooses from sizes known at compile time, with a
/// guess for those that are not.
ContractSchedule scheduleContract(const ContractProblem &problem, const Target &target);

/// The schedule in a line for people.
std::string describe(const ContractSchedule &schedule);

ContractFootprint footprint(const ContractProblem &problem, const ContractSchedule &schedule);

/// Number of tasks of a phase (index), a function of the shape alone.
mlir::Value emitTaskCount(mlir::OpBuilder &builder, mlir::Location loc,
                          const ContractProblem &problem, const ContractSchedule &schedule,
                          unsigned phase = 0);

/// Emits the code of task number `task` (index) of a phase at the insertion
/// point. `workerScratch` and `sharedScratch` are memref<?xi8>, aligned to 64
/// bytes, of at least the footprint's sizes (null where that is 0); the tasks of a phase
/// may run in any order, on any worker.
void emitContractTask(mlir::OpBuilder &builder, mlir::Location loc,
                      const ContractProblem &problem, const ContractSchedule &schedule,
                      mlir::Value task, mlir::Value workerScratch,
                      mlir::Value sharedScratch = {}, unsigned phase = 0);

} // namespace nnc::cpu
