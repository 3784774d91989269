// Trains and classifies through the C++ header.
#include "digits.h"
#include "lenet.hpp"

#include <algorithm>

static int rightOf(lenet::Model &model, int64_t first, int64_t count) {
  std::vector<float> logits(size_t(LENET_FORWARD_OUTPUT_ELEMENTS(count)));
  model.forward(count, images + first * PIXELS, logits.data());
  int right = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float *row = logits.data() + i * 10;
    right += std::max_element(row, row + 10) - row == classes[first + i];
  }
  return right;
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  read_digits(argv[1]);
  constexpr int64_t batch = 50, trained = 3000;
  lenet::Model model;
  const int before = rightOf(model, trained, 1000);
  float loss;
  model.set_lr(4e-3);
  for (int64_t i = 0; i < trained; i += batch)
    model.train_step(batch, images + i * PIXELS, classes + i, &loss);
  const int after = rightOf(model, trained, 1000);
  CHECK(before < 300 && after > 800);

  // Another model takes the state over by name and through a file.
  lenet::Model::Options options = lenet::Model::defaults();
  options.max_batch = 1000;
  lenet::Model copy(options), loaded;
  CHECK(lenet::Model::parameterNames().size() == LENET_PARAMETER_COUNT);
  for (const std::string &name : lenet::Model::parameterNames())
    copy.setParameter(name, model.parameter<float>(name));
  CHECK(rightOf(copy, trained, 1000) == after);
  model.save("checkpoint.safetensors");
  loaded.load("checkpoint.safetensors");
  CHECK(loaded.parameter<float>("fc3.bias") == model.parameter<float>("fc3.bias"));

  try {
    copy.forward(1001, images, nullptr);
    CHECK(!"an error is thrown");
  } catch (const lenet::Error &error) {
    CHECK(error.status == NNC_BAD_SHAPE);
    CHECK_TEXT(error.what(), "forward: N is 1001; allowed are 1 to 1000 (options.max_batch of create)");
  }
  return 0;
}
