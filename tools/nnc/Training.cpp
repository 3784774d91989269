#include "tools/nnc/Training.h"
#include <chrono>
#include <numeric>

using namespace llvm;

namespace nnc::cli {

Expected<Training> Training::create(const Library &library, Instance &instance, Dataset train,
                                    const TrainingPlan &plan) {
  Training training(instance);
  Expected<const Entry *> step = library.entry("train_step"), forward = library.entry("forward");
  if (!step || !forward)
    return joinErrors(step.takeError(), forward.takeError());
  training.step = *step;
  training.forward = *forward;
  training.train = std::move(train);
  training.plan = plan;
  const BoundaryTensor &first = training.step->inputs.front(); // a dataset has at least one column
  if (first.dims.front().kind == BoundaryDim::Static) {
    training.fixedBatch = true;
    training.plan.batch = first.dims.front().value;
    if (training.train.samples < training.plan.batch)
      return createStringError("there are " + Twine(training.train.samples) + " samples, but the model was " +
                               "exported with a fixed batch of " + Twine(training.plan.batch));
  }
  return training;
}

int64_t Training::droppedSamples() const { return fixedBatch ? train.samples % plan.batch : 0; }

Expected<EpochResult> Training::runEpoch(int64_t epoch, StepCallback callback) {
  const std::vector<int64_t> rows = shuffledRows(train.samples, uint64_t(plan.seed), uint64_t(epoch));
  const int64_t used = train.samples - droppedSamples();
  const int64_t steps = (used + plan.batch - 1) / plan.batch;
  const auto start = std::chrono::steady_clock::now();
  double sum = 0;
  for (int64_t i = 0; i < steps; ++i) {
    const int64_t begin = i * plan.batch, count = std::min(plan.batch, used - begin);
    train.gather(ArrayRef(rows).slice(size_t(begin), size_t(count)), batchTensors);
    if (Error error = instance.call(*step, batchTensors, stepOutputs))
      return error;
    const double loss = stepOutputs.front().at(0);
    stepLosses.push_back(loss);
    sum += loss * double(count);
    callback(i + 1, steps, loss);
  }
  EpochResult result;
  result.epoch = epoch;
  result.loss = sum / double(used);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

bool Training::hasClasses() const {
  if (step->inputs.size() != forward->inputs.size() + 1 || forward->outputs.empty())
    return false;
  const BoundaryTensor &target = step->inputs.back(), &logits = forward->outputs.front();
  return target.type == ElementType::I64 && target.dims.size() == 1 && isFloat(logits.type) &&
         logits.dims.size() == 2;
}

Expected<double> Training::accuracy(const Dataset &data) {
  int64_t right = 0, seen = 0;
  std::vector<int64_t> rows(size_t(data.samples));
  std::iota(rows.begin(), rows.end(), 0);
  std::vector<Tensor> inputs, outputs;
  for (int64_t begin = 0; begin < data.samples; begin += plan.batch) {
    const int64_t count = std::min(plan.batch, data.samples - begin);
    if (fixedBatch && count < plan.batch)
      break;
    data.gather(ArrayRef(rows).slice(size_t(begin), size_t(count)), inputs);
    const Tensor targets = std::move(inputs.back());
    inputs.pop_back();
    if (Error error = instance.call(*forward, inputs, outputs))
      return error;
    const int64_t classes = outputs.front().dims.back();
    for (int64_t row = 0; row < count; ++row) {
      int64_t best = 0;
      for (int64_t c = 1; c < classes; ++c)
        if (outputs.front().at(row * classes + c) > outputs.front().at(row * classes + best))
          best = c;
      right += best == targets.data<int64_t>()[row];
    }
    seen += count;
  }
  return seen ? double(right) / double(seen) : 0;
}

} // namespace nnc::cli
