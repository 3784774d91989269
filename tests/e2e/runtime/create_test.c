/* create, its options and their errors; memory of the caller; threads and the
 * caller's parallel_for; no allocation after create. */
#include "check.h"
#include "scale.h"
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

/* Counts allocations of the whole process while `counting`. */
void *__libc_malloc(size_t);
static volatile int counting, allocations;
void *malloc(size_t bytes) {
  allocations += counting;
  return __libc_malloc(bytes);
}

static void options_are_checked(void) {
  scale_model *model = (scale_model *)1;
  char error[512];
  scale_options options = SCALE_OPTIONS_INIT;
  options.struct_size = 8;
  CHECK(scale_create(&options, &model, error, sizeof error) == NNC_ABI_MISMATCH);
  CHECK(model == NULL);
  CHECK_TEXT(error, "options.struct_size is 8, expected 64: initialise the options with the "
                    "OPTIONS_INIT macro of scale.h");
  options = (scale_options)SCALE_OPTIONS_INIT;
  options.abi_hash ^= 1;
  CHECK(scale_create(&options, &model, error, sizeof error) == NNC_ABI_MISMATCH);
  CHECK(strstr(error, "the header scale.h the program was compiled with is not that of"));
  options = (scale_options)SCALE_OPTIONS_INIT;
  options.max_batch = 129;
  CHECK(scale_create(&options, &model, error, sizeof error) == NNC_BAD_SHAPE);
  CHECK_TEXT(error, "options.max_batch is 129, but N may range from 1 to 128");
  options.max_batch = -1;
  CHECK(scale_create(&options, &model, error, sizeof error) == NNC_INVALID_ARGUMENT);
  options = (scale_options)SCALE_OPTIONS_INIT;
  options.threads = 100000;
  CHECK(scale_create(&options, &model, error, sizeof error) == NNC_INVALID_ARGUMENT);
  CHECK_TEXT(error, "options.threads is 100000, must be 0 to 1024");
  CHECK(scale_create(NULL, NULL, error, sizeof error) == NNC_INVALID_ARGUMENT);
  CHECK(scale_create(&options, &model, NULL, 0) == NNC_INVALID_ARGUMENT);
  scale_destroy(NULL);
}

static void memory_of_the_caller(void) {
  char error[512];
  scale_model *model;
  scale_options options = SCALE_OPTIONS_INIT;
  options.max_batch = 16;
  const size_t bytes = SCALE_ARENA_BYTES(16, 1);
  CHECK(bytes > 0 && bytes < SCALE_ARENA_BYTES(128, 1) && SCALE_ARENA_BYTES(129, 1) == 0);
  void *memory;
  CHECK(posix_memalign(&memory, SCALE_MEMORY_ALIGNMENT, bytes) == 0);
  memset(memory, 0xff, bytes);
  CHECK(scale_create_with_memory(&options, memory, bytes - 1, &model, error, sizeof error) ==
        NNC_INVALID_ARGUMENT);
  CHECK(strstr(error, "bytes, the model needs"));
  CHECK(scale_create_with_memory(&options, (char *)memory + 8, bytes, &model, error,
                                 sizeof error) == NNC_INVALID_ARGUMENT);
  CHECK_TEXT(error, "the memory must be aligned to 64 bytes");
  CHECK(scale_create_with_memory(&options, memory, bytes, &model, error, sizeof error) == NNC_OK);
  float x[17 * 3] = {1, 1, 1}, y[17 * 3];
  CHECK(scale_forward(model, 1, x, y) == NNC_OK && y[0] == 2 && y[1] == 4 && y[2] == 6);
  CHECK(scale_forward(model, 17, x, y) == NNC_BAD_SHAPE);
  CHECK_TEXT(scale_last_error(model),
             "forward: N is 17; allowed are 1 to 16 (options.max_batch of create)");
  scale_destroy(model);
  free(memory);
}

static float x[128 * 3], y[128 * 3], expected[128 * 3];
static const int64_t targets[128];

static void forward_matches(scale_model *model) {
  memset(y, 0, sizeof y);
  CHECK(scale_forward(model, 128, x, y) == NNC_OK);
  CHECK(memcmp(y, expected, sizeof y) == 0);
}

static void threads_agree_and_allocate_nothing(void) {
  for (int i = 0; i < 128 * 3; ++i) {
    x[i] = (float)i;
    expected[i] = x[i] * (float)(2 * (i % 3 + 1));
  }
  for (int64_t threads = 0; threads <= 5; ++threads) {
    scale_options options = SCALE_OPTIONS_INIT;
    options.threads = threads;
    scale_model *model, *other;
    char error[512];
    CHECK(scale_create(&options, &model, error, sizeof error) == NNC_OK);
    CHECK(scale_create(&options, &other, error, sizeof error) == NNC_OK);
    float loss;
    allocations = 0;
    counting = 1;
    for (int repeat = 0; repeat < 300; ++repeat) {
      forward_matches(model);
      if (repeat % 100 == 0)
        usleep(1000); /* lets the workers fall asleep */
    }
    forward_matches(other);
    CHECK(scale_train_step(model, 128, x, targets, &loss) == NNC_OK);
    counting = 0;
    CHECK(allocations == 0);
    /* A forked child has no threads, and works all the same. */
    const pid_t child = fork();
    if (child == 0) {
      forward_matches(other);
      scale_destroy(other);
      _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    scale_destroy(model);
    scale_destroy(other);
  }
  void *probe = malloc(16); /* the count itself works */
  counting = 1;
  free(probe);
  probe = malloc(16);
  counting = 0;
  free(probe);
  CHECK(allocations == 1);
}

static int64_t calls_of_user;
static void backwards(void *context, int64_t tasks, nnc_task task, void *args) {
  const int64_t workers = *(int64_t *)context;
  ++calls_of_user;
  for (int64_t i = tasks - 1; i >= 0; --i)
    task(args, i, i % workers);
}
static void forgets_the_last(void *context, int64_t tasks, nnc_task task, void *args) {
  (void)context;
  for (int64_t i = 0; i < tasks - 1; ++i)
    task(args, i, 0);
}

static void callers_parallel_for(void) {
  char error[512];
  scale_model *model;
  int64_t workers = 3;
  scale_options options = SCALE_OPTIONS_INIT;
  options.parallel_for = backwards;
  options.parallel_for_context = &workers;
  CHECK(scale_create(&options, &model, error, sizeof error) == NNC_INVALID_ARGUMENT);
  CHECK_TEXT(error, "options.max_workers is 0, must be 1 to 1024 where options.parallel_for is set");
  options.max_workers = 3;
  CHECK(scale_create(&options, &model, error, sizeof error) == NNC_OK);
  forward_matches(model);
  CHECK(calls_of_user == 1);
  workers = 4; /* a worker that was not announced */
  CHECK(scale_forward(model, 128, x, y) == NNC_INVALID_ARGUMENT);
  scale_destroy(model);
  options.parallel_for = forgets_the_last;
  CHECK(scale_create(&options, &model, error, sizeof error) == NNC_OK);
  CHECK(scale_forward(model, 128, x, y) != NNC_OK);
  scale_destroy(model);
}

/* The path of a library for a processor with instructions that none has any more. */
static void foreign_processor(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    fprintf(stderr, "%s\n", dlerror());
  CHECK(library);
  int (*create)(const scale_options *, scale_model **, char *, size_t);
  size_t (*arena_bytes)(int64_t, int64_t);
  *(void **)&create = dlsym(library, "foreign_create");
  *(void **)&arena_bytes = dlsym(library, "foreign_arena_bytes");
  CHECK(create && arena_bytes);
  scale_model *model;
  char error[512];
  CHECK(create(NULL, &model, error, sizeof error) == NNC_UNSUPPORTED_CPU);
  CHECK(strstr(error, "does not support xop, which foreign was compiled for (x86-64-v2)"));
  CHECK(arena_bytes(1, 1) == 0);
  dlclose(library);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  options_are_checked();
  memory_of_the_caller();
  threads_agree_and_allocate_nothing();
  callers_parallel_for();
  foreign_processor(argv[1]);
  return 0;
}
