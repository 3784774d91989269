// Pooling and its gradients.
#include "tests/unit/ops_case.h"
#include <cmath>

using namespace mlir;

namespace nnc::test {

namespace {
struct PoolOptions {
  std::vector<int64_t> in, kernel, stride, padding, dilation, out;
  int64_t channels = 3;

  std::vector<int64_t> outSizes() const { return out.empty() ? windowCounts(in, kernel, stride, padding, dilation) : out; }
};

struct Setting {
  const char *name;
  PoolOptions options;
};
} // namespace

static FunctionBuilder::Dims shape(CaseBuilder &b, int64_t channels, const std::vector<int64_t> &rest) {
  FunctionBuilder::Dims dims{b.batch(), b.size(channels)};
  for (int64_t r : rest)
    dims.push_back(b.size(r));
  return dims;
}

/// Calls `body(x, tap)` for the input elements of window `y`, in order.
static void forEachTap(const PoolOptions &o, Index y, function_ref<void(Index x, int64_t tap)> body) {
  int64_t tap = 0;
  Array(o.kernel).forEach([&](Index t) {
    std::vector<int64_t> x{y[0], y[1]};
    bool inside = true;
    for (size_t d = 0; d < t.size(); ++d) {
      x.push_back(y[d + 2] * o.stride[d] - o.padding[d] + t[d] * o.dilation[d]);
      inside &= x.back() >= 0 && x.back() < o.in[d];
    }
    if (inside)
      body(x, tap);
    ++tap;
  });
}

static Case maxPool(std::string name, PoolOptions o) {
  auto build = [=](CaseBuilder &b) {
    Value x = b.input(shape(b, o.channels, o.in));
    nn::MaxPoolOp pool = b.nn::Builder::maxPool(x, shape(b, o.channels, o.outSizes()), o.kernel, o.stride, o.padding, o.dilation);
    b.output(pool.getResult());
    b.output(pool.getPosition());
  };
  return {"max_pool", name, build, [=](const Arrays &in, Arrays &out) {
            out[0].forEach([&](Index y) {
              double best = -INFINITY;
              forEachTap(o, y, [&](Index x, int64_t tap) {
                if (in[0].at(x) > best) {
                  best = in[0].at(x);
                  out[1].at(y) = tap;
                }
              });
              out[0].at(y) = best;
            });
          }};
}

// Positions come from a pool in the same function: any others would be nonsense.
static Case maxPoolGrad(std::string name, PoolOptions o) {
  auto build = [=](CaseBuilder &b) {
    Value x = b.input(shape(b, o.channels, o.in));
    auto pooled = shape(b, o.channels, o.outSizes());
    nn::MaxPoolOp pool = b.nn::Builder::maxPool(x, pooled, o.kernel, o.stride, o.padding, o.dilation);
    Value dy = b.input(pooled);
    b.output(b.maxPoolGrad(dy, pool.getPosition(), shape(b, o.channels, o.in), o.kernel, o.stride, o.padding, o.dilation));
  };
  Reference reference = [=](const Arrays &in, Arrays &out) {
    std::fill(out[0].data.begin(), out[0].data.end(), 0);
    in[1].forEach([&](Index y) {
      double best = -INFINITY;
      std::vector<int64_t> where;
      forEachTap(o, y, [&](Index x, int64_t) {
        if (in[0].at(x) > best) {
          best = in[0].at(x);
          where = std::vector<int64_t>(x);
        }
      });
      out[0].at(where) += in[1].at(y);
    });
  };
  return {"max_pool_grad", name, build, reference, /*checkGradient=*/false};
}

static Case sumPool(std::string name, PoolOptions o) {
  auto build = [=](CaseBuilder &b) {
    Value x = b.input(shape(b, o.channels, o.in));
    b.output(b.sumPool(x, shape(b, o.channels, o.outSizes()), o.kernel, o.stride, o.padding, o.dilation));
  };
  return {"sum_pool", name, build, each([=](const Arrays &in, Index y) {
            double total = 0;
            forEachTap(o, y, [&](Index x, int64_t) { total += in[0].at(x); });
            return total;
          })};
}

static Case sumPoolGrad(std::string name, PoolOptions o) {
  auto build = [=](CaseBuilder &b) {
    Value dy = b.input(shape(b, o.channels, o.outSizes()));
    b.output(b.sumPoolGrad(dy, shape(b, o.channels, o.in), o.kernel, o.stride, o.padding, o.dilation));
  };
  return {"sum_pool_grad", name, build, [=](const Arrays &in, Arrays &out) {
            std::fill(out[0].data.begin(), out[0].data.end(), 0);
            in[0].forEach([&](Index y) {
              forEachTap(o, y, [&](Index x, int64_t) { out[0].at(x) += in[0].at(y); });
            });
          }};
}

std::vector<Case> poolCases() {
  using B = CaseBuilder;
  std::vector<Case> cases = {
      {"sum_pool", "avg_pool that does not count padding", [](B &b) {
         b.output(b.avgPool(b.input({b.batch(), 2, 6, 5}), {3, 3}, {2, 2}, {1, 1}, false, false, std::nullopt));
       }},
      {"sum_pool", "avg_pool in ceil mode", [](B &b) {
         b.output(b.avgPool(b.input({b.batch(), 2, 6, 5}), {3, 2}, {2, 2}, {1, 0}, true, true, std::nullopt));
       }},
      {"sum_pool", "adaptive_avg_pool", [](B &b) { b.output(b.adaptiveAvgPool(b.input({b.batch(), 2, 6, 4}), {3, 2})); }},
      {"max_pool", "with torch's indices", [](B &b) {
         auto [y, indices] = b.maxPoolWithIndices(b.input({b.batch(), 2, 6, 5}), {3, 2}, {2, 2}, {1, 0}, {1, 1}, false);
         b.output(y);
         b.output(indices);
       }},
  };
  const Setting settings[] = {
      {"2x2", {{6, 8}, {2, 2}, {2, 2}, {0, 0}, {1, 1}, {}}},
      {"rows left over", {{7, 5}, {2, 2}, {2, 2}, {0, 0}, {1, 1}, {}}},
      {"overlapping", {{7, 6}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {}}},
      {"stride 1", {{5, 6}, {3, 2}, {1, 1}, {1, 0}, {1, 1}, {}}},
      {"dilated", {{8, 7}, {2, 3}, {2, 1}, {0, 1}, {2, 2}, {}}},
      {"ceil mode: a window reaches out", {{5, 6}, {2, 3}, {2, 3}, {0, 0}, {1, 1}, {3, 2}}},
      {"1d", {{9}, {3}, {2}, {1}, {1}, {}}},
      {"3d", {{4, 4, 3}, {2, 2, 2}, {2, 1, 1}, {0, 0, 1}, {1, 1, 1}, {}}},
      {"the whole plane", {{4, 4}, {4, 4}, {4, 4}, {0, 0}, {1, 1}, {}}},
      {"17 channels", {{4, 4}, {2, 2}, {2, 2}, {0, 0}, {1, 1}, {}, 17}},
  };
  for (const Setting &s : settings) {
    cases.push_back(maxPool(s.name, s.options));
    cases.push_back(maxPoolGrad(s.name, s.options));
    cases.push_back(sumPool(s.name, s.options));
    cases.push_back(sumPoolGrad(s.name, s.options));
  }
  // 12 x 12 positions do not fit a byte.
  cases.push_back(maxPool("positions of 32 bits", {{13, 12}, {12, 12}, {1, 1}, {0, 0}, {1, 1}, {}}));
  cases.push_back(maxPoolGrad("positions of 32 bits", {{13, 12}, {12, 12}, {1, 1}, {0, 0}, {1, 1}, {}}));
  return cases;
}

} // namespace nnc::test
