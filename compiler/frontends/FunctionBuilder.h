// The one builder every front end translates into: a function over nn ops with
// named inputs, parameters and buffers, and a method for each torch functional
// (torch's argument names, conventions and type promotion). An argument that torch
// would reject is reported as an MLIR error at the current location; the method
// then returns a null value, which other methods pass on.
#pragma once

#include "codegen/library/ModelInterface.h"
#include "dialects/nn/Builder.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include <optional>

namespace nnc {

/// A Python number among tensor operands: promotes by kind only.
struct Scalar {
  double value = 0;
  bool isFloat = false;
};

/// A tensor or a number.
struct Operand {
  mlir::Value tensor;
  Scalar scalar;
  Operand(mlir::Value tensor) : tensor(tensor) {}
  Operand(double value) : scalar{value, true} {}
  Operand(Scalar scalar) : scalar(scalar) {}
};

class FunctionBuilder : public nn::Builder {
public:
  using Dims = nn::Dims;
  using Ints = llvm::ArrayRef<int64_t>;

  /// Starts `func.func @name` at the end of `module`. Sizes refer to `symbols`
  /// by position: getAffineSymbolExpr(i).
  FunctionBuilder(mlir::ModuleOp module, llvm::StringRef name, llvm::ArrayRef<SymbolInfo> symbols);

  // --- The function's boundary and state (attributes of its arguments and results) ---
  mlir::Value addInput(llvm::StringRef name, llvm::ArrayRef<mlir::AffineExpr> dims, mlir::Type element);
  mlir::Value addParameter(llvm::StringRef name, llvm::ArrayRef<int64_t> dims, mlir::Type element,
                           bool requiresGrad, llvm::ArrayRef<std::string> aliases = {});
  mlir::Value addBuffer(llvm::StringRef name, llvm::ArrayRef<int64_t> dims, mlir::Type element,
                        llvm::ArrayRef<std::string> aliases = {});
  /// A tensor fixed at export; its data travel beside the IR under this name.
  mlir::Value addConstant(llvm::StringRef name, llvm::ArrayRef<int64_t> dims, mlir::Type element);
  /// State that is neither: kind "optimizer", "gradient", "lr", "seed" or "step".
  /// The same (kind, name) twice is the same argument.
  mlir::Value addState(llvm::StringRef kind, llvm::StringRef name, llvm::ArrayRef<int64_t> dims, mlir::Type element);
  /// The new value of an argument that is state (a buffer, a parameter, ...) after this call.
  void updateState(mlir::Value argument, mlir::Value newValue);
  void addOutput(llvm::StringRef name, mlir::Value value);
  /// Clones another function's arguments and body; returns what it returns.
  llvm::SmallVector<mlir::Value> inlineFunction(mlir::func::FuncOp callee, mlir::IRMapping &mapping);
  /// Restricts the values of an integer input (checked at entry): low <= v < high or v == exception.
  void setInputRange(mlir::Value input, int64_t low, int64_t high, int64_t exception);
  /// Runs a rewrite of the body built so far; the outputs, and the values in `tracked`,
  /// follow what the rewrite replaces.
  void rewriteBody(llvm::function_ref<void(mlir::func::FuncOp)> rewrite,
                   llvm::MutableArrayRef<mlir::Value> tracked);
  mlir::func::FuncOp getFunction() { return function; }
  /// The counter of random numbers; null if the function draws none.
  mlir::Value randomStep() { return step; }
  /// Ends the function; the builder is used up.
  mlir::func::FuncOp finish();

  void setLocation(mlir::Location location) { loc = location; }

  // --- Elementwise ---------------------------------------------------------------
  /// A row of the function table ("relu", "add", "gt", "where", "clamp", ...) with
  /// broadcasting and torch's type promotion.
  mlir::Value elementwise(llvm::StringRef function, llvm::ArrayRef<Operand> operands,
                          const std::map<std::string, double> &parameters = {});
  mlir::Value toType(mlir::Value x, mlir::Type element) { return convert(x, element); }

  // --- Products --------------------------------------------------------------------
  /// x [..., in] times weight [out, in] transposed, plus bias [out] (may be null).
  mlir::Value linear(mlir::Value x, mlir::Value weight, mlir::Value bias);
  /// torch.matmul: vectors, matrices and broadcast batches.
  mlir::Value matmul(mlir::Value a, mlir::Value b);
  mlir::Value addmm(mlir::Value input, mlir::Value a, mlir::Value b, double beta, double alpha);

  // --- Convolution, pooling; one value a spatial axis -----------------------------
  /// padding: low and high side may differ (padding='same').
  mlir::Value conv(mlir::Value x, mlir::Value weight, mlir::Value bias, Ints stride, Ints paddingLow,
                   Ints paddingHigh, Ints dilation, int64_t groups);
  mlir::Value convTranspose(mlir::Value x, mlir::Value weight, mlir::Value bias, Ints stride, Ints padding,
                            Ints outputPadding, int64_t groups, Ints dilation);
  mlir::Value maxPool(mlir::Value x, Ints kernel, Ints stride, Ints padding, Ints dilation, bool ceilMode);
  /// The second result of return_indices: flat positions in the input plane, i64.
  std::pair<mlir::Value, mlir::Value> maxPoolWithIndices(mlir::Value x, Ints kernel, Ints stride, Ints padding,
                                                         Ints dilation, bool ceilMode);
  mlir::Value avgPool(mlir::Value x, Ints kernel, Ints stride, Ints padding, bool ceilMode,
                      bool countIncludePad, std::optional<int64_t> divisorOverride);
  mlir::Value adaptiveAvgPool(mlir::Value x, Ints outputSize);
  /// Values, and flat positions in the input plane.
  std::pair<mlir::Value, mlir::Value> adaptiveMaxPool(mlir::Value x, Ints outputSize);

  // --- Reads at computed positions ------------------------------------------------------
  mlir::Value flip(mlir::Value x, Ints axes);
  mlir::Value roll(mlir::Value x, Ints shifts, Ints axes);
  /// mode: reflect, replicate or circular; pairs from the last axis backwards.
  mlir::Value padMode(mlir::Value x, Ints pads, llvm::StringRef mode);
  mlir::Value repeatInterleave(mlir::Value x, int64_t repeats, int64_t axis);
  /// Tensor.unfold: windows along an axis, their elements along a new last one.
  mlir::Value unfold(mlir::Value x, int64_t axis, int64_t length, int64_t step);
  mlir::Value im2col(mlir::Value x, Ints kernel, Ints dilation, Ints padding, Ints stride);
  mlir::Value col2im(mlir::Value x, Ints outputSize, Ints kernel, Ints dilation, Ints padding, Ints stride);
  /// x [N, C, spatial...]; factors: as the caller gave them, or empty.
  mlir::Value upsampleNearest(mlir::Value x, Ints outputSize, llvm::ArrayRef<double> factors, bool exact);
  /// Linear along every axis (bilinear, trilinear), or bicubic.
  mlir::Value upsampleLinear(mlir::Value x, Ints outputSize, llvm::ArrayRef<double> factors, bool alignCorners,
                             bool cubic = false);

  // --- Order, running sums, norms -----------------------------------------------------------
  /// Largest (argmax) or smallest (argmin) elements and their positions; the first of equals.
  std::pair<mlir::Value, mlir::Value> extremum(nn::ReduceKind kind, mlir::Value x, int64_t axis, bool keepdim);
  /// Stable; the first `count`, or all, and their positions.
  std::pair<mlir::Value, mlir::Value> sort(mlir::Value x, int64_t axis, bool descending,
                                           std::optional<int64_t> count = {});
  mlir::Value cumsum(mlir::Value x, int64_t axis);
  mlir::Value cumprod(mlir::Value x, int64_t axis);
  mlir::Value triangle(mlir::Value x, int64_t diagonal, bool lower);
  mlir::Value logSumExp(mlir::Value x, Ints axes, bool keepdim);
  mlir::Value vectorNorm(mlir::Value x, double p, Ints axes, bool keepdim);
  mlir::Value cosineSimilarity(mlir::Value x, mlir::Value y, int64_t axis, double eps);
  mlir::Value pairwiseDistance(mlir::Value x, mlir::Value y, double p, double eps, bool keepdim);

  // --- Attention and the products around it ---------------------------------------------------
  /// torch's scaled_dot_product_attention; mask may be null.
  mlir::Value attention(mlir::Value q, mlir::Value k, mlir::Value v, mlir::Value mask, double dropout, bool causal,
                        std::optional<double> scale, bool training);
  mlir::Value einsum(llvm::StringRef equation, llvm::ArrayRef<mlir::Value> operands);
  mlir::Value bilinear(mlir::Value a, mlir::Value c, mlir::Value weight, mlir::Value bias);

  /// An expression over x0, x1, ... with numbers by name.
  mlir::Value formula(llvm::StringRef text, mlir::ValueRange inputs, mlir::Type element,
                      const std::map<std::string, double> &parameters = {});

  // --- Shape; axes may be negative --------------------------------------------------
  mlir::Value view(mlir::Value x, llvm::ArrayRef<mlir::AffineExpr> dims);
  mlir::Value flatten(mlir::Value x, int64_t start, int64_t end);
  mlir::Value permute(mlir::Value x, Ints order);
  mlir::Value swapAxes(mlir::Value x, int64_t a, int64_t b);
  mlir::Value squeezeAxes(mlir::Value x, Ints axes); ///< only those of size 1
  mlir::Value unsqueezeAxis(mlir::Value x, int64_t axis);
  /// -1 keeps a size (given here as a null expression).
  mlir::Value expand(mlir::Value x, llvm::ArrayRef<mlir::AffineExpr> dims);
  mlir::Value cat(llvm::ArrayRef<mlir::Value> inputs, int64_t axis);
  mlir::Value stack(llvm::ArrayRef<mlir::Value> inputs, int64_t axis);
  /// x[start:end:step] along an axis; clamped as in Python; end may be INT64_MAX.
  mlir::Value sliceAxis(mlir::Value x, int64_t axis, int64_t start, int64_t end, int64_t step);
  mlir::Value select(mlir::Value x, int64_t axis, int64_t index);
  /// Writes `value` over the slice of `x` that sliceAxis reads, or over the one that begins at `start` and is as long as `value`.
  mlir::Value sliceScatter(mlir::Value x, mlir::Value value, int64_t axis, int64_t start, int64_t end, int64_t step);
  mlir::Value sliceScatter(mlir::Value x, mlir::Value value, int64_t axis, int64_t start, int64_t step);
  mlir::Value selectScatter(mlir::Value x, mlir::Value value, int64_t axis, int64_t index);
  /// torch.nn.functional.pad with mode constant: pairs from the last axis backwards.
  mlir::Value constantPad(mlir::Value x, Ints pads, double value);

  // --- Reductions; empty axes: all of them ---------------------------------------------
  mlir::Value sumAxes(mlir::Value x, Ints axes, bool keepdim);
  mlir::Value meanAxes(mlir::Value x, Ints axes, bool keepdim);
  mlir::Value reduceAxes(nn::ReduceKind kind, mlir::Value x, Ints axes, bool keepdim);

  // --- Normalisation ------------------------------------------------------------------
  mlir::Value softmax(mlir::Value x, int64_t axis);
  mlir::Value logSoftmax(mlir::Value x, int64_t axis);
  /// Of batch and instance norm; null if they are not tracked.
  struct RunningStatistics {
    mlir::Value mean, variance;
  };
  /// Batch norm over axis 1. training: batch statistics, and the running ones become
  /// their next values; otherwise the running ones are used.
  mlir::Value batchNorm(mlir::Value x, mlir::Value weight, mlir::Value bias, RunningStatistics &running,
                        bool training, double momentum, double eps);
  /// What instance norm makes of its running statistics: means over the batch.
  RunningStatistics trackInstanceStatistics(mlir::Value x, RunningStatistics running, double momentum);
  mlir::Value rmsNorm(mlir::Value x, int64_t normalizedRank, mlir::Value weight, double eps);
  /// Over the last `normalizedRank` axes.
  mlir::Value layerNorm(mlir::Value x, int64_t normalizedRank, mlir::Value weight, mlir::Value bias, double eps);

  // --- Positions held by a tensor; out-of-range ones in an input are refused at entry ----
  /// Rows of `weight`; row `padding` (-1: none) gets no gradient.
  mlir::Value embedding(mlir::Value weight, mlir::Value index, int64_t padding);
  mlir::Value indexSelect(mlir::Value x, int64_t axis, mlir::Value index);
  /// x[..., index, ...]: an index of any rank, negative ones count from the end.
  mlir::Value indexTensor(mlir::Value x, int64_t axis, mlir::Value index);
  /// torch.gather.
  mlir::Value gatherAxis(mlir::Value x, int64_t axis, mlir::Value index);
  /// x with `value` at the positions that indexTensor reads: instead of what is there, or added to it.
  mlir::Value putTensor(mlir::Value x, int64_t axis, mlir::Value index, mlir::Value value, bool accumulate);
  /// torch.scatter and scatter_add: the same for the elements that gatherAxis reads.
  mlir::Value scatterAxis(mlir::Value x, int64_t axis, mlir::Value index, mlir::Value value, bool accumulate);

  // --- Recurrent layers -------------------------------------------------------------------
  /// Of one layer and direction; both biases or none.
  struct RecurrentWeights {
    mlir::Value input, hidden, inputBias, hiddenBias;
  };
  /// cell: lstm only.
  struct RecurrentState {
    mlir::Value hidden, cell;
  };
  /// torch's lstm, gru and rnn: y, h_n and for lstm c_n. weights[layer * directions + direction];
  /// empty after an error.
  llvm::SmallVector<mlir::Value> recurrent(nn::RecurrenceKind kind, mlir::Value x,
                                           llvm::ArrayRef<RecurrentWeights> weights, RecurrentState initial,
                                           int64_t layers, bool bidirectional, bool batchFirst, double dropout,
                                           bool training);
  /// Recurrent layers over a known number of steps are written out: what they mean, for -O0.
  bool unrollRecurrences = false;

  // --- Random ----------------------------------------------------------------------------
  mlir::Value dropout(mlir::Value x, double p, bool training);
  /// Drops whole channels [N, C, ...] (dropout1d-3d).
  mlir::Value featureDropout(mlir::Value x, double p, bool training);

  // --- Losses ----------------------------------------------------------------------------
  mlir::Value crossEntropy(mlir::Value x, mlir::Value target, mlir::Value weight, nn::Reduction reduction,
                           int64_t ignoreIndex, double labelSmoothing);
  mlir::Value nllLoss(mlir::Value x, mlir::Value target, mlir::Value weight, nn::Reduction reduction,
                      int64_t ignoreIndex);
  /// A pointwise loss of the function table ("mse_loss", "l1_loss", ...) and its reduction.
  mlir::Value pointwiseLoss(llvm::StringRef function, llvm::ArrayRef<Operand> operands,
                            nn::Reduction reduction, const std::map<std::string, double> &parameters = {});

  int64_t axis(mlir::Value x, int64_t a) { return a < 0 ? a + nn::rankOf(x) : a; }
  /// Reports an error at the current location and returns a null value.
  mlir::Value error(const llvm::Twine &message);

private:
  mlir::Value addArgument(llvm::StringRef kind, llvm::StringRef name, mlir::Type type, bool requiresGrad,
                          llvm::ArrayRef<std::string> aliases);
  mlir::Value withBias(mlir::Value y, mlir::Value bias);
  mlir::Value indexed(mlir::Value x, mlir::Value index, int64_t axis, int64_t padding, bool mayBeNegative);
  mlir::Value checkedPositions(mlir::Value x, mlir::Value index, int64_t axis, bool mayBeNegative);
  bool checkElementPositions(mlir::Value x, mlir::Value index, int64_t axis, llvm::StringRef what);
  mlir::Value positions(mlir::AffineExpr count, llvm::StringRef text, mlir::ValueRange others,
                        const std::map<std::string, double> &parameters = {});
  mlir::Value windowPositions(int64_t kernel, mlir::AffineExpr count, int64_t stride, int64_t dilation);
  std::pair<mlir::Value, mlir::Value> adaptiveWindows(mlir::Value x, int64_t axis, int64_t in, int64_t out);
  mlir::Value upToEach(mlir::Value x, int64_t axis, double other);
  std::optional<llvm::SmallVector<int64_t>> constantSizes(mlir::Value x, int64_t first, llvm::StringRef what);
  void requireRange(mlir::Value index, int64_t low, int64_t high);
  RecurrentState recurrence(nn::RecurrenceKind kind, mlir::Value x, const RecurrentWeights &weights,
                            RecurrentState initial, bool reverse, mlir::Value &y);
  Dims lossDims(mlir::Value x, nn::Reduction reduction);
  std::pair<mlir::Value, mlir::Value> randomState(); // seed, step

  mlir::OpBuilder opBuilder;
  mlir::func::FuncOp function;
  llvm::SmallVector<mlir::DictionaryAttr> argumentAttributes;
  llvm::SmallVector<mlir::DictionaryAttr> resultAttributes;
  llvm::SmallVector<mlir::Value> results;
  llvm::SmallVector<std::pair<mlir::Value, mlir::Value>> stateUpdates;
  mlir::Value seed, step;
  int64_t nextSite = 0;
};

} // namespace nnc
