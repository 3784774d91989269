// The Window family against the naive one.
#include "tests/unit/families_harness.h"
#include <gtest/gtest.h>

namespace nnc::test {

namespace {

struct Pool {
  std::string attributes, input, output;
  std::string positions = "i8";
};

std::string typed(const std::string &sizes, const std::string &element) { return "T<" + sizes + "," + element + ">"; }

const Pool pools[] = {
    {"{kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>}",
     "N,3,28,28", "N,3,14,14"},
    {"{kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>}",
     "N,3,10,10", "N,3,5,5"},
    {"{kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>}",
     "N,2,15,75", "N,2,7,37"},
    // ceil_mode
    {"{kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>}",
     "N,2,15,75", "N,2,8,38"},
    {"{kernel = array<i64: 3, 3>, stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>}",
     "N,2,13,80", "N,2,7,40"},
    {"{kernel = array<i64: 3, 3>, stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>}",
     "N,2,7,33", "N,2,7,33"},
    {"{kernel = array<i64: 3, 2>, stride = array<i64: 3, 3>, padding = array<i64: 0, 1>, dilation = array<i64: 1, 1>}",
     "N,2,9,35", "N,2,3,12"},
    {"{kernel = array<i64: 2, 3>, stride = array<i64: 1, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 2, 2>}",
     "N,2,9,45", "N,2,9,22"},
    {"{kernel = array<i64: 13, 13>, stride = array<i64: 1, 1>, padding = array<i64: 6, 6>, dilation = array<i64: 1, "
     "1>}",
     "N,1,14,20", "N,1,14,20", "i32"},
    {"{kernel = array<i64: 4, 4>, stride = array<i64: 4, 4>, padding = array<i64: 2, 2>, dilation = array<i64: 1, 1>}",
     "N,1,32,128", "N,1,9,33"},
    {"{kernel = array<i64: 5, 5>, stride = array<i64: 2, 2>, padding = array<i64: 2, 2>, dilation = array<i64: 1, 1>}",
     "N,1,11,50", "N,1,6,25"},
    {"{kernel = array<i64: 3>, stride = array<i64: 2>, padding = array<i64: 1>, dilation = array<i64: 1>}", "N,2,45",
     "N,2,23"},
    {"{kernel = array<i64: 2, 2, 2>, stride = array<i64: 2, 2, 2>, padding = array<i64: 0, 0, 0>, dilation = "
     "array<i64: 1, 1, 1>}",
     "N,2,4,6,20", "N,2,2,3,10"},
    // symbolic width
    {"{kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>}",
     "2,2,N * 2,N * 10", "2,2,N,N * 5"},
    {"{kernel = array<i64: 3, 3>, stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>}",
     "2,2,N * 2,N * 10", "2,2,N,N * 5"},
};

} // namespace

TEST(WindowFamily, MaxPoolWithPositionsAndRelu) {
  for (const Pool &pool : pools) {
    std::string x = typed(pool.input, "f32"), y = typed(pool.output, "f32"),
                position = typed(pool.output, pool.positions);
    SCOPED_TRACE(pool.attributes + " " + x);
    expectLikeNaive("window", {{x},
                               {y, position},
                               "%1:2 = nn.max_pool %0 " + pool.attributes + " : " + x + " -> " + y + ", " + position +
                                   "%2 = nn.map [\"relu(x0)\"] (%1#0) : (" + y + ") -> " + y +
                                   "\n nn.yield %2, %1#1 : " + y + ", " + position,
                               {5}});
  }
}

TEST(WindowFamily, MaxPoolOfF64) {
  const Pool &pool = pools[0];
  std::string x = typed(pool.input, "f64"), y = typed(pool.output, "f64"), position = typed(pool.output, "i8");
  expectLikeNaive("window", {{x},
                             {y},
                             "%1:2 = nn.max_pool %0 " + pool.attributes + " : " + x + " -> " + y + ", " + position +
                                 " nn.yield %1#0 : " + y,
                             {5}});
}

// Many equal values, NaN and infinities: the first of equals wins, NaN stays.
TEST(WindowFamily, MaxPoolOfTies) {
  for (const Pool &pool : {pools[0], pools[4], pools[8]}) {
    std::string x = typed(pool.input, "f32"), n = typed(pool.input, "i64"), y = typed(pool.output, "f32"),
                position = typed(pool.output, pool.positions);
    expectLikeNaive("window", {{n},
                               {y, position},
                               "%9 = nn.map [\"select(x0 == 0, nan, select(x0 < 6, -inf, x0 * 1.0))\"] (%0) : (" + n +
                                   ") -> " + x + "%1:2 = nn.max_pool %9 " + pool.attributes + " : " + x + " -> " + y +
                                   ", " + position + " nn.yield %1#0, %1#1 : " + y + ", " + position,
                               {3}});
  }
}

TEST(WindowFamily, SumPool) {
  for (const Pool &pool : pools) {
    std::string x = typed(pool.input, "f32"), y = typed(pool.output, "f32");
    SCOPED_TRACE(pool.attributes + " " + x);
    expectLikeNaive("window", {{x},
                               {y},
                               "%9 = nn.map [\"relu(x0)\"] (%0) : (" + x + ") -> " + x + "%1 = nn.sum_pool %9 " +
                                   pool.attributes + " : " + x + " -> " + y + "%2 = nn.map [\"x0 * 0.25\"] (%1) : (" +
                                   y + ") -> " + y + "\n nn.yield %2 : " + y,
                               {3},
                               2e-5});
  }
}

TEST(WindowFamily, MaxPoolGradWithReluBackward) {
  for (const Pool &pool : pools) {
    std::string x = typed(pool.input, "f32"), y = typed(pool.output, "f32"),
                position = typed(pool.output, pool.positions);
    SCOPED_TRACE(pool.attributes + " " + x);
    expectLikeNaive("window", {{y, position, x},
                               {x},
                               "%3 = nn.max_pool_grad %0, %1 " + pool.attributes + " : (" + y + ", " + position +
                                   ") -> " + x + "%4 = nn.map [\"select(x1 > 0, x0, 0)\"] (%3, %2) : (" + x + ", " + x +
                                   ") -> " + x + "\n nn.yield %4 : " + x,
                               {3},
                               2e-6,
                               4});
  }
}

TEST(WindowFamily, SumPoolGrad) {
  for (const Pool &pool : pools) {
    std::string x = typed(pool.input, "f32"), y = typed(pool.output, "f32");
    SCOPED_TRACE(pool.attributes + " " + x);
    expectLikeNaive("window",
                    {{y},
                     {x},
                     "%3 = nn.sum_pool_grad %0 " + pool.attributes + " : " + y + " -> " + x + "\n nn.yield %3 : " + x,
                     {3},
                     2e-5});
  }
}

} // namespace nnc::test
