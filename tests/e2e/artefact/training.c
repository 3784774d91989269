/* Training repeats bit by bit: run again, with two threads, with threads of the
 * caller, and with a save and a load in the middle. */
#include "lenet_state.h"
#include <pthread.h>

enum { BATCH = 96, STEPS = 12 };

/* A thread for each of two workers, which share the tasks out between them. */
typedef struct share {
  nnc_task task;
  void *args;
  int64_t tasks, worker;
} share;

static void *run_share(void *argument) {
  const share *mine = argument;
  for (int64_t i = mine->worker; i < mine->tasks; i += 2)
    mine->task(mine->args, i, mine->worker);
  return NULL;
}

static void two_pthreads(void *context, int64_t tasks, nnc_task task, void *args) {
  share even = {task, args, tasks, 0}, odd = {task, args, tasks, 1};
  pthread_t thread;
  ++*(int *)context;
  CHECK(pthread_create(&thread, NULL, run_share, &odd) == 0);
  run_share(&even);
  CHECK(pthread_join(thread, NULL) == 0);
}

/* The parameters after STEPS steps. */
static void whole_run(const lenet_options *options, parameters *result) {
  lenet_model *model = create(options);
  train(model, BATCH, 0, STEPS);
  get_all(model, "", result);
  lenet_destroy(model);
}

/* The same in two halves, the second by another model, which has trained before. */
static void resumed_run(parameters *result) {
  lenet_model *first = create(NULL), *second = create(NULL);
  train(first, BATCH, 0, STEPS / 2);
  CHECK(lenet_save(first, "checkpoint.safetensors") == NNC_OK);
  train(second, BATCH, 20, 25);
  CHECK(lenet_load(second, "checkpoint.safetensors") == NNC_OK);
  train(second, BATCH, STEPS / 2, STEPS);
  get_all(second, "", result);
  lenet_destroy(first);
  lenet_destroy(second);
}

int main(int argc, char **argv) {
  static parameters untrained, expected, again;
  CHECK(argc == 2);
  read_digits(argv[1]);
  lenet_model *model = create(NULL);
  get_all(model, "", &untrained);
  const float before = train(model, 64, 0, 1), after = train(model, 64, 1, DIGITS / 64);
  CHECK(before > 2 && after < before / 2); /* it learns: log(10) at first */
  lenet_destroy(model);

  lenet_options options = LENET_OPTIONS_INIT;
  whole_run(&options, &expected);
  CHECK(!equal(&untrained, &expected));
  whole_run(&options, &again);
  CHECK(equal(&expected, &again));

  options.threads = 2;
  whole_run(&options, &again);
  CHECK(equal(&expected, &again));

  int calls = 0;
  options = (lenet_options)LENET_OPTIONS_INIT;
  options.parallel_for = two_pthreads;
  options.parallel_for_context = &calls;
  options.max_workers = 2;
  whole_run(&options, &again);
  CHECK(calls > STEPS && equal(&expected, &again));

  resumed_run(&again);
  CHECK(equal(&expected, &again));
  return 0;
}
