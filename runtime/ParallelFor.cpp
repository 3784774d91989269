// parallel_for: tasks are claimed one by one from a counter, so that a worker
// that the system takes off its core delays at most the task it holds. The
// caller is worker 0 and waits for claimed tasks, never for threads: where the
// threads do not exist (a forked child) it simply runs every task itself.
#include "runtime/Cpu.h"
#include "runtime/Instance.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nnc_runtime {

struct Pool;

struct Worker {
  Pool *pool;
  int64_t index;
  pthread_t thread;
};

struct Pool {
  // generation << 32 | tasks not yet claimed. A claim decrements it, and the job
  // below cannot change until the claimed task is finished.
  alignas(64) uint64_t ticket;
  alignas(64) uint32_t finished; ///< futex of the caller
  uint32_t callerSleeps;
  alignas(64) uint32_t wakeups; ///< futex of the workers
  uint32_t sleepers;
  uint32_t stop;
  alignas(64) nnc_task task;
  void *args;
  uint32_t tasks;
  uint32_t generation;
  int64_t workers; ///< the caller included
  pid_t process;
  Worker worker[1]; ///< workers - 1 of them
};

static void futexWait(uint32_t *address, uint32_t expected) {
  syscall(SYS_futex, address, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

static void futexWake(uint32_t *address, uint32_t count) {
  syscall(SYS_futex, address, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

static bool tasksLeft(Pool *pool) {
  return uint32_t(__atomic_load_n(&pool->ticket, __ATOMIC_SEQ_CST)) != 0;
}

/// Claims and runs tasks until none is left.
static void runTasks(Pool *pool, int64_t worker) {
  uint64_t ticket = __atomic_load_n(&pool->ticket, __ATOMIC_ACQUIRE);
  while (uint32_t left = uint32_t(ticket)) {
    if (!__atomic_compare_exchange_n(&pool->ticket, &ticket, ticket - 1, /*weak=*/false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
      continue;
    const uint32_t tasks = pool->tasks;
    pool->task(pool->args, tasks - left, worker);
    if (__atomic_add_fetch(&pool->finished, 1, __ATOMIC_SEQ_CST) == tasks &&
        __atomic_load_n(&pool->callerSleeps, __ATOMIC_SEQ_CST))
      futexWake(&pool->finished, 1);
    ticket = __atomic_load_n(&pool->ticket, __ATOMIC_ACQUIRE);
  }
}

static void *workerMain(void *argument) {
  Worker *worker = static_cast<Worker *>(argument);
  Pool *pool = worker->pool;
  while (!__atomic_load_n(&pool->stop, __ATOMIC_ACQUIRE)) {
    runTasks(pool, worker->index);
    const uint64_t start = ticks();
    while (!tasksLeft(pool) && ticks() - start < spinTicks())
      relax();
    if (tasksLeft(pool))
      continue;
    // Register as a sleeper first, look once more, then sleep: the caller
    // publishes the tasks first and looks for sleepers then.
    const uint32_t seen = __atomic_load_n(&pool->wakeups, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&pool->sleepers, 1, __ATOMIC_SEQ_CST);
    if (!tasksLeft(pool) && !__atomic_load_n(&pool->stop, __ATOMIC_SEQ_CST))
      futexWait(&pool->wakeups, seen);
    __atomic_sub_fetch(&pool->sleepers, 1, __ATOMIC_SEQ_CST);
  }
  return nullptr;
}

size_t poolBytes(int64_t workers) { return sizeof(Pool) + size_t(workers) * sizeof(Worker); }

bool startPool(Pool *pool, int64_t workers) {
  // The application's signal handlers keep running on its own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pool->process = getpid();
  pool->workers = 1;
  bool started = true;
  for (int64_t i = 1; i < workers && started; ++i) {
    Worker &worker = pool->worker[i - 1];
    worker.pool = pool;
    worker.index = i;
    started = pthread_create(&worker.thread, nullptr, workerMain, &worker) == 0;
    pool->workers += started;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!started)
    stopPool(pool);
  return started;
}

void stopPool(Pool *pool) {
  if (pool->process != getpid()) // a forked child has no threads to join
    return;
  __atomic_store_n(&pool->stop, 1, __ATOMIC_SEQ_CST);
  __atomic_add_fetch(&pool->wakeups, 1, __ATOMIC_SEQ_CST);
  futexWake(&pool->wakeups, uint32_t(pool->workers));
  for (int64_t i = 1; i < pool->workers; ++i)
    pthread_join(pool->worker[i - 1].thread, nullptr);
}

void runInPool(Pool *pool, int64_t tasks, nnc_task task, void *args) {
  pool->task = task;
  pool->args = args;
  pool->tasks = uint32_t(tasks);
  __atomic_store_n(&pool->finished, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&pool->ticket, uint64_t(++pool->generation) << 32 | uint32_t(tasks),
                   __ATOMIC_SEQ_CST);
  __atomic_add_fetch(&pool->wakeups, 1, __ATOMIC_SEQ_CST);
  if (uint32_t sleepers = __atomic_load_n(&pool->sleepers, __ATOMIC_SEQ_CST))
    futexWake(&pool->wakeups, sleepers < tasks ? sleepers : uint32_t(tasks - 1));

  runTasks(pool, 0);

  const uint64_t start = ticks();
  while (__atomic_load_n(&pool->finished, __ATOMIC_ACQUIRE) != uint32_t(tasks) &&
         ticks() - start < spinTicks())
    relax();
  __atomic_store_n(&pool->callerSleeps, 1, __ATOMIC_SEQ_CST);
  for (;;) {
    const uint32_t finished = __atomic_load_n(&pool->finished, __ATOMIC_SEQ_CST);
    if (finished == uint32_t(tasks))
      break;
    futexWait(&pool->finished, finished);
  }
  __atomic_store_n(&pool->callerSleeps, 0, __ATOMIC_RELAXED);
}

/// A job handed to the caller's own parallel_for.
struct UserJob {
  nnc_instance *instance;
  nnc_task task;
  void *args;
  int64_t tasks;
  int64_t finished;
};

/// Refuses indices that would leave the arena's per-worker parts.
static void userTask(void *argument, int64_t task, int64_t worker) {
  UserJob *job = static_cast<UserJob *>(argument);
  if (task < 0 || task >= job->tasks || worker < 0 || worker >= job->instance->workers)
    return;
  job->task(job->args, task, worker);
  __atomic_add_fetch(&job->finished, 1, __ATOMIC_ACQ_REL);
}

} // namespace nnc_runtime

void nnc_parallel_for(nnc_call *call, int64_t tasks, nnc_task task, void *args) {
  using namespace nnc_runtime;
  nnc_instance *instance = call->instance;
  if (instance->workers == 1 || tasks <= 1 || tasks > int64_t(UINT32_MAX)) {
    for (int64_t i = 0; i < tasks; ++i)
      task(args, i, 0);
  } else if (instance->userParallelFor) {
    UserJob job = {instance, task, args, tasks, 0};
    instance->userParallelFor(instance->userContext, tasks, userTask, &job);
    if (__atomic_load_n(&job.finished, __ATOMIC_ACQUIRE) != tasks)
      instance->parallelForFailed = true;
  } else {
    runInPool(instance->pool, tasks, task, args);
  }
  // What `prepare` has read of the library's parameters is hardly needed again.
  if (instance->preparing)
    giveBackInitialData(*instance->model, 0, instance->model->fixed_bytes);
}
