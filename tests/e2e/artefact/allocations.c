/* Neither forward nor train_step allocates, from the first call on, with one
 * thread or two. The program's own malloc and mmap count the calls of all. */
#define _GNU_SOURCE
#include "lenet_state.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);
static volatile int heap_calls, map_calls;

static void *counted(void *memory) {
  __atomic_add_fetch(&heap_calls, 1, __ATOMIC_RELAXED);
  return memory;
}
void *malloc(size_t bytes) { return counted(__libc_malloc(bytes)); }
void *calloc(size_t count, size_t bytes) { return counted(__libc_calloc(count, bytes)); }
void *realloc(void *memory, size_t bytes) { return counted(__libc_realloc(memory, bytes)); }
void *aligned_alloc(size_t alignment, size_t bytes) { return counted(__libc_memalign(alignment, bytes)); }
int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  *memory = counted(__libc_memalign(alignment, bytes));
  return 0;
}
void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
  __atomic_add_fetch(&map_calls, 1, __ATOMIC_RELAXED);
  return (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
}

static void the_count_works(void) {
  heap_calls = 0;
  void *volatile memory = malloc(1);
  memory = realloc(memory, 100);
  free(memory);
  CHECK(heap_calls == 2);
}

static void nothing_after_create(int64_t threads) {
  static float logits[DIGITS * 10];
  static const int64_t batches[] = {1, 64, 1000, 7};
  lenet_options options = LENET_OPTIONS_INIT;
  options.threads = threads;
  map_calls = 0;
  lenet_model *model = create(&options);
  CHECK(map_calls > 0); /* the model's memory: calls of the library are counted, too */
  heap_calls = map_calls = 0;
  for (int i = 0; i < 4; ++i)
    for (int repeat = 0; repeat < 3; ++repeat) {
      CHECK(lenet_forward(model, batches[i], images, logits) == NNC_OK);
      train(model, batches[i], 0, 2);
      usleep(500); /* threads fall asleep */
    }
  CHECK(heap_calls == 0);
  CHECK(map_calls == 0);
  lenet_destroy(model);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  read_digits(argv[1]);
  the_count_works();
  nothing_after_create(1);
  nothing_after_create(2);
  return 0;
}
