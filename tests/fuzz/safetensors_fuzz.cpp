// libFuzzer over the runtime's reader of checkpoints, into a small model. An input that
// looks like JSON is a header: its length is put in front and some data behind.
#include "runtime/Instance.h"
#include "tests/fuzz/MemoryFile.h"
#include <cstring>

static const int64_t matrix[] = {2, 3};
static const char *const tied[] = {"head.weight"};
//                                    key, aliases, dims, offset, bytes, initial, aliases, kind, dtype, rank
static const nnc_variable variables[] = {
    {"fc.weight", tied, matrix, 0, 24, -1, 1, NNC_PARAMETER, NNC_F32, 2},
    {"bn.num_batches_tracked", nullptr, nullptr, 64, 8, -1, 0, NNC_BUFFER, NNC_I64, 0},
    {"optimizer/step", nullptr, nullptr, 128, 8, -1, 0, NNC_OPTIMIZER_STATE, NNC_I64, 0},
    {"grad", nullptr, matrix, 192, 24, -1, 0, NNC_GRADIENT, NNC_F32, 2},
    {"prepared", nullptr, matrix, 256, 24, -1, 0, NNC_PREPARED, NNC_F32, 2},
};

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  nnc_model model = {};
  model.name = "fuzz";
  model.variables = variables;
  model.variable_count = sizeof variables / sizeof *variables;
  std::string state(320, '\1');
  nnc_instance instance = {};
  instance.model = &model;
  instance.state = reinterpret_cast<unsigned char *>(state.data());

  std::string bytes(reinterpret_cast<const char *>(data), size);
  if (size > 0 && data[0] == '{') {
    const uint64_t length = bytes.size();
    bytes.insert(0, reinterpret_cast<const char *>(&length), sizeof length);
    bytes.append(64, '\2');
  }
  static const MemoryFile file;
  file.write(reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size());
  const int32_t status = nnc_rt_load(&instance, file.path.c_str());
  // A refused file has a message and changed nothing.
  if (status != NNC_OK && (!instance.error[0] || state != std::string(320, '\1')))
    __builtin_trap();
  return 0;
}
