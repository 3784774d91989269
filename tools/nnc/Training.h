// The training loop over a compiled library: epochs of shuffled batches, the
// loss of each step, and the accuracy on data held out.
#pragma once

#include "tools/nnc/Dataset.h"
#include "tools/nnc/Library.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <optional>

namespace nnc::cli {

struct TrainingPlan {
  int64_t batch = 64;
  int64_t firstEpoch = 1; ///< the order of the samples depends on the epoch's number
  int64_t epochs = 1;     ///< the number of the last
  int64_t seed = 0;
};

struct EpochResult {
  int64_t epoch = 0;
  double loss = 0; ///< mean over the samples
  std::optional<double> accuracy;
  double seconds = 0; ///< of training, without the evaluation
};

class Training {
public:
  /// The entries `train_step` and `forward` of the library.
  static llvm::Expected<Training> create(const Library &library, Instance &instance, Dataset train,
                                         const TrainingPlan &plan);

  /// Called after each step with the number of steps done in the epoch.
  using StepCallback = llvm::function_ref<void(int64_t done, int64_t steps, double loss)>;
  llvm::Expected<EpochResult> runEpoch(int64_t epoch, StepCallback callback);

  /// The share of samples whose largest output is at the target class.
  llvm::Expected<double> accuracy(const Dataset &data);
  /// Whether the model's first output and the last column are logits and classes.
  bool hasClasses() const;

  const std::vector<double> &losses() const { return stepLosses; }
  const Dataset &data() const { return train; }
  /// Samples of an incomplete last batch that a model with a fixed batch cannot take.
  int64_t droppedSamples() const;

private:
  Training(Instance &instance) : instance(instance) {}

  Instance &instance;
  const Entry *step = nullptr, *forward = nullptr;
  Dataset train;
  TrainingPlan plan;
  bool fixedBatch = false;
  std::vector<double> stepLosses;
  std::vector<Tensor> batchTensors, stepOutputs;
};

} // namespace nnc::cli
