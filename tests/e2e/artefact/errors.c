/* A call that cannot be done says what, where and which values would be right, and
 * leaves the model as it was. */
#include "lenet_state.h"

enum { BATCH = 4 };
static float logits[BATCH * 10], loss;

static void expect(int status, int expected, const lenet_model *model, const char *text) {
  if (status != expected)
    fprintf(stderr, "status %d: %s\n", status, lenet_last_error(model));
  CHECK(status == expected);
  CHECK_TEXT(lenet_last_error(model), text);
}

static void classes_out_of_range(lenet_model *model) {
  const int64_t beyond[BATCH] = {1, 2, 10, 3}, negative[BATCH] = {-1, 0, 0, 0}, ignored[BATCH] = {3, -100, 5, -100};
  expect(lenet_train_step(model, BATCH, images, beyond, &loss), NNC_BAD_VALUE, model,
         "train_step: input 'target' has the value 10 at position 2; allowed are 0 to 9, and -100");
  expect(lenet_forward_backward(model, BATCH, images, negative, &loss), NNC_BAD_VALUE, model,
         "forward_backward: input 'target' has the value -1 at position 0; allowed are 0 to 9, and -100");
  CHECK(lenet_forward_backward(model, BATCH, images, ignored, &loss) == NNC_OK && loss > 0);
}

static void batches_out_of_range(lenet_model *model) {
  expect(lenet_forward(model, 0, images, logits), NNC_BAD_SHAPE, model,
         "forward: N is 0; allowed are 1 to 4 (options.max_batch of create)");
  expect(lenet_train_step(model, 5, images, classes, &loss), NNC_BAD_SHAPE, model,
         "train_step: N is 5; allowed are 1 to 4 (options.max_batch of create)");
}

static nnc_tensor tensor(void *data, int32_t dtype, int32_t rank, int64_t d0, int64_t d1, int64_t d2, int64_t d3) {
  const nnc_tensor result = {data, dtype, rank, {d0, d1, d2, d3}};
  return result;
}

static void calls_by_name(lenet_model *model) {
  const nnc_tensor x = tensor(images, NNC_F32, 4, BATCH, 1, 28, 28);
  nnc_tensor bad, y = tensor(logits, NNC_F32, 2, BATCH, 10, 0, 0), scalar = tensor(&loss, NNC_F32, 0, 0, 0, 0, 0);
  CHECK(lenet_call(model, "forward", &x, 1, &y, 1) == NNC_OK);
  expect(lenet_call(model, "backward", &x, 1, &y, 1), NNC_NOT_FOUND, model, "lenet has no entry 'backward'");
  expect(lenet_call(model, "train_step", &x, 1, &scalar, 1), NNC_INVALID_ARGUMENT, model,
         "train_step: 1 inputs were given, it takes 2");
  bad = x;
  bad.dtype = NNC_F64;
  expect(lenet_call(model, "forward", &bad, 1, &y, 1), NNC_BAD_SHAPE, model,
         "forward: input 'x' has the dtype float64, must be float32");
  bad = tensor(images, NNC_F32, 2, BATCH, PIXELS, 0, 0);
  expect(lenet_call(model, "forward", &bad, 1, &y, 1), NNC_BAD_SHAPE, model,
         "forward: input 'x' has 2 axes, must have 4");
  bad = x;
  bad.dims[3] = 32;
  expect(lenet_call(model, "forward", &bad, 1, &y, 1), NNC_BAD_SHAPE, model,
         "forward: axis 3 of input 'x' has the size 32, must be 28");
  bad = x;
  bad.dims[0] = 2000;
  expect(lenet_call(model, "forward", &bad, 1, &y, 1), NNC_BAD_SHAPE, model,
         "forward: axis 0 (N) of input 'x' has the size 2000; allowed are 1 to 4 (options.max_batch of create)");
  bad = y;
  bad.dims[0] = 3;
  expect(lenet_call(model, "forward", &x, 1, &bad, 1), NNC_BAD_SHAPE, model,
         "forward: axis 0 of output 'output' has the size 3, must be 4");
  const nnc_tensor pair[] = {x, tensor(classes, NNC_I64, 1, 3, 0, 0, 0)};
  expect(lenet_call(model, "train_step", pair, 2, &scalar, 1), NNC_BAD_SHAPE, model,
         "train_step: axis 0 (N) of input 'target' has the size 3, but axis 0 of input 'x' has 4");
}

static void names_and_files(lenet_model *model) {
  float bias[6] = {0};
  expect(lenet_parameter_get(model, "conv1.biases", bias, sizeof bias), NNC_NOT_FOUND, model,
         "lenet has no parameter or buffer 'conv1.biases'");
  expect(lenet_parameter_set(model, "conv1.bias", bias, 20), NNC_INVALID_ARGUMENT, model,
         "'conv1.bias' (float32) has 24 bytes, 20 were given");
  CHECK(lenet_load(model, "missing.safetensors") == NNC_IO_ERROR);
  CHECK(strstr(lenet_last_error(model), "missing.safetensors"));
  CHECK(lenet_save(model, "/proc/none/checkpoint") == NNC_IO_ERROR);
  CHECK(strstr(lenet_last_error(model), "/proc/none/checkpoint"));
}

int main(int argc, char **argv) {
  static parameters before, after;
  CHECK(argc == 2);
  read_digits(argv[1]);
  lenet_options options = LENET_OPTIONS_INIT;
  options.max_batch = BATCH;
  lenet_model *model = create(&options);
  get_all(model, "", &before);
  classes_out_of_range(model);
  batches_out_of_range(model);
  calls_by_name(model);
  names_and_files(model);
  get_all(model, "", &after);
  CHECK(equal(&before, &after));
  CHECK(lenet_forward(model, BATCH, images, logits) == NNC_OK); /* it still works */
  lenet_destroy(model);

  options.abi_hash += 1; /* a header of another library */
  char error[512];
  CHECK(lenet_create(&options, &model, error, sizeof error) == NNC_ABI_MISMATCH && !model);
  CHECK(strstr(error, "the header lenet.h the program was compiled with is not that of this library"));
  return 0;
}
