/* Training in single steps: forward_backward adds to the gradients, which
 * optimizer_step applies; together they are train_step. */
#include "lenet_state.h"
#include <math.h>

enum { BATCH = 64 };

/* The largest difference of a and scale * b, relative to the largest of a. */
static float difference(const parameters *a, const parameters *b, float scale) {
  float largest = 0, error = 0;
  for (int i = 0; i < LENET_PARAMETER_ELEMENTS; ++i) {
    largest = fmaxf(largest, fabsf(a->values[i]));
    error = fmaxf(error, fabsf(a->values[i] - scale * b->values[i]));
  }
  CHECK(largest > 0);
  return error / largest;
}

static float forward_backward(lenet_model *model, int step) {
  float loss;
  CHECK(lenet_forward_backward(model, BATCH, images + step * BATCH * PIXELS, classes + step * BATCH, &loss) == NNC_OK);
  return loss;
}

static void two_halves_are_a_step(void) {
  static parameters whole, halves;
  lenet_model *first = create(NULL), *second = create(NULL);
  for (int step = 0; step < 8; ++step) {
    const float loss = train(first, BATCH, step, step + 1);
    CHECK(fabsf(forward_backward(second, step) - loss) <= 1e-6f * loss);
    CHECK(lenet_optimizer_step(second) == NNC_OK);
    CHECK(lenet_zero_grad(second) == NNC_OK);
  }
  get_all(first, "", &whole);
  get_all(second, "", &halves);
  CHECK(difference(&whole, &halves, 1) <= 1e-6f);
  lenet_destroy(first);
  lenet_destroy(second);
}

static void gradients_add_up(void) {
  static parameters before, once, twice, zero, after;
  lenet_model *model = create(NULL);
  get_all(model, "", &before);
  forward_backward(model, 0);
  get_all(model, "grad:", &once);
  forward_backward(model, 0);
  get_all(model, "grad:", &twice);
  CHECK(difference(&twice, &once, 2) <= 1e-6f);
  get_all(model, "", &after);
  CHECK(equal(&before, &after)); /* only optimizer_step changes parameters */

  CHECK(lenet_zero_grad(model) == NNC_OK);
  get_all(model, "grad:", &after);
  CHECK(equal(&after, &zero)); /* static: all zero */
  forward_backward(model, 0);
  get_all(model, "grad:", &after);
  CHECK(equal(&after, &once));
  lenet_destroy(model);
}

/* Adam's first step is close to the learning rate in every parameter that has a gradient. */
static void learning_rate(void) {
  static parameters before, after;
  const float rates[] = {0, 1e-3f, 0.25f};
  for (int i = 0; i < 3; ++i) {
    lenet_model *model = create(NULL);
    if (i != 1) /* 1e-3 is what it was compiled with */
      CHECK(lenet_set_lr(model, rates[i]) == NNC_OK);
    get_all(model, "", &before);
    train(model, BATCH, 0, 1);
    get_all(model, "", &after);
    float largest = 0;
    for (int j = 0; j < LENET_PARAMETER_ELEMENTS; ++j)
      largest = fmaxf(largest, fabsf(after.values[j] - before.values[j]));
    CHECK(fabsf(largest - rates[i]) <= 1e-3f * rates[i]);
    lenet_destroy(model);
  }
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  read_digits(argv[1]);
  two_halves_are_a_step();
  gradients_add_up();
  learning_rate();
  return 0;
}
