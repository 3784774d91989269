// Winograd's minimal filtering F(m x m, 3 x 3): m x m results of a 3 x 3 convolution
// from (m + 2)^2 products instead of 9 m^2. With d a tile of (m + 2)^2 inputs and g
// a filter, y = A^T ((G g G^T) * (B^T d B)) A, * element by element (A. Lavin and
// S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
#pragma once

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>

namespace nnc::nn {

/// One size of it, matrices row by row. Interpolation points are 0, 1, -1 (, 2, -2)
/// and infinity: small integers keep the rounding error of f32 within about ten
/// times that of a direct sum.
struct Winograd {
  int64_t outputs;              // m: results of a tile along an axis
  int64_t points;               // m + 2: inputs of a tile, and products, along an axis
  llvm::ArrayRef<double> input;  // B^T [points][points]
  llvm::ArrayRef<double> filter; // G [points][3]
  llvm::ArrayRef<double> output; // A^T [outputs][points]

  /// m = 2 or 4.
  static const Winograd &of(int64_t outputs);
  /// The one whose packed filters have this many products a tile (16 or 36).
  static const Winograd &ofProducts(int64_t products);
};

} // namespace nnc::nn
