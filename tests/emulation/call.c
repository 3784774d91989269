/* call LIBRARY NAME ENTRY <inputs >outputs: calls an entry of the model NAME. A tensor is an
 * nnc_tensor with its elements behind it; before the inputs stand how many there are, and how many
 * outputs the entry has. */
#include "runtime/abi.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void *function(void *library, const char *name, const char *suffix) {
  char symbol[256];
  snprintf(symbol, sizeof symbol, "%s_%s", name, suffix);
  void *address = dlsym(library, symbol);
  if (!address)
    fail(dlerror());
  return address;
}

static size_t bytes(const nnc_tensor *tensor) {
  static const size_t widths[] = {4, 8, 8, 4, 1, 1}; /* by nnc_dtype */
  size_t count = widths[tensor->dtype];
  for (int i = 0; i < tensor->rank; ++i)
    count *= (size_t)tensor->dims[i];
  return count;
}

static void read_all(void *data, size_t size) {
  if (size && fread(data, size, 1, stdin) != 1)
    fail("the inputs are cut off");
}

static void *room(size_t size) {
  void *memory = malloc(size + 1);
  if (!memory)
    fail("out of memory");
  return memory;
}

int main(int argc, char **argv) {
  if (argc != 4)
    fail("usage: call LIBRARY NAME ENTRY");
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!library)
    fail(dlerror());
  int32_t (*create)(const nnc_options *, nnc_instance **, char *, size_t);
  int32_t (*output_dims)(nnc_instance *, const char *, const nnc_tensor *, size_t, nnc_tensor *, size_t);
  int32_t (*call)(nnc_instance *, const char *, const nnc_tensor *, size_t, nnc_tensor *, size_t);
  const char *(*last_error)(const nnc_instance *);
  *(void **)&create = function(library, argv[2], "create");
  *(void **)&output_dims = function(library, argv[2], "output_dims");
  *(void **)&call = function(library, argv[2], "call");
  *(void **)&last_error = function(library, argv[2], "last_error");

  uint64_t counts[2];
  read_all(counts, sizeof counts);
  nnc_tensor *in = room(counts[0] * sizeof *in), *out = room(counts[1] * sizeof *out);
  for (uint64_t i = 0; i < counts[0]; ++i) {
    read_all(&in[i], sizeof in[i]);
    in[i].data = room(bytes(&in[i]));
    read_all(in[i].data, bytes(&in[i]));
  }
  nnc_instance *model;
  char error[512];
  if (create(NULL, &model, error, sizeof error) != NNC_OK)
    fail(error);
  if (output_dims(model, argv[3], in, counts[0], out, counts[1]) != NNC_OK)
    fail(last_error(model));
  for (uint64_t i = 0; i < counts[1]; ++i)
    out[i].data = room(bytes(&out[i]));
  if (call(model, argv[3], in, counts[0], out, counts[1]) != NNC_OK)
    fail(last_error(model));
  for (uint64_t i = 0; i < counts[1]; ++i)
    if (fwrite(&out[i], sizeof out[i], 1, stdout) != 1 ||
        (bytes(&out[i]) && fwrite(out[i].data, bytes(&out[i]), 1, stdout) != 1))
      fail("the outputs cannot be written");
  return 0;
}
