/* What the compiler would emit for y = 2 * weight * x [N, 3] and its training
 * step, by hand: the smallest model that uses each kind of state and entry. */
#include "runtime/abi.h"

typedef struct State { /* offsets as in write_scale_library.cpp */
  _Alignas(64) float weight[3];
  _Alignas(64) int64_t batches;
  _Alignas(64) float lr;
  _Alignas(64) int64_t seed;
  _Alignas(64) int64_t step;
  _Alignas(64) float grad[3];
  _Alignas(64) float momentum[3];
  _Alignas(64) float doubled[3];
  _Alignas(64) int64_t prepares;
} State;

int64_t kernel_arena(const int64_t *symbols, int64_t workers) {
  return symbols[0] * 64 + workers * 64;
}

int32_t kernel_prepare(nnc_call *call) {
  State *state = call->state;
  for (int j = 0; j < 3; ++j)
    state->doubled[j] = 2 * state->weight[j];
  ++state->prepares;
  return 0;
}

static void forward_row(void *args, int64_t row, int64_t worker) {
  nnc_call *call = args;
  State *state = call->state;
  const float *x = (const float *)call->inputs[0] + row * 3;
  float *y = (float *)call->outputs[0] + row * 3;
  int64_t *rows_of_worker = call->arena;
  for (int j = 0; j < 3; ++j)
    y[j] = state->doubled[j] * x[j];
  ++rows_of_worker[worker * 8]; /* a worker that ran twice at once would lose counts */
}

int32_t kernel_forward(nnc_call *call) {
  int64_t *rows_of_worker = call->arena, rows = 0;
  for (int64_t i = 0; i < call->workers; ++i)
    rows_of_worker[i * 8] = 0;
  nnc_parallel_for(call, call->symbols[0], forward_row, call);
  for (int64_t i = 0; i < call->workers; ++i)
    rows += rows_of_worker[i * 8];
  return rows == call->symbols[0] ? 0 : 7;
}

/* loss = mean over rows of weight . x, counting rows whose target is not -100 */
static float accumulate(nnc_call *call) {
  State *state = call->state;
  const float *x = call->inputs[0];
  const int64_t *target = call->inputs[1];
  float loss = 0;
  for (int64_t i = 0; i < call->symbols[0]; ++i)
    for (int j = 0; j < 3 && target[i] != -100; ++j) {
      loss += state->weight[j] * x[i * 3 + j];
      state->grad[j] += x[i * 3 + j];
    }
  ++state->batches;
  return loss + (float)state->seed;
}

static void update(State *state) {
  for (int j = 0; j < 3; ++j) {
    state->momentum[j] = 0.5f * state->momentum[j] + state->grad[j];
    state->weight[j] -= state->lr * state->momentum[j];
  }
  ++state->step;
}

int32_t kernel_train_step(nnc_call *call) {
  State *state = call->state;
  for (int j = 0; j < 3; ++j)
    state->grad[j] = 0;
  *(float *)call->outputs[0] = accumulate(call);
  update(state);
  return 0;
}

int32_t kernel_forward_backward(nnc_call *call) {
  *(float *)call->outputs[0] = accumulate(call);
  return 0;
}

int32_t kernel_optimizer_step(nnc_call *call) {
  update(call->state);
  return 0;
}

/* y [2 N + 1] = N: a size that no symbol names */
void kernel_ramp_shape(const int64_t *symbols, int64_t *dims) { dims[0] = 2 * symbols[0] + 1; }

int32_t kernel_ramp(nnc_call *call) {
  int32_t *y = call->outputs[0];
  for (int64_t i = 0; i < 2 * call->symbols[0] + 1; ++i)
    y[i] = (int32_t)call->symbols[0];
  return 0;
}

float expf(float);
int32_t kernel_exponential(nnc_call *call) {
  *(float *)call->outputs[0] = expf(*(const float *)call->inputs[0]);
  return 0;
}

int32_t kernel_failing(nnc_call *call) { return 3; }
