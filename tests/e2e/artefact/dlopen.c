/* Two models in a program that links to libc alone. Their names are global to the
 * process, and still neither disturbs the other: trained in turns they come to the
 * losses that each reaches alone. */
#include "digits.h"
#include <dlfcn.h>

enum { BATCH = 64, STEPS = 10 };

/* The functions of the C header, found by name. */
typedef struct library {
  void *handle;
  int (*create)(const void *options, void **model, char *error, size_t error_size);
  int (*train_step)(void *model, int64_t n, const float *x, const int64_t *target, float *loss);
  void (*destroy)(void *model);
} library;

static void *find(void *handle, const char *name, const char *function) {
  char symbol[64];
  snprintf(symbol, sizeof symbol, "%s_%s", name, function);
  void *address = dlsym(handle, symbol);
  CHECK(address);
  return address;
}

static library open_library(const char *folder, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.so", folder, name);
  library result;
  result.handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (!result.handle)
    fprintf(stderr, "%s\n", dlerror());
  CHECK(result.handle);
  *(void **)&result.create = find(result.handle, name, "create");
  *(void **)&result.train_step = find(result.handle, name, "train_step");
  *(void **)&result.destroy = find(result.handle, name, "destroy");
  return result;
}

static void *create(const library *library) {
  void *model;
  CHECK(library->create(NULL, &model, NULL, 0) == 0);
  return model;
}

static float step(const library *library, void *model, int index) {
  float loss;
  CHECK(library->train_step(model, BATCH, images + index * BATCH * PIXELS, classes + index * BATCH, &loss) == 0);
  return loss;
}

static float train_alone(const library *library) {
  float loss = 0;
  void *model = create(library);
  for (int i = 0; i < STEPS; ++i)
    loss = step(library, model, i);
  library->destroy(model);
  return loss;
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  read_digits(argv[1]);
  library lenet = open_library(argv[1], "lenet");
  const float lenet_alone = train_alone(&lenet);
  library mlp = open_library(argv[1], "mlp");
  const float mlp_alone = train_alone(&mlp);
  CHECK(lenet_alone != mlp_alone);

  float losses[2];
  void *models[2] = {create(&lenet), create(&mlp)};
  for (int i = 0; i < STEPS; ++i) {
    losses[0] = step(&lenet, models[0], i);
    losses[1] = step(&mlp, models[1], i);
  }
  CHECK(losses[0] == lenet_alone && losses[1] == mlp_alone);
  lenet.destroy(models[0]);
  mlp.destroy(models[1]);
  CHECK(dlclose(lenet.handle) == 0);
  CHECK(train_alone(&mlp) == mlp_alone);
  CHECK(dlclose(mlp.handle) == 0);
  return 0;
}
