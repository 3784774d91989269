/* Typed calls, calls by name, and what they refuse. */
#include "check.h"
#include "scale.h"

static scale_model *model;

static nnc_tensor tensor(void *data, enum nnc_dtype dtype, int32_t rank, int64_t d0, int64_t d1) {
  nnc_tensor result = {data, dtype, rank, {d0, d1}};
  return result;
}

static void typed_calls(void) {
  float x[6] = {1, 2, 3, 4, 5, 6}, y[6], loss;
  int64_t target[2] = {9, -100};
  CHECK(SCALE_FORWARD_X_ELEMENTS(2) == 6 && SCALE_N_MAX == 128);
  CHECK(scale_forward(model, 0, x, y) == NNC_BAD_SHAPE);
  CHECK_TEXT(scale_last_error(model), "forward: N is 0; allowed are 1 to 128");
  CHECK(scale_forward(model, 2, NULL, y) == NNC_INVALID_ARGUMENT);
  CHECK_TEXT(scale_last_error(model), "forward: input 'x' is a null pointer");
  CHECK(scale_forward(model, 2, x, NULL) == NNC_INVALID_ARGUMENT);
  CHECK_TEXT(scale_last_error(model), "forward: output 'y' is a null pointer");
  CHECK(scale_forward(model, 1, (float *)((char *)x + 1), y) == NNC_INVALID_ARGUMENT);
  CHECK_TEXT(scale_last_error(model), "forward: input 'x' (float32) must be aligned to 4 bytes");
  CHECK(scale_forward(model, 1, x, x + 2) == NNC_INVALID_ARGUMENT);
  CHECK_TEXT(scale_last_error(model), "forward: output 'y' overlaps input 'x' in memory");
  CHECK(scale_forward(model, 1, x, x + 3) == NNC_OK);
  CHECK(scale_forward(NULL, 1, x, y) == NNC_INVALID_ARGUMENT);
  CHECK(scale_failing(model) == NNC_INTERNAL);
  CHECK_TEXT(scale_last_error(model), "failing: kernel 3 asked for an element outside of a tensor; the results are "
                                      "not valid: this is an error in nnc, not in the model");

  target[1] = 10;
  CHECK(scale_forward_backward(model, 2, x, target, &loss) == NNC_BAD_VALUE);
  CHECK_TEXT(scale_last_error(model), "forward_backward: input 'target' has the value 10 at "
                                      "position 1; allowed are 0 to 9, and -100");
  target[1] = -1;
  CHECK(scale_train_step(model, 2, x, target, &loss) == NNC_BAD_VALUE);
}

static void calls_by_name(void) {
  float x[6] = {1, 1, 1, 2, 2, 2}, y[6], a = 1, e;
  uint8_t n[5] = {0};
  int32_t ramp[11];
  nnc_tensor in = tensor(x, NNC_F32, 2, 2, 3), out = tensor(y, NNC_F32, 2, 2, 3);
  CHECK(scale_call(model, "forward", &in, 1, &out, 1) == NNC_OK && y[5] == 12);
  CHECK(scale_call(model, "forwards", &in, 1, &out, 1) == NNC_NOT_FOUND);
  CHECK_TEXT(scale_last_error(model), "scale has no entry 'forwards'");
  CHECK(scale_call(model, "prepare", NULL, 0, NULL, 0) == NNC_NOT_FOUND);
  CHECK(scale_call(model, "forward", &in, 2, &out, 1) == NNC_INVALID_ARGUMENT);
  CHECK_TEXT(scale_last_error(model), "forward: 2 inputs were given, it takes 1");
  CHECK(scale_call(model, "forward", &in, 1, &out, 0) == NNC_INVALID_ARGUMENT);
  CHECK_TEXT(scale_last_error(model), "forward: 0 outputs were given, it has 1");

  in.dtype = NNC_F64;
  CHECK(scale_call(model, "forward", &in, 1, &out, 1) == NNC_BAD_SHAPE);
  CHECK_TEXT(scale_last_error(model), "forward: input 'x' has the dtype float64, must be float32");
  in = tensor(x, NNC_F32, 1, 2, 3);
  CHECK(scale_call(model, "forward", &in, 1, &out, 1) == NNC_BAD_SHAPE);
  CHECK_TEXT(scale_last_error(model), "forward: input 'x' has 1 axes, must have 2");
  in = tensor(x, NNC_F32, 2, 2, 4);
  CHECK(scale_call(model, "forward", &in, 1, &out, 1) == NNC_BAD_SHAPE);
  CHECK_TEXT(scale_last_error(model), "forward: axis 1 of input 'x' has the size 4, must be 3");
  in = tensor(x, NNC_F32, 2, 129, 3);
  CHECK(scale_call(model, "forward", &in, 1, &out, 1) == NNC_BAD_SHAPE);
  CHECK_TEXT(scale_last_error(model),
             "forward: axis 0 (N) of input 'x' has the size 129; allowed are 1 to 128");
  in = tensor(x, NNC_F32, 2, 1, 3);
  CHECK(scale_call(model, "forward", &in, 1, &out, 1) == NNC_BAD_SHAPE);
  CHECK_TEXT(scale_last_error(model), "forward: axis 0 of output 'y' has the size 2, must be 1");
  out.dtype = NNC_I32;
  CHECK(scale_call(model, "forward", &in, 1, &out, 1) == NNC_BAD_SHAPE);
  CHECK_TEXT(scale_last_error(model), "forward: output 'y' has the dtype int32 and 2 axes, must "
                                      "have float32 and 2");

  nnc_tensor pair[2] = {tensor(x, NNC_F32, 2, 2, 3), tensor(ramp, NNC_I64, 1, 1, 0)};
  CHECK(scale_call(model, "train_step", pair, 2, &out, 1) == NNC_BAD_SHAPE);
  CHECK_TEXT(scale_last_error(model), "train_step: axis 0 (N) of input 'target' has the size 1, "
                                      "but axis 0 of input 'x' has 2");

  /* A computed size: y [2 N + 1]. */
  in = tensor(NULL, NNC_U8, 1, 5, 0);
  out = tensor(ramp, NNC_F32, 0, 0, 0);
  CHECK(scale_output_dims(model, "ramp", &in, 1, &out, 1) == NNC_OK);
  CHECK(out.dtype == NNC_I32 && out.rank == 1 && out.dims[0] == 11);
  in.data = n;
  CHECK(scale_call(model, "ramp", &in, 1, &out, 1) == NNC_OK && ramp[10] == 5);
  CHECK(scale_ramp(model, 5, n, ramp) == NNC_OK);
  out.dims[0] = 10;
  CHECK(scale_call(model, "ramp", &in, 1, &out, 1) == NNC_BAD_SHAPE);

  /* libm through its versioned symbol. */
  CHECK(scale_exponential(model, &a, &e) == NNC_OK && e > 2.718f && e < 2.719f);
}

int main(void) {
  char error[512];
  CHECK(scale_create(NULL, &model, error, sizeof error) == NNC_OK);
  CHECK(strstr(scale_signature(), "\"entries\":[{\"name\":\"forward\",\"inputs\":[{\"name\":\"x\","
                                  "\"dtype\":\"float32\",\"dims\":[\"N\",3]}]"));
  CHECK(!strstr(scale_signature(), "prepare\""));
  typed_calls();
  calls_by_name();
  scale_destroy(model);
  return 0;
}
