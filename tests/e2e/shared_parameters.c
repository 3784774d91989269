/* A model for inference reads the parameters that `prepare` packs from the library itself:
 * instances share them until one sets its own. Prints "ok". */
#include "mlp.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 5 };
static float x[BATCH * 784], before[BATCH * 10], after[BATCH * 10], other[BATCH * 10];

static mlp_model *create(void) {
  mlp_model *model;
  char error[256];
  if (mlp_create(NULL, &model, error, sizeof error))
    exit((fprintf(stderr, "%s\n", error), 1));
  return model;
}

static void check(int holds, const char *what) {
  if (!holds)
    exit((fprintf(stderr, "does not hold: %s\n", what), 1));
}

/* The parameter's bytes; the caller frees them. */
static float *get(mlp_model *model, const char *name) {
  float *value = malloc(mlp_parameter_bytes(name));
  check(mlp_parameter_get(model, name, value, mlp_parameter_bytes(name)) == NNC_OK, "get");
  return value;
}

int main(void) {
  for (int i = 0; i < BATCH * 784; ++i)
    x[i] = (float)(i * 7919 % 1000) / 1000;
  mlp_model *model = create(), *sibling = create();
  check(mlp_forward(model, BATCH, x, before) == NNC_OK && mlp_forward(sibling, BATCH, x, other) == NNC_OK, "forward");
  check(!memcmp(before, other, sizeof before), "two instances agree");
  for (size_t i = 0; i < mlp_parameter_count(); ++i) {
    const char *name = mlp_parameter_name(i);
    const size_t bytes = mlp_parameter_bytes(name);
    float *mine = get(model, name), *theirs = get(sibling, name), *zeros = calloc(1, bytes);
    check(!memcmp(mine, theirs, bytes) && memcmp(mine, zeros, bytes), "parameters are there after prepare");
    check(mlp_parameter_set(model, name, zeros, bytes) == NNC_OK, "set");
    float *now = get(model, name);
    check(!memcmp(now, zeros, bytes), "what was set is what one gets");
    check(mlp_forward(model, BATCH, x, after) == NNC_OK && memcmp(before, after, sizeof before), "and what forward uses");
    check(mlp_forward(sibling, BATCH, x, other) == NNC_OK && !memcmp(before, other, sizeof before), "a sibling keeps its own");
    check(mlp_parameter_set(model, name, mine, bytes) == NNC_OK, "set back");
    check(mlp_forward(model, BATCH, x, after) == NNC_OK && !memcmp(before, after, sizeof before), "and all is as before");
    free(mine), free(theirs), free(zeros), free(now);
  }
  /* A checkpoint of shared parameters is that of an instance's own. */
  check(mlp_save(sibling, "shared.safetensors") == NNC_OK && mlp_save(model, "own.safetensors") == NNC_OK, "save");
  mlp_model *loaded = create();
  check(mlp_load(loaded, "shared.safetensors") == NNC_OK, "load");
  check(mlp_forward(loaded, BATCH, x, after) == NNC_OK && !memcmp(before, after, sizeof before), "a checkpoint is the same model");
  mlp_destroy(model), mlp_destroy(sibling), mlp_destroy(loaded);
  puts("ok");
  return 0;
}
