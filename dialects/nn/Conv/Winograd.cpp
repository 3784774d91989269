#include "dialects/nn/Conv/Winograd.h"

#include "llvm/Support/ErrorHandling.h"

namespace nnc::nn {

// clang-format off
static constexpr double input2[] = {
    1,  0, -1,  0,
    0,  1,  1,  0,
    0, -1,  1,  0,
    0, -1,  0,  1};
static constexpr double filter2[] = {
    1,      0,    0,
    1. / 2,  1. / 2, 1. / 2,
    1. / 2, -1. / 2, 1. / 2,
    0,      0,    1};
static constexpr double output2[] = {
    1, 1,  1, 0,
    0, 1, -1, 1};

static constexpr double input4[] = {
    4,  0, -5,  0, 1, 0,
    0, -4, -4,  1, 1, 0,
    0,  4, -4, -1, 1, 0,
    0, -2, -1,  2, 1, 0,
    0,  2, -1, -2, 1, 0,
    0,  4,  0, -5, 0, 1};
static constexpr double filter4[] = {
     1. / 4,   0,        0,
    -1. / 6,  -1. / 6,  -1. / 6,
    -1. / 6,   1. / 6,  -1. / 6,
     1. / 24,  1. / 12,  1. / 6,
     1. / 24, -1. / 12,  1. / 6,
     0,        0,        1};
static constexpr double output4[] = {
    1, 1,  1, 1,  1, 0,
    0, 1, -1, 2, -2, 0,
    0, 1,  1, 4,  4, 0,
    0, 1, -1, 8, -8, 1};
// clang-format on

const Winograd &Winograd::of(int64_t outputs) {
  static const Winograd two{2, 4, input2, filter2, output2}, four{4, 6, input4, filter4, output4};
  switch (outputs) {
  case 2: return two;
  case 4: return four;
  default: llvm_unreachable("tiles have 2 or 4 outputs along an axis");
  }
}

const Winograd &Winograd::ofProducts(int64_t products) { return of(products == 16 ? 2 : 4); }

} // namespace nnc::nn
