// Convolutions and their gradients against the definition, term by term:
// strides, paddings, dilations, groups, one to three dimensions, sizes known or
// not, and schedules that a shape alone would not choose.
#include "dialects/nn/Conv/Winograd.h"
#include "tests/unit/contract_harness.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace nnc;
using namespace nnc::test;
using Direction = cpu::ConvolutionDirection;

namespace {

int64_t product(const std::vector<int64_t> &sizes) {
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  return count;
}

std::string describe(const ConvolutionCase &c) {
  auto list = [](const std::vector<int64_t> &values) {
    std::string text;
    for (int64_t value : values)
      text += (text.empty() ? "" : "x") + std::to_string(value);
    return text;
  };
  const char *names[] = {"forward", "input gradient", "weight gradient"};
  return std::string(names[int(c.direction)]) + " batch " + std::to_string(c.batch) + " channels " +
         std::to_string(c.inChannels) + "->" + std::to_string(c.outChannels) + " groups " +
         std::to_string(c.groups) + " input " + list(c.input) + " kernel " + list(c.kernel) +
         " stride " + list(c.stride) + " padding " + list(c.padding) + " dilation " +
         list(c.dilation) + (!c.isStatic ? " dynamic" : c.dynamicBatch ? " dynamic batch" : " static") + (c.isDouble ? " f64" : " f32");
}

/// Calls term(x, w, y) with the positions of every product in y += x * w.
template <typename Term> void forEachTerm(const ConvolutionCase &c, Term term) {
  // Rank 3, with ones in front.
  auto three = [](std::vector<int64_t> values, int64_t fill) {
    values.insert(values.begin(), 3 - values.size(), fill);
    return values;
  };
  auto in = three(c.input, 1), out = three(c.output(), 1), kernel = three(c.kernel, 1);
  auto stride = three(c.stride, 1), padding = three(c.padding, 0), dilation = three(c.dilation, 1);
  int64_t inGroup = c.inChannels / c.groups, outGroup = c.outChannels / c.groups;
  for (int64_t image = 0; image < c.batch; ++image)
    for (int64_t k = 0; k < c.outChannels; ++k)
      for (int64_t ch = 0; ch < inGroup; ++ch)
        for (int64_t o = 0; o < product(out); ++o)
          for (int64_t t = 0; t < product(kernel); ++t) {
            int64_t place[3] = {o / (out[1] * out[2]), o / out[2] % out[1], o % out[2]};
            int64_t tap[3] = {t / (kernel[1] * kernel[2]), t / kernel[2] % kernel[1],
                              t % kernel[2]};
            int64_t at = 0;
            bool inside = true;
            for (int i = 0; i < 3; ++i) {
              int64_t index = place[i] * stride[i] - padding[i] + tap[i] * dilation[i];
              inside &= index >= 0 && index < in[i];
              at = at * in[i] + index;
            }
            if (inside)
              term((image * c.inChannels + k / outGroup * inGroup + ch) * product(in) + at,
                   (k * inGroup + ch) * product(kernel) + t,
                   (image * c.outChannels + k) * product(out) + o);
          }
}

/// The filter as a direct sum reads it, [group][panel][reduced channel][tap][lane].
template <typename T>
std::vector<T> packedFilter(const ConvolutionCase &c, const T *w, int64_t lanes) {
  bool adjoint = c.direction == Direction::InputGradient;
  int64_t filters = c.outChannels / c.groups, channels = c.inChannels / c.groups;
  int64_t result = adjoint ? channels : filters, reduced = adjoint ? filters : channels;
  int64_t panels = (result + lanes - 1) / lanes, taps = product(c.kernel);
  std::vector<T> packed(c.groups * panels * reduced * taps * lanes + 64);
  for (int64_t g = 0; g < c.groups; ++g)
    for (int64_t m = 0; m < result; ++m)
      for (int64_t r = 0; r < reduced; ++r)
        for (int64_t tap = 0; tap < taps; ++tap) {
          int64_t filter = g * filters + (adjoint ? r : m), channel = adjoint ? m : r;
          packed[(((g * panels + m / lanes) * reduced + r) * taps + tap) * lanes + m % lanes] =
              w[(filter * channels + channel) * taps + tap];
        }
  return packed;
}

/// The filter in Winograd's domain, [panel][product][reduced channel][lane].
std::vector<float> winogradFilter(const ConvolutionCase &c, const float *w, int64_t lanes) {
  const nn::Winograd &winograd = nn::Winograd::of(c.winograd);
  bool adjoint = c.direction == Direction::InputGradient;
  int64_t result = adjoint ? c.inChannels : c.outChannels;
  int64_t reduced = adjoint ? c.outChannels : c.inChannels;
  int64_t panels = (result + lanes - 1) / lanes, points = winograd.points;
  std::vector<float> packed(points * points * panels * reduced * lanes);
  for (int64_t i = 0; i < points; ++i)
    for (int64_t j = 0; j < points; ++j)
      for (int64_t m = 0; m < result; ++m)
        for (int64_t r = 0; r < reduced; ++r) {
          double sum = 0;
          for (int64_t a = 0; a < 3; ++a)
            for (int64_t b = 0; b < 3; ++b) {
              int64_t at = adjoint ? (r * result + m) * 9 + 8 - (a * 3 + b)
                                   : (m * reduced + r) * 9 + a * 3 + b;
              sum += winograd.filter[i * 3 + a] * winograd.filter[j * 3 + b] * w[at];
            }
          packed[((m / lanes * points * points + i * points + j) * reduced + r) * lanes + m % lanes] = sum;
        }
  return packed;
}

template <typename T>
void expectConvolution(CompiledProduct &compiled, const ConvolutionCase &c, int64_t lanes) {
  int64_t xSize = c.batch * c.inChannels * product(c.input);
  int64_t wSize = c.outChannels * c.inChannels / c.groups * product(c.kernel);
  int64_t ySize = c.batch * c.outChannels * product(c.output());
  std::mt19937 random(5);
  std::uniform_real_distribution<T> uniform(-1, 1);
  auto fill = [&](int64_t count) {
    std::vector<T> values(count + 64, T(NAN));
    for (int64_t i = 0; i < count; ++i)
      values[i] = uniform(random);
    return values;
  };
  auto x = fill(xSize), w = fill(wSize), y = fill(ySize);
  const T *first = nullptr, *second = nullptr;
  int64_t count = 0;
  std::vector<double> expected, terms;
  auto accumulate = [&](auto &values, auto &others, auto pick, int64_t size) {
    expected.assign(size, 0);
    terms.assign(size, 0);
    forEachTerm(c, [&](int64_t ix, int64_t iw, int64_t iy) {
      auto [to, a, b] = pick(ix, iw, iy);
      expected[to] += double(values[a]) * double(others[b]);
      terms[to] += std::abs(double(values[a]) * double(others[b]));
    });
    first = values.data(), second = others.data(), count = size;
  };
  using Index = std::array<int64_t, 3>;
  if (c.direction == Direction::Forward)
    accumulate(x, w, [](int64_t a, int64_t b, int64_t o) { return Index{o, a, b}; }, ySize);
  else if (c.direction == Direction::InputGradient)
    accumulate(y, w, [](int64_t o, int64_t b, int64_t a) { return Index{o, a, b}; }, xSize);
  else
    accumulate(x, y, [](int64_t a, int64_t o, int64_t b) { return Index{o, a, b}; }, wSize);

  std::vector<T> result(count + 64, T(7));
  std::vector<int64_t> sizes = {c.batch};
  sizes.insert(sizes.end(), c.input.begin(), c.input.end());
  for (int64_t size : c.output())
    sizes.push_back(size);
  std::vector<T> packed;
  if (c.packed) {
    if constexpr (std::is_same_v<T, float>)
      packed = c.winograd ? winogradFilter(c, second, lanes) : packedFilter(c, second, lanes);
    else
      packed = packedFilter(c, second, lanes);
    second = packed.data();
  }
  compiled.run(first, second, result.data(), sizes);
  compiled.checkScratch();
  // Winograd's transforms lose up to about a digit.
  double epsilon = std::is_same_v<T, double> ? 2e-15 : c.winograd == 4 ? 1e-5 : 1e-6;
  for (int64_t i = 0; i < count; ++i)
    ASSERT_NEAR(result[i], expected[i], epsilon * (1 + terms[i])) << describe(c) << " at " << i;
  for (int64_t i = count; i < count + 64; ++i)
    ASSERT_EQ(result[i], T(7)) << describe(c) << ": written past the end";
}

class ContractConvolution : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    auto target = targetToRun(GetParam());
    ASSERT_TRUE(bool(target));
    vectorBytes = target->vectorBytes;
    compiler = std::make_unique<ProductCompiler>(*target, TaskOrder::AsThreadsMight);
  }
  /// `splits`: partial sums of the weight gradient, 0 leaves them to the schedule.
  void check(ConvolutionCase c, Adjust<cpu::ConvolutionSchedule> adjust = nullptr,
             int64_t splits = 0) {
    for (Direction direction :
         {Direction::Forward, Direction::InputGradient, Direction::WeightGradient}) {
      c.direction = direction;
      if (c.packed && direction == Direction::WeightGradient)
        continue;
      auto compiled = compiler->compile(c, [&](cpu::ConvolutionSchedule &schedule) {
        if (adjust)
          adjust(schedule);
        if (splits && direction == Direction::WeightGradient)
          schedule.splits = splits;
      });
      expect(*compiled, c);
      for (int64_t batch : {1, 2, 5})
        if (c.dynamicBatch) {
          ConvolutionCase other = c;
          other.batch = batch;
          expect(*compiled, other);
        }
    }
  }
  void expect(CompiledProduct &compiled, const ConvolutionCase &c) {
    if (c.isDouble)
      expectConvolution<double>(compiled, c, vectorBytes / sizeof(double));
    else
      expectConvolution<float>(compiled, c, vectorBytes / sizeof(float));
  }
  std::unique_ptr<ProductCompiler> compiler;
  int64_t vectorBytes = 0;
};

constexpr Direction any = Direction::Forward; // `check` goes through all three

TEST_P(ContractConvolution, LeNet) {
  check({any, 3, 1, 1, 6, {28, 28}, {5, 5}, {1, 1}, {2, 2}, {1, 1}, true, false});
  check({any, 3, 1, 6, 16, {14, 14}, {5, 5}, {1, 1}, {0, 0}, {1, 1}, true, false});
}

TEST_P(ContractConvolution, ResidualNetworkLayers) {
  check({any, 1, 1, 16, 24, {14, 14}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, true, false});
  check({any, 1, 1, 16, 24, {14, 14}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, true, false});
  check({any, 2, 1, 16, 40, {7, 7}, {1, 1}, {1, 1}, {0, 0}, {1, 1}, true, false});
  check({any, 1, 1, 16, 24, {15, 15}, {1, 1}, {2, 2}, {0, 0}, {1, 1}, true, false});
  check({any, 1, 1, 3, 8, {33, 33}, {7, 7}, {2, 2}, {3, 3}, {1, 1}, true, false});
}

TEST_P(ContractConvolution, DynamicBatchAndSizes) {
  check({any, 3, 1, 4, 5, {9, 37}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, false, false});
  check({any, 2, 1, 4, 5, {20, 41}, {3, 4}, {2, 3}, {1, 2}, {1, 1}, false, true});
}

/// A number from low to high.
int64_t pick(std::mt19937 &random, int64_t low, int64_t high) {
  return low + int64_t(random() % uint64_t(high - low + 1));
}

/// Rounds go through ranks, types, and sizes that are known or not. A group has up to
/// `channels` channels and `filters` filters.
ConvolutionCase randomCase(std::mt19937 &random, int round, int64_t channels, int64_t filters) {
  ConvolutionCase c;
  int rank = 1 + round % 3;
  c.batch = pick(random, 1, 3);
  c.groups = pick(random, 1, 2);
  c.inChannels = c.groups * pick(random, 1, channels);
  c.outChannels = c.groups * pick(random, 1, filters);
  for (int i = 0; i < rank; ++i) {
    c.kernel.push_back(pick(random, 1, 4));
    c.stride.push_back(pick(random, 1, 3));
    c.padding.push_back(pick(random, 0, 3));
    c.dilation.push_back(pick(random, 1, 2));
    c.input.push_back(pick(random, 8, rank == 1 ? 70 : rank == 2 ? 21 : 10));
  }
  c.isStatic = round % 4 != 3;
  c.dynamicBatch = round % 4 == 2;
  c.isDouble = round % 2;
  return c;
}

TEST_P(ContractConvolution, RandomGeometry) {
  std::mt19937 random(11);
  for (int round = 0; round < 14; ++round)
    check(randomCase(random, round, 5, 7));
}

TEST_P(ContractConvolution, BlocksOfChannelsTilesAndSplits) {
  check({any, 4, 1, 7, 9, {13, 19}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, true, false},
        [](cpu::ConvolutionSchedule &schedule) {
          schedule.along = cpu::ConvolutionSchedule::Lanes::Pixels;
          schedule.tile[1] = 3;
          schedule.tile[2] = 8;
          schedule.tileRows = 2;
          schedule.blockChannels = 4;
          schedule.blockReduction = 3;
          schedule.images = 3;
        },
        5);
  check({any, 3, 1, 5, 6, {12, 18}, {3, 5}, {2, 3}, {2, 1}, {1, 1}, true, true},
        [](cpu::ConvolutionSchedule &schedule) {
          schedule.along = cpu::ConvolutionSchedule::Lanes::Pixels;
          schedule.tile[1] = 2;
          schedule.tile[2] = 4;
          schedule.tileRows = 4;
          schedule.blockChannels = 4;
          schedule.blockReduction = 2;
          schedule.images = 2;
        },
        3);
}

TEST_P(ContractConvolution, LanesAlongChannels) {
  using Lanes = cpu::ConvolutionSchedule::Lanes;
  auto alongChannels = [](cpu::ConvolutionSchedule &schedule) {
    schedule.along = Lanes::Channels;
    schedule.tile[1] = 5;
    schedule.tile[2] = 7;
    schedule.tileRows = 6;
    schedule.tileWidth = 3;
    schedule.tileVectors = 1;
    schedule.blockChannels = schedule.lanes;
    schedule.blockReduction = 3;
    schedule.images = 2;
  };
  check({any, 3, 1, 7, 20, {11, 13}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, true, false}, alongChannels);
  check({any, 3, 2, 10, 38, {11, 17}, {2, 5}, {2, 3}, {1, 2}, {1, 1}, true, false}, alongChannels,
        3);
  check({any, 2, 1, 18, 21, {16, 9}, {1, 1}, {2, 1}, {0, 0}, {1, 1}, true, true}, alongChannels);
  check({any, 2, 1, 18, 21, {16, 9}, {3, 4}, {1, 1}, {2, 1}, {2, 1}, false, false},
        alongChannels);
  check({any, 2, 1, 5, 33, {6, 8, 9}, {2, 3, 3}, {1, 1, 2}, {1, 0, 1}, {1, 1, 1}, true, false},
        alongChannels);
}

TEST_P(ContractConvolution, StridesAlongChannels) {
  using Lanes = cpu::ConvolutionSchedule::Lanes;
  auto alongChannels = [](cpu::ConvolutionSchedule &schedule) {
    schedule.along = Lanes::Channels;
    schedule.tile[1] = std::min<int64_t>(schedule.tile[1], 3);
    schedule.tile[2] = 6;
    schedule.tileRows = 4;
    schedule.tileWidth = 4;
    schedule.tileVectors = 2;
    schedule.blockChannels = 2 * schedule.lanes;
    schedule.blockReduction = 3;
    schedule.images = 1;
  };
  // Several tiles along the width.
  check({any, 2, 1, 6, 40, {13, 40}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, true, false}, alongChannels, 3);
  check({any, 2, 1, 6, 40, {13, 40}, {3, 5}, {3, 2}, {1, 2}, {1, 3}, false, false}, alongChannels, 3);
  // Padding wider than a vector, whose zeros the rows of one tile share: also behind the last plane.
  for (int64_t channels : {1, 10}) {
    auto oneTile = [&](cpu::ConvolutionSchedule &schedule) {
      alongChannels(schedule);
      schedule.tile[1] = 1;
      schedule.tile[2] = 100;
      schedule.blockReduction = channels;
    };
    check({any, 2, 1, channels, 18, {200}, {255}, {2}, {127}, {1}, true, false}, oneTile);
    check({any, 1, 1, channels, 18, {200}, {41}, {2}, {20}, {1}, true, true}, oneTile);
  }
}

TEST_P(ContractConvolution, SmallImagesOfManyChannels) {
  check({any, 5, 1, 32, 64, {2, 2}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, true, false});
  check({any, 1, 1, 64, 32, {7, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, true, false});
  check({any, 5, 1, 32, 64, {4, 4}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, true, false});
}

TEST_P(ContractConvolution, PackedFilters) {
  std::mt19937 random(13);
  for (int round = 0; round < 14; ++round) {
    ConvolutionCase c = randomCase(random, round, 9, 40);
    c.packed = true;
    int64_t block = pick(random, 1, 9);
    check(c, [&](cpu::ConvolutionSchedule &schedule) {
      if (round % 5 == 0) {
        schedule.blockChannels = schedule.tileVectors * schedule.lanes;
        schedule.blockReduction = block;
      }
    });
  }
}

TEST_P(ContractConvolution, FilterInFirstLevelCache) {
  std::mt19937 random(17);
  for (int round = 0; round < 14; ++round) {
    ConvolutionCase c = randomCase(random, round, 20, 40);
    c.packed = true;
    int64_t height = pick(random, 1, 6), width = pick(random, 1, 9), block = pick(random, 1, 9);
    check(c, [&](cpu::ConvolutionSchedule &schedule) {
      schedule.keepsFilter = true;
      schedule.tile[1] = height;
      schedule.tile[2] = width;
      schedule.tileRows = 6;
      schedule.tileWidth = 3;
      schedule.tileVectors = 2;
      schedule.blockChannels = schedule.tileVectors * schedule.lanes;
      schedule.blockReduction = block;
      schedule.images = 2;
    });
  }
}

TEST_P(ContractConvolution, Winograd) {
  std::mt19937 random(7);
  auto between = [&](int64_t low, int64_t high) { return pick(random, low, high); };
  for (int64_t winograd : {2, 4})
    for (int round = 0; round < 8; ++round) {
      ConvolutionCase c{any,    between(1, 4),       1,      between(1, 40), between(1, 70), {between(3, 21), between(3, 37)},
                        {3, 3}, {1, 1}, {between(0, 2), between(0, 2)}, {1, 1},      true,        false};
      c.packed = true;
      c.winograd = winograd;
      c.dynamicBatch = round % 4 >= 2;
      // Every other round a schedule of several tasks along every axis.
      int64_t rows = between(1, 3), columns = between(1, 3), images = between(1, 2), registers = between(1, 9);
      check(c, [&](cpu::ConvolutionSchedule &schedule) {
        if (round % 2 == 0)
          return;
        schedule.tile[1] = rows;
        schedule.tile[2] = columns;
        schedule.images = images;
        schedule.tileRows = registers;
        schedule.tileVectors = 2;
        schedule.blockChannels = 2 * schedule.lanes;
        schedule.sharesInputs = !c.dynamicBatch && round % 4 == 1;
      });
    }
  // The last task has fewer images than the others.
  for (bool shares : {false, true}) {
    ConvolutionCase c{any, 7, 1, 12, 20, {7, 6}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, true, false};
    c.packed = true;
    c.winograd = 4;
    check(c, [&](cpu::ConvolutionSchedule &schedule) {
      schedule.images = 3;
      schedule.blockChannels = schedule.tileVectors * schedule.lanes;
      schedule.sharesInputs = shares;
    });
  }
}

TEST_P(ContractConvolution, Depthwise) {
  // Every block of rows and columns: at edges, inside, cut short.
  check({any, 1, 16, 16, 16, {14, 14}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, true, false});
  check({any, 2, 5, 5, 5, {7, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, true, false});
  check({any, 1, 3, 3, 3, {23, 51}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, true, false});
  check({any, 1, 3, 3, 3, {29, 57}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, true, false});
  check({any, 2, 3, 3, 3, {8, 70}, {2, 5}, {3, 4}, {1, 3}, {1, 1}, true, false});
  check({any, 1, 2, 2, 2, {17, 33}, {5, 5}, {2, 2}, {2, 2}, {1, 1}, true, true});
  check({any, 1, 2, 2, 2, {20, 60}, {7, 7}, {1, 1}, {3, 3}, {1, 1}, true, false});
  check({any, 1, 2, 2, 2, {24, 50}, {3, 3}, {1, 1}, {9, 20}, {9, 20}, true, false});
}

TEST_P(ContractConvolution, DynamicBatchOfKnownImages) {
  for (ConvolutionCase c : {
           ConvolutionCase{any, 3, 1, 6, 16, {14, 14}, {5, 5}, {1, 1}, {0, 0}, {1, 1}, true, false},
           ConvolutionCase{any, 3, 1, 16, 24, {14, 14}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, true, false},
           ConvolutionCase{any, 3, 4, 4, 4, {9, 17}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, true, false},
       }) {
    c.dynamicBatch = true;
    check(c);
  }
}

TEST_P(ContractConvolution, DepthwiseMultiplier) {
  check({any, 2, 3, 3, 6, {9, 19}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, true, false});
  check({any, 2, 2, 2, 6, {9, 35}, {3, 4}, {2, 3}, {1, 2}, {1, 1}, true, true});
}

TEST_P(ContractConvolution, DepthwiseOfUnknownSize) {
  check({any, 2, 3, 3, 3, {13, 37}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, false, false});
  check({any, 1, 2, 2, 4, {40, 90}, {5, 3}, {2, 2}, {2, 1}, {1, 1}, false, false});
  check({any, 1, 2, 2, 2, {3, 5}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, false, true});
}

TEST_P(ContractConvolution, DepthwiseOfLargeFilters) {
  // The filter's rows in rounds, and what is left of them.
  check({any, 1, 2, 2, 2, {33, 31}, {15, 13}, {1, 1}, {7, 6}, {1, 1}, true, false});
  check({any, 1, 2, 2, 2, {30, 40}, {14, 11}, {2, 3}, {6, 5}, {1, 1}, true, false});
  check({any, 1, 2, 2, 2, {200}, {50}, {1}, {25}, {1}, true, false});
}

TEST_P(ContractConvolution, DepthwiseOfAllRanks) {
  check({any, 2, 4, 4, 4, {67}, {3}, {1}, {1}, {1}, true, false});
  check({any, 2, 2, 2, 4, {67}, {4}, {3}, {2}, {2}, true, false});
  check({any, 1, 2, 2, 2, {5, 9, 21}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, true, false});
  check({any, 1, 2, 2, 2, {6, 9, 20}, {3, 2, 3}, {2, 2, 2}, {1, 0, 1}, {1, 1, 1}, true, false});
  check({any, 1, 2, 2, 2, {6, 9, 20}, {2, 3, 3}, {1, 2, 2}, {1, 1, 1}, {2, 1, 1}, false, true});
}

INSTANTIATE_TEST_SUITE_P(Targets, ContractConvolution, testing::Values("x86-64-v3", "x86-64-v4"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
