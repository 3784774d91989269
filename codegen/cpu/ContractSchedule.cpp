// The cost model of matrix products: register tile, blocks and tasks. Costs are
// in vector instructions of one core, which issues about one multiply-add and
// two loads of a vector a cycle.
#include "codegen/cpu/Contract.h"
#include "codegen/cpu/MicroKernel.h"
#include "codegen/cpu/Target.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <numeric>

using namespace mlir;

namespace nnc::cpu {

using Contiguous = ProductOperand::Contiguous;

namespace {

// What a dynamic size is taken for, where a choice needs a number.
constexpr int64_t usualRows = 64, usualColumns = 1024, usualReduction = 512, usualBatch = 16;

// Multiply-adds of vectors in a task: some 40 us.
constexpr int64_t taskVectorSteps = 200'000;

// Bytes of an operand that is read once, from memory, in a task: some 20 us.
constexpr int64_t taskStreamBytes = 512 << 10;

struct Sizes {
  int64_t batch, m, n, k, lanes, registers, elementBytes;
  double fmasPerCycle; // of vectors
};

/// Cost of one step over k.
double tileStepCost(const Sizes &sizes, int64_t rows, int64_t vectors) {
  // High tiles reuse B's vectors more and pack A in wider pieces; where two multiply-adds
  // of vectors start a cycle, a vector of B from the second-level cache costs twice as much.
  return outerStepCost(rows, vectors, sizes.registers) + 0.02 * rows + 0.15 * sizes.fmasPerCycle * vectors;
}

/// Steps over the whole of C, its edges included.
double tilingCost(const Sizes &sizes, int64_t rows, int64_t vectors) {
  int64_t columnVectors = llvm::divideCeil(sizes.n, sizes.lanes);
  int64_t fullRows = sizes.m / rows, restRows = sizes.m % rows;
  int64_t fullVectors = columnVectors / vectors, restVectors = columnVectors % vectors;
  auto cost = [&](int64_t r, int64_t v) { return r && v ? tileStepCost(sizes, r, v) : 0.0; };
  return fullRows * fullVectors * cost(rows, vectors) + fullRows * cost(rows, restVectors) +
         fullVectors * cost(restRows, vectors) + cost(restRows, restVectors);
}

void chooseOuterTile(const Sizes &sizes, bool turnsRows, ContractSchedule &schedule) {
  // Registers beside the accumulators: the vectors of B and one splat.
  double best = 0;
  for (int64_t vectors = 1; vectors <= 4; ++vectors) {
    int64_t most = (sizes.registers - vectors - (vectors > 1 ? 1 : 0)) / vectors;
    for (int64_t rows = 1; rows <= std::min<int64_t>(most, 28); ++rows) {
      double cost = tilingCost(sizes, rows, vectors);
      // Vectors along the rows of A fall apart into those of tiles, or overlap.
      if (turnsRows && sizes.lanes % rows != 0)
        cost *= 1.1;
      if (schedule.tileRows == 0 || cost < best) {
        best = cost;
        schedule.tileRows = rows;
        schedule.tileVectors = vectors;
      }
    }
  }
  schedule.cycles = best * sizes.k;
}

void chooseDotTile(const Sizes &sizes, ContractSchedule &schedule) {
  // Few loads a multiply-add; a single row needs several columns to hide its latency.
  schedule.tileRows = std::min<int64_t>(sizes.m, sizes.registers >= 32 ? 4 : 2);
  schedule.tileVectors = std::min<int64_t>(schedule.tileRows == 1 ? 8 : 6, sizes.n);
}

/// Cycles an element of copying into packed memory; squares are transposed on the way.
double packingCost(Contiguous from, Contiguous to) {
  if (from == Contiguous::None)
    return 1.5;
  return from == to ? 0.15 : 0.45;
}

/// Rows and columns of a task's block of C. Every block of columns packs A again, every
/// block of rows B; blocks are as large as the second-level cache, and a number of tasks
/// that keeps several cores busy, allow.
void chooseBlocks(const ContractProblem &problem, const Sizes &sizes, const Target &target,
                  ContractSchedule &schedule) {
  int64_t unit = std::lcm(schedule.tileColumns(), sizes.lanes);
  int64_t allRows = llvm::alignTo(sizes.m, schedule.tileRows), allColumns = llvm::alignTo(sizes.n, unit);
  double total = double(sizes.batch) * sizes.m * sizes.n * sizes.k / sizes.lanes;
  double limit = std::clamp<double>(total / (problem.storesTransposed ? 8 : 16), taskVectorSteps, 16 * taskVectorSteps);
  bool isDot = schedule.kind == ContractSchedule::Kind::Dot;
  double packA = isDot ? 0 : packingCost(problem.a.contiguous, problem.a.contiguous);
  double packB = schedule.packB ? packingCost(problem.b.contiguous, Contiguous::Outer) : 0;
  // Cycles an element of what was packed ahead takes from the third level: some thirty bytes a cycle, asked for ahead.
  double streamB = problem.b.packed ? sizes.elementBytes / 32.0 : 0;
  int64_t panelSteps = schedule.blockReduction;
  bool isSinglePanel = sizes.k <= panelSteps;
  double best = -1;
  int64_t rowUnit = problem.storesTransposed ? std::lcm(schedule.tileRows, sizes.lanes) : schedule.tileRows;
  allRows = llvm::alignTo(allRows, rowUnit);
  for (int64_t rows = rowUnit; rows <= std::min<int64_t>(allRows, 512); rows += rowUnit)
    for (int64_t columns = unit; columns <= std::min<int64_t>(allColumns, 2048); columns += unit) {
      bool isSmallest = rows == rowUnit && columns == unit;
      // Columns outermost: all of A's block, one panel of B, and C's block or a strip of it.
      // Rows outermost: B's block, and C's unless it is finished at once.
      int64_t kept = schedule.columnsOutermost
                         ? (rows + (schedule.packB ? columns : schedule.tileColumns())) * panelSteps + rows * (isSinglePanel && problem.storesTransposed ? schedule.tileColumns() : columns)
                         : (isDot ? 0 : columns * panelSteps) + (isSinglePanel ? schedule.tileRows : rows) * columns;
      double steps = double(std::min(rows, sizes.m)) * std::min(columns, sizes.n) * sizes.k / sizes.lanes;
      double streamed = rows <= 8 ? double(columns) * sizes.k * sizes.elementBytes : 0;
      if (!isSmallest && (kept * sizes.elementBytes > target.l2 / 2 || steps > limit ||
                          streamed > taskStreamBytes))
        break;
      double cost = packA * sizes.m * sizes.k * llvm::divideCeil(sizes.n, columns) +
                    (packB + streamB) * sizes.n * sizes.k * llvm::divideCeil(sizes.m, rows);
      // Between equals, the larger: fewer tasks.
      if (best < 0 || cost <= best) {
        best = cost;
        schedule.blockRows = rows;
        schedule.blockColumns = columns;
      }
    }
}

} // namespace

ContractSchedule scheduleContract(const ContractProblem &problem, const Target &target) {
  ContractSchedule schedule;
  Sizes sizes;
  sizes.lanes = target.lanes(problem.elementType);
  sizes.elementBytes = problem.elementType.getIntOrFloatBitWidth() / 8;
  sizes.registers = target.registers;
  sizes.fmasPerCycle = target.vectorBytes >= 64 ? 1 : 2;
  sizes.batch = std::max<int64_t>(problem.batch.orElse(usualBatch), 1);
  sizes.m = std::max<int64_t>(problem.m.orElse(usualRows), 1);
  sizes.n = std::max<int64_t>(problem.n.orElse(usualColumns), 1);
  sizes.k = std::max<int64_t>(problem.k.orElse(usualReduction), 1);
  schedule.lanes = sizes.lanes;

  bool alongReduction = problem.a.contiguous == Contiguous::Reduction &&
                        problem.b.contiguous == Contiguous::Reduction && !problem.b.packed;
  // Few rows do not repay the transposing of B.
  constexpr int64_t dotRows = 8;
  if (alongReduction && problem.m.isStatic() && sizes.m <= dotRows) {
    schedule.kind = ContractSchedule::Kind::Dot;
    schedule.packB = false;
    chooseDotTile(sizes, schedule);
  } else {
    chooseOuterTile(sizes, problem.a.contiguous == Contiguous::Outer && sizes.registers == 16, schedule);
    if (alongReduction && !problem.m.isStatic())
      schedule.dotRows = 4;
    schedule.packB = !problem.b.packed;
    if (problem.b.contiguous == Contiguous::Outer && problem.m.isStatic() && sizes.m <= 8)
      schedule.packB = false;
  }

  // Results that leave as columns, and a B that is packed here, go column by column of tiles if
  // what is packed stays in the second-level cache: both operands, or one beside blocks of the other.
  bool fits = (sizes.m + sizes.n) * sizes.k * sizes.elementBytes <= target.l2 * 5 / 8 ||
              std::min(sizes.m, sizes.n) * sizes.k * sizes.elementBytes <= target.l2 / 4;
  bool severalRowsOfTiles = !problem.m.isStatic() || sizes.m >= 3 * schedule.tileRows;
  schedule.columnsOutermost =
      schedule.kind == ContractSchedule::Kind::Outer &&
      (problem.storesTransposed || (sizes.registers == 16 && schedule.packB && fits && severalRowsOfTiles));

  // Equal panels over k. Small tiles read B more often, from the second-level cache: wide blocks of short panels.
  int64_t columnsKept = sizes.registers == 16 ? 128 : 96;
  int64_t longest = std::max<int64_t>(target.l2 / 2 / (columnsKept * sizes.elementBytes), 256);
  if (schedule.columnsOutermost)
    longest = std::max<int64_t>(target.l1 * 5 / 4 / (schedule.tileColumns() * sizes.elementBytes), 128);
  longest = std::min<int64_t>(longest, problem.a.contiguous == Contiguous::Outer ? 512 : 1024);
  int64_t panels = llvm::divideCeil(sizes.k, longest);
  int64_t panelSteps = problem.k.isStatic() ? llvm::divideCeil(sizes.k, panels) : longest;
  schedule.blockReduction = llvm::alignTo(panelSteps, sizes.lanes);

  chooseBlocks(problem, sizes, target, schedule);

  int64_t blocks = llvm::divideCeil(sizes.m, schedule.blockRows) *
                   llvm::divideCeil(sizes.n, schedule.blockColumns);
  int64_t productSteps = std::max<int64_t>(sizes.m * sizes.n / sizes.lanes * sizes.k, 1);
  if (blocks == 1)
    schedule.batchPerTask = std::clamp<int64_t>(taskVectorSteps / productSteps, 1, 64);
  if (problem.batch.isStatic())
    schedule.batchPerTask = std::min(schedule.batchPerTask, sizes.batch);

  bool allStatic = problem.batch.isStatic() && problem.m.isStatic() && problem.n.isStatic() &&
                   problem.k.isStatic();
  schedule.dynamic = !allStatic;
  int64_t tasks = blocks * sizes.batch;
  int64_t perTask = productSteps / blocks;
  if (!problem.storesTransposed && allStatic && tasks < 16 && perTask > 2 * taskVectorSteps) {
    int64_t wanted = std::max<int64_t>(std::min(perTask / taskVectorSteps, 64 / tasks), 1);
    int64_t each = llvm::alignTo(llvm::divideCeil(sizes.k, wanted), sizes.lanes);
    schedule.blockReduction = std::min(schedule.blockReduction, each);
    each = llvm::alignTo(each, schedule.blockReduction);
    schedule.splits = llvm::divideCeil(sizes.k, each);
  }
  return schedule;
}

std::string describe(const ContractSchedule &s) {
  std::string text;
  llvm::raw_string_ostream os(text);
  bool dot = s.kind == ContractSchedule::Kind::Dot;
  os << "lanes of " << s.lanes << " along " << (dot ? "k" : "n") << ", register tile " << s.tileRows << "x"
     << s.tileVectors << (dot ? " sums" : " vectors") << (s.columnsOutermost ? " column by column" : "") << ", task " << s.blockRows << "x" << s.blockColumns << ", k by "
     << s.blockReduction << (s.packB ? ", b packed" : "");
  if (s.dotRows)
    os << ", up to " << s.dotRows << " rows along k";
  if (s.batchPerTask > 1)
    os << ", " << s.batchPerTask << " products a task";
  if (s.splits > 1)
    os << ", " << s.splits << " partial sums";
  if (s.cycles > 0)
    os << "; estimate " << int64_t(s.cycles) << " cycles a product" << (s.dynamic ? " of usual size" : "");
  return text;
}

} // namespace nnc::cpu
