/* Two models in one process, each trained and used, while every allocation of the
 * process is counted: none may happen after create. Prints the count. */
#include "lenet.h"
#include "mlp.h"
#include <stdio.h>
#include <stdlib.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
static long allocations;
void *malloc(size_t size) { return ++allocations, __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return ++allocations, __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return ++allocations, __libc_realloc(old, size); }

enum { BATCH = 48 };
static float x[BATCH * 784], a[BATCH * 10], b[BATCH * 10], loss_a, loss_b;
static int64_t target[BATCH];

int main(void) {
  lenet_options lenet_opts = LENET_OPTIONS_INIT;
  mlp_options mlp_opts = MLP_OPTIONS_INIT;
  lenet_model *lenet;
  mlp_model *mlp;
  char error[256];
  lenet_opts.threads = 2;
  if (lenet_create(&lenet_opts, &lenet, error, sizeof error) || mlp_create(&mlp_opts, &mlp, error, sizeof error))
    return fprintf(stderr, "%s\n", error), 1;
  for (int i = 0; i < BATCH * 784; ++i)
    x[i] = (float)(i * 7919 % 1000) / 1000;
  for (int i = 0; i < BATCH; ++i)
    target[i] = i % 10;

  long before = allocations;
  float first_a = 0, first_b = 0;
  for (int step = 0; step < 30; ++step) {
    int count = step % 3 ? BATCH : 7; /* the batch may change from call to call */
    if (lenet_train_step(lenet, count, x, target, &loss_a) || mlp_train_step(mlp, count, x, target, &loss_b) ||
        lenet_forward(lenet, count, x, a) || mlp_forward(mlp, count, x, b))
      return fprintf(stderr, "%s %s\n", lenet_last_error(lenet), mlp_last_error(mlp)), 1;
    if (step == 0)
      first_a = loss_a, first_b = loss_b;
  }
  long during = allocations - before;
  printf("allocations %ld\n", during);
  if (!(loss_a < first_a && loss_b < first_b))
    return fprintf(stderr, "the losses did not fall: %f %f, %f %f\n", first_a, loss_a, first_b, loss_b), 1;
  lenet_destroy(lenet);
  mlp_destroy(mlp);
  free(malloc(1)); /* the counter counts */
  return allocations == before ? fprintf(stderr, "the counter does not count\n"), 1 : during != 0;
}
