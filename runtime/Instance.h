// The runtime's private view of a model instance: one block of memory that holds
// this structure, the thread pool, the state and the arena. Everything is sized
// in create; no call allocates afterwards.
#pragma once

#include "runtime/abi.h"

namespace nnc_runtime {

struct Pool;

/// Writes a message into `buffer`, always terminated; returns `status`.
int32_t report(char *buffer, size_t size, int32_t status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/// The text of an errno value, for messages about files.
const char *errnoText(int code);

const char *dtypeName(int32_t dtype);
int64_t dtypeBytes(int32_t dtype);

// The thread pool; see ParallelFor.cpp.
size_t poolBytes(int64_t workers);
/// Starts workers - 1 threads; the caller of parallel_for is worker 0.
bool startPool(Pool *pool, int64_t workers);
void stopPool(Pool *pool);
void runInPool(Pool *pool, int64_t tasks, nnc_task task, void *args);

/// The variable that has this name or alias; null when there is none.
const nnc_variable *findVariable(const nnc_model &model, const char *name, size_t length);

// Parameters that `prepare` alone reads are read where the library holds them, until someone sets one.
/// Where the variable's value is.
const unsigned char *valueOf(const nnc_instance &instance, const nnc_variable &variable);
/// Where it may be changed: the instance's own state.
unsigned char *changeableValueOf(nnc_instance &instance, const nnc_variable &variable);
/// Whole pages among these bytes of the library's initial data leave the process's memory until they are read again.
void giveBackInitialData(const nnc_model &model, uint64_t offset, uint64_t bytes);

} // namespace nnc_runtime

struct nnc_instance {
  const nnc_model *model;
  unsigned char *state;
  const unsigned char *fixed; ///< the first fixed_bytes of the state, or of the initial data
  void *arena;
  nnc_runtime::Pool *pool; ///< null: one worker, or the caller's parallel_for
  int64_t workers;
  nnc_user_parallel_for userParallelFor;
  void *userContext;
  int64_t *boundaryDims; ///< room for all dimensions of the outputs and inputs of any entry
  void **pointers;     ///< room for all inputs and outputs of any entry
  size_t mappedBytes;  ///< 0: the caller's memory
  bool prepareNeeded;
  bool preparing;
  bool parallelForFailed;
  int64_t bounds[NNC_MAX_SYMBOLS]; ///< the largest value of each symbol
  char error[512];
};

#define NNC_FAIL(instance, status, ...)                                                            \
  ::nnc_runtime::report((instance)->error, sizeof((instance)->error), status, __VA_ARGS__)
