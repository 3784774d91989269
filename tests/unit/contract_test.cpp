// Matrix products against a loop in double precision: every way that operands
// lie in memory, odd sizes, static and dynamic, and schedules that a shape
// alone would not choose.
#include "tests/unit/contract_harness.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace nnc;
using namespace nnc::test;
using Contiguous = cpu::ProductOperand::Contiguous;

namespace {

std::string describe(const ProductCase &c) {
  const char *names[] = {"none", "outer", "reduction"};
  return "batch " + std::to_string(c.batch) + " m " + std::to_string(c.m) + " n " +
         std::to_string(c.n) + " k " + std::to_string(c.k) + " a " + names[int(c.a)] + " b " +
         names[int(c.b)] + (c.isStatic ? " static" : " dynamic") + (c.isDouble ? " f64" : " f32");
}

template <typename T>
void expectProduct(CompiledProduct &compiled, ProductCase c) {
  c.panelWidth = compiled.panelWidth;
  std::mt19937 random(17);
  std::uniform_real_distribution<T> uniform(-1, 1);
  // Just as long as needed, so that a read past the end meets the guard of NaN.
  auto fill = [&](int64_t count) {
    std::vector<T> values(count + 64, T(NAN));
    for (int64_t i = 0; i < count; ++i)
      values[i] = uniform(random);
    return values;
  };
  auto a = fill(c.positionA(c.batch - 1, c.m - 1, c.k - 1) + 1);
  int64_t lastColumn = c.packedB ? (c.n + c.panelWidth - 1) / c.panelWidth * c.panelWidth : c.n;
  auto b = fill(c.positionB(c.batch - 1, c.k - 1, lastColumn - 1) + 1);
  int64_t count = c.batch * c.m * c.n;
  std::vector<T> result(count + 64, T(7));
  compiled.run(a.data(), b.data(), result.data(), {c.batch, c.m, c.n, c.k});
  compiled.checkScratch();
  // Rounding errors of a sum's steps, as a random walk of growing steps.
  double tolerance = (std::is_same_v<T, float> ? 1e-6 : 2e-15) * (4 + std::sqrt(double(c.k)));
  for (int64_t item = 0; item < c.batch; ++item)
    for (int64_t i = 0; i < c.m; ++i)
      for (int64_t j = 0; j < c.n; ++j) {
        double sum = 0;
        for (int64_t step = 0; step < c.k; ++step)
          sum += double(a[c.positionA(item, i, step)]) * double(b[c.positionB(item, step, j)]);
        T got = result[c.storesTransposed ? (item * c.n + j) * c.m + i : (item * c.m + i) * c.n + j];
        ASSERT_NEAR(got, sum, tolerance * (1 + std::abs(sum)))
            << describe(c) << " at " << item << " " << i << " " << j;
      }
  for (int64_t i = count; i < count + 64; ++i)
    ASSERT_EQ(result[i], T(7)) << describe(c) << ": written past the end";
}

class Contract : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    auto target = targetToRun(GetParam());
    ASSERT_TRUE(bool(target));
    compiler = std::make_unique<ProductCompiler>(*target, TaskOrder::AsThreadsMight);
  }
  void check(const ProductCase &c, Adjust<cpu::ContractSchedule> adjust = nullptr) {
    auto compiled = compiler->compile(c, adjust);
    if (c.isDouble)
      expectProduct<double>(*compiled, c);
    else
      expectProduct<float>(*compiled, c);
  }
  std::unique_ptr<ProductCompiler> compiler;
};

TEST_P(Contract, EveryOrderOfOperandsAtOddSizes) {
  const Contiguous orders[] = {Contiguous::None, Contiguous::Outer, Contiguous::Reduction};
  std::mt19937 random(3);
  auto size = [&] { return int64_t(1 + random() % 33); };
  for (Contiguous a : orders)
    for (Contiguous b : orders)
      for (bool isStatic : {true, false})
        for (bool isDouble : {true, false})
          check({1 + int64_t(random() % 3), size(), size(), size(), a, b, isStatic, isDouble});
}

TEST_P(Contract, DynamicSizesTakeAnyValue) {
  for (Contiguous order : {Contiguous::Outer, Contiguous::Reduction}) {
    ProductCase c{1, 1, 1, 1, order, order, false, false};
    auto compiled = compiler->compile(c);
    for (int64_t m : {1, 2, 4, 5, 15, 31, 150})
      for (int64_t n : {1, 15, 33, 70})
        for (int64_t k : {1, 7, 17, 40}) {
          c.m = m, c.n = n, c.k = k, c.batch = 1 + (m + n) % 3;
          expectProduct<float>(*compiled, c);
        }
  }
}

TEST_P(Contract, RowsAloneAreKnownAtRunTime) {
  for (Contiguous order : {Contiguous::Outer, Contiguous::Reduction})
    for (auto [n, k] : {std::pair<int64_t, int64_t>{84, 120}, {20, 41}, {403, 1301}}) {
      ProductCase c{1, 1, n, k, order, order, true, false};
      c.dynamicRows = true;
      auto compiled = compiler->compile(c);
      for (int64_t m : {1, 2, 3, 4, 5, 8, 13, 64, 131}) {
        c.m = m;
        expectProduct<float>(*compiled, c);
      }
    }
}

TEST_P(Contract, LargerThanOneBlock) {
  for (bool isStatic : {true, false}) {
    check({1, 307, 403, 1301, Contiguous::Reduction, Contiguous::Reduction, isStatic, false});
    check({1, 307, 403, 301, Contiguous::Outer, Contiguous::Outer, isStatic, true});
  }
}

TEST_P(Contract, OneRowReadsTheMatrixInPlace) {
  check({1, 1, 1000, 1000, Contiguous::Reduction, Contiguous::Reduction, true, false});
  check({1, 3, 77, 1001, Contiguous::Reduction, Contiguous::Reduction, true, true});
  check({2, 1, 517, 130, Contiguous::Reduction, Contiguous::Outer, true, false});
}

TEST_P(Contract, WeightsPackedAheadAreReadInPlace) {
  for (bool isStatic : {true, false})
    for (int64_t m : {1, 29, 200}) {
      ProductCase c{2, m, 75, 41, Contiguous::Reduction, Contiguous::Outer, isStatic, false};
      c.packedB = true;
      check(c);
    }
}

TEST_P(Contract, ResultsAreStoredTransposed) {
  for (Contiguous a : {Contiguous::None, Contiguous::Outer, Contiguous::Reduction})
    for (bool dynamicRows : {true, false})
      for (auto [m, n, k] : {std::tuple<int64_t, int64_t, int64_t>{1, 16, 9}, {8, 32, 40}, {49, 96, 700}, {50, 48, 1301}, {300, 112, 33}}) {
        ProductCase c{2, m, n, k, a, Contiguous::Outer, true, false};
        c.packedB = c.storesTransposed = true;
        c.dynamicRows = dynamicRows;
        check(c);
      }
}

TEST_P(Contract, SplitReductionsAddUpInASecondPhase) {
  auto split = [](cpu::ContractSchedule &schedule) {
    schedule.splits = 3;
    schedule.blockReduction = 32;
  };
  for (Contiguous order : {Contiguous::Outer, Contiguous::Reduction}) {
    check({2, 9, 35, 161, order, order, true, false}, split);
    check({1, 40, 21, 97, order, order, true, true}, split);
  }
}

TEST_P(Contract, EveryRegisterTile) {
  for (int64_t vectors = 1; vectors <= 4; ++vectors)
    for (int64_t rows : {1, 3, 6})
      check({1, 13, 131, 19, Contiguous::Reduction, Contiguous::Outer, true, false},
            [&](cpu::ContractSchedule &schedule) {
              schedule.tileRows = rows;
              schedule.tileVectors = vectors;
              schedule.blockRows = 2 * rows;
              schedule.blockColumns = schedule.tileColumns();
            });
}

INSTANTIATE_TEST_SUITE_P(Targets, Contract, testing::Values("x86-64-v3", "x86-64-v4"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
