/* Parameters by name, training, gradients, save and load. Takes a folder to
 * write to, and a library that exports other_* beside the linked scale_*. */
#include "check.h"
#include "scale.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static scale_model *create(int64_t seed) {
  scale_model *model;
  char error[512];
  scale_options options = SCALE_OPTIONS_INIT;
  options.seed = seed;
  CHECK(scale_create(&options, &model, error, sizeof error) == NNC_OK);
  return model;
}

static const float x[3] = {1, 1, 1};
static const int64_t target[1] = {0};

static float train(scale_model *model) {
  float loss;
  CHECK(scale_train_step(model, 1, x, target, &loss) == NNC_OK);
  return loss;
}

static int64_t integer(scale_model *model, const char *name) {
  int64_t value;
  CHECK(scale_parameter_get(model, name, &value, sizeof value) == NNC_OK);
  return value;
}

static void parameters(void) {
  scale_model *model = create(0);
  float w[3], y[3];
  CHECK(SCALE_PARAMETER_COUNT == 1 && SCALE_PARAMETER_ELEMENTS == 3);
  CHECK(scale_parameter_count() == 1 && !scale_parameter_name(1));
  CHECK_TEXT(scale_parameter_name(0), "fc.weight");
  CHECK(scale_parameter_bytes("tied.weight") == 12 && scale_parameter_bytes("nothing") == 0);
  CHECK(scale_parameter_get(model, "fc.weight", w, sizeof w) == NNC_OK && w[2] == 3);
  CHECK(scale_parameter_get(model, "fc.weight", w, 8) == NNC_INVALID_ARGUMENT);
  CHECK_TEXT(scale_last_error(model), "'fc.weight' (float32) has 12 bytes, 8 were given");
  CHECK(scale_parameter_set(model, "fc.bias", w, 12) == NNC_NOT_FOUND);
  CHECK_TEXT(scale_last_error(model), "scale has no parameter or buffer 'fc.bias'");
  CHECK(scale_parameter_get(model, "doubled", w, 12) == NNC_NOT_FOUND);
  CHECK(scale_parameter_get(model, "fc.weight", NULL, 12) == NNC_INVALID_ARGUMENT);

  /* `prepare` runs before forward, and again only after a change. */
  CHECK(scale_forward(model, 1, x, y) == NNC_OK && y[2] == 6);
  CHECK(scale_forward(model, 1, x, y) == NNC_OK && integer(model, "prepares") == 1);
  w[0] = 10;
  CHECK(scale_parameter_set(model, "tied.weight", w, sizeof w) == NNC_OK);
  CHECK(scale_forward(model, 1, x, y) == NNC_OK && y[0] == 20);
  train(model);
  CHECK(scale_forward(model, 1, x, y) == NNC_OK && y[0] == 19.5f);
  CHECK(integer(model, "prepares") == 3);
  scale_destroy(model);
}

static void training(void) {
  scale_model *model = create(100), *second = create(100);
  float loss, w[3];
  CHECK(train(model) == 106); /* 1 + 2 + 3, and the seed */
  CHECK(scale_forward_backward(second, 1, x, target, &loss) == NNC_OK && loss == 106);
  CHECK(scale_forward_backward(second, 1, x, target, &loss) == NNC_OK);
  CHECK(scale_parameter_get(second, "grad:fc.weight", w, 12) == NNC_OK && w[0] == 2);
  CHECK(scale_zero_grad(second) == NNC_OK);
  CHECK(scale_parameter_get(second, "grad:fc.weight", w, 12) == NNC_OK && w[0] == 0);
  CHECK(scale_set_lr(second, -1) == NNC_INVALID_ARGUMENT);
  CHECK(scale_set_lr(second, 0.5) == NNC_OK);
  CHECK(scale_forward_backward(second, 1, x, target, &loss) == NNC_OK);
  CHECK(scale_optimizer_step(second) == NNC_OK);
  CHECK(scale_parameter_get(second, "fc.weight", w, 12) == NNC_OK && w[0] == 0.5f);
  CHECK(scale_parameter_get(model, "fc.weight", w, 12) == NNC_OK && w[0] == 0.75f);
  CHECK(integer(second, "random/step") == 1 && integer(second, "bn.num_batches_tracked") == 3);
  scale_destroy(model);
  scale_destroy(second);
}

static void resume(const char *path) {
  scale_model *model = create(7), *resumed = create(8);
  float first[4], again[4];
  CHECK(scale_set_lr(model, 0.125) == NNC_OK);
  train(model);
  train(model);
  CHECK(scale_save(model, path) == NNC_OK);
  CHECK(scale_load(resumed, path) == NNC_OK);
  for (int i = 0; i < 4; ++i) {
    first[i] = train(model);
    again[i] = train(resumed);
  }
  CHECK(memcmp(first, again, sizeof first) == 0 && integer(resumed, "random/step") == 6);
  CHECK(scale_save(model, path) == NNC_OK); /* over the old file */
  scale_destroy(model);
  scale_destroy(resumed);
}

static char *read_all(const char *path, long *size) {
  FILE *file = fopen(path, "rb");
  CHECK(file);
  char *bytes = malloc(1 << 16);
  *size = (long)fread(bytes, 1, 1 << 16, file);
  fclose(file);
  return bytes;
}

static void write_all(const char *path, const void *bytes, long size) {
  FILE *file = fopen(path, "wb");
  CHECK(file && fwrite(bytes, 1, (size_t)size, file) == (size_t)size && fclose(file) == 0);
}

/* Loads `header` with `data` zero bytes behind it; the message must contain `text`. */
static void refuses(const char *path, const char *header, long data, const char *text) {
  char bytes[4096] = {0};
  const uint64_t length = strlen(header);
  memcpy(bytes, &length, 8);
  memcpy(bytes + 8, header, length);
  write_all(path, bytes, (long)(8 + length) + data);
  scale_model *model = create(3);
  float w[3];
  const int status = scale_load(model, path);
  if (status != NNC_BAD_FILE || !strstr(scale_last_error(model), text)) {
    fprintf(stderr, "header %s: status %d, message %s\n", header, status, scale_last_error(model));
    exit(1);
  }
  CHECK(scale_parameter_get(model, "fc.weight", w, 12) == NNC_OK && w[2] == 3);
  scale_destroy(model);
}

#define WEIGHT "\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}"
#define PREPARES "\"prepares\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[12,20]}"
#define COUNTER "\"bn.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[12,20]}"

static void bad_files(const char *path) {
  refuses(path, "{", 0, "its header breaks at byte 9");
  refuses(path, "{}", 0, "lacks 'fc.weight' and 2 more");
  refuses(path, "{} x", 0, "its header breaks");
  refuses(path, "{\"fc.weight\":3}", 0, "its header breaks");
  refuses(path, "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[3]}}", 0, "its header breaks");
  refuses(path, "{\"a\\u00zz\":{}}", 0, "its header breaks");
  refuses(path, "{" WEIGHT "," COUNTER "}", 20, "lacks 'prepares'");
  refuses(path, "{" WEIGHT "," COUNTER "," PREPARES "}", 19,
          "the data of 'bn.num_batches_tracked' lies outside of the file (truncated?)");
  refuses(path, "{\"fc.weight\":{\"dtype\":\"F64\",\"shape\":[3],\"data_offsets\":[0,24]}}", 24,
          "'fc.weight' has the dtype F64, must be F32");
  refuses(path, "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[3,1],\"data_offsets\":[0,12]}}", 12,
          "'fc.weight' has 2 axes, must have 1");
  refuses(path, "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", 16,
          "axis 0 of 'fc.weight' has the size 4, must be 3");
  refuses(path, "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 12,
          "'fc.weight' has 8 bytes of data, its shape needs 12");
  refuses(path, "{\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}", 12,
          "scale has no parameter or buffer 'fc.bias'");
  refuses(path,
          "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,"
          "99999999999999999999999]}}",
          12, "its header breaks");
  refuses(path,
          "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[18446744073709551612,"
          "8]}}",
          12, "lies outside of the file");
  refuses(path, "{" WEIGHT "," COUNTER "," PREPARES
          ",\"optimizer/lr\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}",
          20, "lacks 'random/seed' and 2 more");
}

/* Weights alone, as PyTorch writes them, with escapes, metadata and what a model
 * may lack; the training state stays. */
static void weights_alone(const char *path) {
  static const char header[] =
      "{ \"__metadata__\" : {\"format\":\"p\\\"t\"},"
      "\"f\\u0063.weight\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]},"
      "\"tied.weight\":{\"dtype\":\"F32\",\"shape\":[ 3 ],\"data_offsets\":[0,12]},"
      "\"bn2.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[12,20]},"
      COUNTER "," PREPARES "}   ";
  char bytes[4096] = {0};
  const uint64_t length = sizeof header - 1;
  memcpy(bytes, &length, 8);
  memcpy(bytes + 8, header, length);
  write_all(path, bytes, (long)(8 + length) + 20);
  scale_model *model = create(5);
  train(model);
  float w[3];
  CHECK(scale_load(model, path) == NNC_OK);
  CHECK(scale_parameter_get(model, "fc.weight", w, 12) == NNC_OK && w[2] == 0);
  CHECK(integer(model, "random/step") == 1 && integer(model, "random/seed") == 5);
  scale_destroy(model);
}

/* Every truncation, and every changed byte of the header, is refused or read as
 * something that fits; nothing crashes. */
static void damaged_files(const char *good, const char *path) {
  long size;
  char *bytes = read_all(good, &size);
  uint64_t header;
  memcpy(&header, bytes, 8);
  CHECK(header % 8 == 0);
  scale_model *model = create(0);
  write_all(path, bytes, size);
  for (long length = size - 1; length >= 0; --length) {
    CHECK(truncate(path, length) == 0);
    CHECK(scale_load(model, path) == NNC_BAD_FILE);
  }
  write_all(path, bytes, size);
  const int file = open(path, O_WRONLY);
  for (uint64_t at = 0; at < header + 8; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      const char changed = (char)(bytes[at] ^ (1 << bit));
      CHECK(pwrite(file, &changed, 1, (off_t)at) == 1);
      const int status = scale_load(model, path);
      CHECK(status == NNC_OK || status == NNC_BAD_FILE);
    }
    CHECK(pwrite(file, &bytes[at], 1, (off_t)at) == 1);
  }
  close(file);
  CHECK(scale_load(model, good) == NNC_OK);
  scale_destroy(model);
  free(bytes);
}

static void file_errors(const char *good) {
  scale_model *model = create(0);
  CHECK(scale_load(model, "missing/file") == NNC_IO_ERROR);
  CHECK_TEXT(scale_last_error(model), "cannot read 'missing/file': no such file or directory");
  CHECK(scale_load(model, "/") == NNC_IO_ERROR);
  CHECK_TEXT(scale_last_error(model), "cannot read '/': it is a directory");
  CHECK(scale_load(model, "") == NNC_INVALID_ARGUMENT);
  CHECK(scale_save(model, "missing/file") == NNC_IO_ERROR);
  CHECK_TEXT(scale_last_error(model), "cannot write 'missing/file': no such file or directory");

  /* A disk that takes no more: the old file stays, and nothing beside it. */
  long before, after;
  free(read_all(good, &before));
  signal(SIGXFSZ, SIG_IGN);
  const struct rlimit little = {100, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
  CHECK(setrlimit(RLIMIT_FSIZE, &little) == 0);
  CHECK(scale_save(model, good) == NNC_IO_ERROR);
  CHECK(strstr(scale_last_error(model), "the file would be too large"));
  CHECK(setrlimit(RLIMIT_FSIZE, &all) == 0);
  free(read_all(good, &after));
  char temporary[4096];
  snprintf(temporary, sizeof temporary, "%s.%ld.tmp", good, (long)getpid());
  CHECK(before == after && access(temporary, F_OK) != 0);
  scale_destroy(model);
}

/* A second library in the process keeps its own state. */
static void two_models(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (!library)
    fprintf(stderr, "%s\n", dlerror());
  CHECK(library && !dlsym(library, "nnc_rt_create") && !dlsym(library, "kernel_prepare"));
  int (*other_create)(const scale_options *, scale_model **, char *, size_t);
  int (*other_forward)(scale_model *, int64_t, const float *, float *);
  int (*other_set)(scale_model *, const char *, const void *, size_t);
  void (*other_destroy)(scale_model *);
  *(void **)&other_create = dlsym(library, "other_create");
  *(void **)&other_forward = dlsym(library, "other_forward");
  *(void **)&other_set = dlsym(library, "other_parameter_set");
  *(void **)&other_destroy = dlsym(library, "other_destroy");
  scale_model *model = create(0), *other;
  CHECK(other_create(NULL, &other, NULL, 0) == NNC_OK);
  const float w[3] = {5, 5, 5};
  float y[3];
  CHECK(other_set(other, "fc.weight", w, sizeof w) == NNC_OK);
  CHECK(scale_forward(model, 1, x, y) == NNC_OK && y[0] == 2);
  CHECK(other_forward(other, 1, x, y) == NNC_OK && y[0] == 10);
  other_destroy(other);
  scale_destroy(model);
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  char good[1024], bad[1024];
  snprintf(good, sizeof good, "%s/good.safetensors", argv[1]);
  snprintf(bad, sizeof bad, "%s/bad.safetensors", argv[1]);
  parameters();
  training();
  resume(good);
  bad_files(bad);
  weights_alone(bad);
  damaged_files(good, bad);
  file_errors(good);
  two_models(argv[2]);
  return 0;
}
