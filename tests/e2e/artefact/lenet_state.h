/* What the programs of this folder do with a LeNet again and again: create it,
 * train it on consecutive batches, and compare its parameters. */
#ifndef LENET_STATE_H
#define LENET_STATE_H

#include "digits.h"
#include "lenet.h"

static inline lenet_model *create(const lenet_options *options) {
  lenet_model *model;
  char error[512];
  if (lenet_create(options, &model, error, sizeof error) != NNC_OK) {
    fprintf(stderr, "%s\n", error);
    exit(1);
  }
  return model;
}

/* Steps first .. last-1 of an epoch in batches of `batch`; returns the last loss. */
static inline float train(lenet_model *model, int64_t batch, int first, int last) {
  float loss = 0;
  for (int64_t step = first; step < last; ++step)
    CHECK(lenet_train_step(model, batch, images + step * batch * PIXELS, classes + step * batch, &loss) == NNC_OK);
  return loss;
}

typedef struct parameters {
  float values[LENET_PARAMETER_ELEMENTS];
} parameters;

/* All parameters, or with "grad:" as the prefix their gradients, in the order of the header. */
static inline void get_all(lenet_model *model, const char *prefix, parameters *all) {
  float *next = all->values;
  for (size_t i = 0; i < lenet_parameter_count(); ++i) {
    char name[64];
    snprintf(name, sizeof name, "%s%s", prefix, lenet_parameter_name(i));
    const size_t bytes = lenet_parameter_bytes(name);
    CHECK(lenet_parameter_get(model, name, next, bytes) == NNC_OK);
    next += bytes / sizeof(float);
  }
  CHECK(next == all->values + LENET_PARAMETER_ELEMENTS);
}

static inline int equal(const parameters *a, const parameters *b) { return memcmp(a, b, sizeof *a) == 0; }

#endif
