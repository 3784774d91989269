// The interface of scale_kernels.c, as the compiler would state it.
#pragma once

#include "codegen/library/ModelInterface.h"

namespace nnc {

inline const float scaleWeights[3] = {1, 2, 3};
inline const float scaleLearningRate = 0.25f;

inline ModelInterface scaleInterface(std::string name) {
  const BoundaryDim batch{BoundaryDim::Symbol, 0}, three{BoundaryDim::Static, 3};
  const BoundaryTensor x{"x", ElementType::F32, {batch, three}, false, {}};
  const BoundaryTensor y{"y", ElementType::F32, {batch, three}, false, {}};
  const BoundaryTensor target{"target", ElementType::I64, {batch}, true, {0, 10, true, -100}};
  const BoundaryTensor loss{"loss", ElementType::F32, {}, false, {}};
  const BoundaryTensor n{"n.1", ElementType::U8, {batch}, false, {}};
  const BoundaryTensor ramp{"int", ElementType::I32, {{BoundaryDim::Computed, 0}}, false, {}};
  const BoundaryTensor scalar{"a", ElementType::F32, {}, false, {}};
  ModelInterface model;
  model.name = std::move(name);
  model.symbols = {{"N", 1, 128}};
  auto entry = [](std::string name, std::vector<BoundaryTensor> inputs,
                  std::vector<BoundaryTensor> outputs) {
    return Entry{name, "kernel_" + name, "kernel_arena", "", inputs, outputs};
  };
  model.entries = {entry("forward", {x}, {y}),
                   entry("prepare", {}, {}),
                   entry("train_step", {x, target}, {loss}),
                   entry("forward_backward", {x, target}, {loss}),
                   entry("optimizer_step", {}, {}),
                   entry("ramp", {n}, {ramp}),
                   entry("exponential", {scalar}, {loss}),
                   entry("failing", {}, {})};
  model.entries[5].shapeSymbol = "kernel_ramp_shape";
  auto variable = [&](StateVariable::Kind kind, std::string name, ElementType type,
                      std::vector<int64_t> dims, int64_t initial) {
    StateVariable v;
    v.kind = kind;
    v.name = std::move(name);
    v.type = type;
    v.dims = std::move(dims);
    v.offset = 64 * model.state.size();
    v.initialOffset = initial;
    model.state.push_back(v);
  };
  variable(StateVariable::Parameter, "fc.weight", ElementType::F32, {3}, 0);
  variable(StateVariable::Buffer, "bn.num_batches_tracked", ElementType::I64, {}, -1);
  variable(StateVariable::LearningRate, "lr", ElementType::F32, {}, 64);
  variable(StateVariable::Seed, "seed", ElementType::I64, {}, -1);
  variable(StateVariable::Step, "step", ElementType::I64, {}, -1);
  variable(StateVariable::Gradient, "fc.weight", ElementType::F32, {3}, -1);
  variable(StateVariable::OptimizerState, "momentum/fc.weight", ElementType::F32, {3}, -1);
  variable(StateVariable::Prepared, "doubled", ElementType::F32, {3}, -1);
  variable(StateVariable::Buffer, "prepares", ElementType::I64, {}, -1);
  model.state[0].aliases = {"tied.weight"};
  model.state[0].requiresGrad = true;
  model.stateBytes = 64 * model.state.size();
  model.cpu = "x86-64-v2";
  model.cpuFeatures = {"sse2", "popcnt"};
  return model;
}

/// Weights at 0, the learning rate at 64.
inline std::string scaleInitialData() {
  std::string data(128, 0);
  data.replace(0, sizeof scaleWeights, reinterpret_cast<const char *>(scaleWeights),
               sizeof scaleWeights);
  data.replace(64, sizeof scaleLearningRate,
               reinterpret_cast<const char *>(&scaleLearningRate), sizeof scaleLearningRate);
  return data;
}

} // namespace nnc
