// The C++ header.
#include "check.h"
#include "scale.hpp"

int main(int, char **argv) {
  scale::Model::Options options = scale::Model::defaults();
  options.threads = 2;
  scale::Model first(options), model(std::move(first));
  const float x[3] = {1, 1, 1};
  float y[3];
  model.forward(1, x, y);
  CHECK(y[2] == 6);
  CHECK(scale::Model::parameterNames() == std::vector<std::string>{"fc.weight"});
  model.setParameter("fc.weight", std::vector<float>{4, 4, 4});
  CHECK(model.parameter<float>("tied.weight")[1] == 4);
  model.zero_grad();
  model.set_lr(0.5);
  try {
    model.forward(0, x, y);
    CHECK(!"an error is thrown");
  } catch (const scale::Error &error) {
    CHECK(error.status == NNC_BAD_SHAPE);
    CHECK_TEXT(error.what(), "forward: N is 0; allowed are 1 to 128");
  }
  try {
    model.load(std::string(argv[1]) + "/missing");
    CHECK(!"an error is thrown");
  } catch (const scale::Error &error) {
    CHECK(error.status == NNC_IO_ERROR);
  }
  return 0;
}
