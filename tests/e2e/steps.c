/* steps THREADS: what LeNet computes from made-up images, one number a line: logits and, unless it
 * is FROZEN, the losses of some steps of training and the logits of another instance that loads
 * what they made. */
#include "lenet.h"
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 8, PIXELS = 28 * 28, STEPS = 10 };
static float images[BATCH * PIXELS], logits[BATCH * 10];

static void check(lenet_model *model, int32_t status) {
  if (status == NNC_OK)
    return;
  fprintf(stderr, "%s\n", lenet_last_error(model));
  exit(1);
}

static lenet_model *create(const char *threads) {
  lenet_options options = LENET_OPTIONS_INIT;
  lenet_model *model;
  char error[512];
  options.threads = atoi(threads);
  if (lenet_create(&options, &model, error, sizeof error) == NNC_OK)
    return model;
  fprintf(stderr, "%s\n", error);
  exit(1);
}

static void infer(lenet_model *model) {
  check(model, lenet_forward(model, BATCH, images, logits));
  for (int i = 0; i < BATCH * 10; ++i)
    printf("%.9g\n", logits[i]);
}

#ifndef FROZEN
static void train(lenet_model *model) {
  int64_t classes[BATCH];
  for (int i = 0; i < BATCH; ++i)
    classes[i] = i;
  for (int step = 0; step < STEPS; ++step) {
    float loss;
    check(model, lenet_train_step(model, BATCH, images, classes, &loss));
    printf("%.9g\n", loss);
  }
  check(model, lenet_save(model, "lenet.safetensors"));
}
#endif

int main(int argc, char **argv) {
  lenet_model *model = create(argc > 1 ? argv[1] : "1");
  for (int i = 0; i < BATCH * PIXELS; ++i)
    images[i] = (float)(i * 7919 % 1009) / 1009;
  infer(model);
#ifndef FROZEN
  train(model);
  lenet_destroy(model);
  model = create("1");
  check(model, lenet_load(model, "lenet.safetensors"));
  infer(model);
#endif
  lenet_destroy(model);
  return 0;
}
