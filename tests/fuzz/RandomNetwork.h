// A random network drawn from a seed: blocks of layers, residuals, branches, views,
// recurrent layers, in every argument that torch has and mostly in odd sizes. The
// same seed gives the same network in either mode and either element type.
#pragma once

#include "compiler/Compiler.h"
#include "compiler/frontends/FunctionBuilder.h"
#include <random>

namespace nnc::fuzz {

/// Numbers from a seed, the same with every standard library.
class Draw {
public:
  explicit Draw(uint64_t seed) : generator(seed) {}
  int64_t between(int64_t low, int64_t high) { return low + int64_t(generator() % uint64_t(high - low + 1)); }
  bool chance(int64_t percent) { return between(1, 100) <= percent; }
  template <typename T> T pick(std::initializer_list<T> values) {
    return values.begin()[between(0, int64_t(values.size()) - 1)];
  }

private:
  std::mt19937_64 generator;
};

/// What is known of a network before it is built.
struct Recipe {
  uint64_t seed = 0;
  enum Kind { Planes, Lines, Sequence, Rows } kind = Planes; ///< [N, C, H, W], [N, C, L], [N, T, F], [N, F]
  bool dynamicBatch = false, dynamicLength = false;
  /// No kinks: gradients in f32 then depend on their input continuously.
  bool smooth = false;
  /// Absent: gradients by cotangents.
  std::optional<NamedOptions> loss, optimizer;

  static Recipe draw(uint64_t seed);
  std::vector<SymbolInfo> symbols() const;
  std::string describe() const;
};

/// The bytes of a parameter or buffer, by its name.
using Weights = std::map<std::string, std::vector<char>>;

class RandomNetwork : public FunctionBuilder {
public:
  RandomNetwork(mlir::ModuleOp module, llvm::StringRef name, const Recipe &recipe, mlir::Type element, bool training);
  /// Draws the body and finishes the function.
  void build();

  Weights weights;
  /// Whether a batch norm sees one value a channel and image: a batch of one has no variance.
  bool needsBatch = false;

private:
  using Ints = std::vector<int64_t>;

  // State; the values depend on the name alone.
  mlir::Value parameter(Ints dims, double low, double high);
  mlir::Value weight(Ints dims); ///< of size one over the root of the terms of a sum
  mlir::Value optionalBias(int64_t channels);
  mlir::Value buffer(int64_t channels, double low, double high);
  void fill(const std::string &name, llvm::ArrayRef<int64_t> dims, double low, double high);

  // RandomMaps.cpp: x [N, C, spatial...].
  mlir::Value mapBlock(mlir::Value x);
  mlir::Value sameShape(mlir::Value x);
  mlir::Value convolution(mlir::Value x, int64_t filters, bool keepsSize);
  mlir::Value transposedConvolution(mlir::Value x, int64_t filters);
  mlir::Value padded(mlir::Value x);
  mlir::Value pooling(mlir::Value x);
  mlir::Value resized(mlir::Value x);
  mlir::Value rearranged(mlir::Value x);
  mlir::Value shuffledChannels(mlir::Value x);
  mlir::Value squeezeAndExcitation(mlir::Value x);
  mlir::Value attentionOverPositions(mlir::Value x);
  mlir::Value rowsOfMap(mlir::Value x);
  mlir::Value networkOverMaps();

  // RandomNetwork.cpp
  mlir::Value activation(mlir::Value x);
  mlir::Value batchNormalization(mlir::Value x);
  mlir::Value groupNormalization(mlir::Value x, int64_t groups);
  mlir::Value layerNormalization(mlir::Value x);
  mlir::Value dense(mlir::Value x, int64_t features);
  mlir::Value rowBlock(mlir::Value x); ///< x [N, F]
  mlir::Value recurrentLayers(mlir::Value x);
  mlir::Value networkOverSequences();
  void head(mlir::Value x); ///< x [N, F]

  int64_t sizeAt(mlir::Value x, int64_t axis) { return *nn::constantSize(nn::dimsOf(x)[axis]); }
  mlir::AffineExpr batch();

  Recipe recipe;
  Draw draw;
  mlir::Type element;
  bool training;
  int counter = 0;
};

} // namespace nnc::fuzz
