/* The C structures that compiled models, the library writer and the runtime
 * share: the call record, the constant descriptor of a model, and what crosses
 * the public boundary (options and tensors). */
#ifndef NNC_RUNTIME_ABI_H
#define NNC_RUNTIME_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { NNC_MAX_RANK = 8, NNC_MAX_SYMBOLS = 16, NNC_MAX_THREADS = 1024 };

enum nnc_status {
  NNC_OK = 0,
  NNC_INVALID_ARGUMENT = 1, /* a null or misaligned pointer, a wrong count or size */
  NNC_NOT_FOUND = 2,        /* no such entry or parameter */
  NNC_BAD_SHAPE = 3,        /* a dtype, a shape or a symbol out of its range */
  NNC_BAD_VALUE = 4,        /* a value of an index input out of its range */
  NNC_IO_ERROR = 5,         /* a file could not be read or written */
  NNC_BAD_FILE = 6,         /* a file's contents do not fit the model */
  NNC_NO_MEMORY = 7,
  NNC_UNSUPPORTED_CPU = 8, /* the library was compiled for another processor */
  NNC_ABI_MISMATCH = 9,    /* header and library do not belong together */
  NNC_INTERNAL = 10
};

/* The order is that of nnc::ElementType. */
enum nnc_dtype { NNC_F32 = 0, NNC_F64 = 1, NNC_I64 = 2, NNC_I32 = 3, NNC_U8 = 4, NNC_BOOL = 5 };

/* A dense row-major tensor at the public boundary. */
typedef struct nnc_tensor {
  void *data;
  int32_t dtype;
  int32_t rank;
  int64_t dims[8];
} nnc_tensor;

typedef void (*nnc_task)(void *args, int64_t task, int64_t worker);
typedef void (*nnc_user_parallel_for)(void *context, int64_t tasks, nnc_task task, void *args);

/* NAME_options of the generated header. */
typedef struct nnc_options {
  uint64_t struct_size;
  uint64_t abi_hash;
  int64_t threads;
  int64_t max_batch;
  int64_t seed;
  nnc_user_parallel_for parallel_for;
  void *parallel_for_context;
  int64_t max_workers;
} nnc_options;

/* ---- what compiled code sees -------------------------------------------- */

typedef struct nnc_instance nnc_instance;

typedef struct nnc_call {
  void *arena;
  void *state;
  const int64_t *symbols;
  void *const *inputs;
  void *const *outputs;
  nnc_instance *instance;
  int64_t workers;
  const void *fixed; /* what lies below fixed_bytes of the state, or of the initial data */
} nnc_call;

/* Runs task(args, 0 .. tasks-1, worker) with 0 <= worker < call->workers. */
void nnc_parallel_for(nnc_call *call, int64_t tasks, nnc_task task, void *args);

/* ---- the constant descriptor of a model --------------------------------- */

enum nnc_dim_kind { NNC_DIM_STATIC = 0, NNC_DIM_SYMBOL = 1, NNC_DIM_COMPUTED = 2 };

typedef struct nnc_dim {
  int64_t kind;
  int64_t value; /* the size, or the index of the symbol */
} nnc_dim;

typedef struct nnc_symbol {
  const char *name;
  int64_t minimum;
  int64_t maximum; /* INT64_MAX: unbounded */
} nnc_symbol;

typedef struct nnc_boundary {
  const char *name;
  const nnc_dim *dims;
  int32_t dtype;
  int32_t rank;
  int32_t has_range;
  int32_t has_exception;
  int64_t low; /* low <= value < high, or value == exception */
  int64_t high;
  int64_t exception;
} nnc_boundary;

/* The order is that of nnc::StateVariable::Kind. */
enum nnc_variable_kind {
  NNC_PARAMETER = 0,
  NNC_BUFFER = 1,
  NNC_OPTIMIZER_STATE = 2,
  NNC_GRADIENT = 3,
  NNC_LEARNING_RATE = 4,
  NNC_SEED = 5,
  NNC_STEP = 6,
  NNC_PREPARED = 7
};

typedef struct nnc_variable {
  const char *key; /* the name in files and for get and set */
  const char *const *aliases;
  const int64_t *dims;
  uint64_t offset; /* into the state block; below fixed_bytes also into the initial data */
  uint64_t bytes;
  int64_t initial_offset; /* into the initial data; -1: zero */
  int32_t alias_count;
  int32_t kind;
  int32_t dtype;
  int32_t rank;
} nnc_variable;

enum nnc_entry_flags {
  NNC_ENTRY_TRAINS = 1,       /* changes parameters or buffers */
  NNC_ENTRY_USES_PREPARED = 2 /* reads what `prepare` computes */
};

typedef struct nnc_entry {
  const char *name;
  int32_t (*run)(nnc_call *call); /* 0, or which kernel, from 1, left a tensor's bounds (-O0 looks) */
  int64_t (*arena)(const int64_t *symbols, int64_t workers); /* null: none needed */
  void (*shape)(const int64_t *symbols, int64_t *dims);      /* null: no computed dimension */
  const nnc_boundary *inputs;
  const nnc_boundary *outputs;
  int32_t input_count;
  int32_t output_count;
  int64_t flags;
} nnc_entry;

/* One bit that create must find set. On x86-64 of cpuid, and the state components the
 * operating system must save for it; on AArch64 of the auxiliary vector, whose entry
 * (AT_HWCAP, AT_HWCAP2) is the leaf and which has no more than bits. */
typedef struct nnc_cpu_feature {
  const char *name;
  uint32_t leaf;
  uint32_t subleaf;
  uint32_t reg; /* 0 eax, 1 ebx, 2 ecx, 3 edx */
  uint32_t bit;
  uint64_t xcr0;
} nnc_cpu_feature;

typedef struct nnc_model {
  uint64_t struct_size; /* of this structure: the writer's must be the runtime's */
  uint64_t abi_hash;
  const char *name;
  const char *cpu;
  const char *signature;
  const nnc_symbol *symbols;
  const nnc_entry *entries;
  const nnc_variable *variables;
  const nnc_cpu_feature *features;
  const unsigned char *initial_data;
  uint64_t initial_bytes;
  uint64_t fixed_bytes; /* of the initial data, and as much of the state: no entry changes them */
  uint64_t state_bytes;
  int64_t symbol_count;
  int64_t entry_count;
  int64_t variable_count;
  int64_t feature_count;
  int64_t prepare_entry; /* index of the entry `prepare`; -1: none */
} nnc_model;

/* ---- what the exported NAME_* functions forward to ----------------------- */

int32_t nnc_rt_create(const nnc_model *model, const nnc_options *options, nnc_instance **instance,
                      char *error, size_t error_size);
int32_t nnc_rt_create_with_memory(const nnc_model *model, const nnc_options *options, void *memory,
                                  size_t bytes, nnc_instance **instance, char *error,
                                  size_t error_size);
size_t nnc_rt_arena_bytes(const nnc_model *model, int64_t max_batch, int64_t workers);
void nnc_rt_destroy(nnc_instance *instance);
/* A typed call: `symbols` has model->symbol_count values. */
int32_t nnc_rt_run(nnc_instance *instance, int64_t entry, const int64_t *symbols,
                   void *const *inputs, void *const *outputs);
int32_t nnc_rt_call(nnc_instance *instance, const char *entry, const nnc_tensor *inputs,
                    size_t input_count, nnc_tensor *outputs, size_t output_count);
int32_t nnc_rt_output_dims(nnc_instance *instance, const char *entry, const nnc_tensor *inputs,
                           size_t input_count, nnc_tensor *outputs, size_t output_count);
int32_t nnc_rt_zero_grad(nnc_instance *instance);
int32_t nnc_rt_set_lr(nnc_instance *instance, double learning_rate);
size_t nnc_rt_parameter_count(const nnc_model *model);
const char *nnc_rt_parameter_name(const nnc_model *model, size_t index);
size_t nnc_rt_parameter_bytes(const nnc_model *model, const char *name);
int32_t nnc_rt_parameter_get(nnc_instance *instance, const char *name, void *data, size_t bytes);
int32_t nnc_rt_parameter_set(nnc_instance *instance, const char *name, const void *data,
                             size_t bytes);
int32_t nnc_rt_save(nnc_instance *instance, const char *path);
int32_t nnc_rt_load(nnc_instance *instance, const char *path);
const char *nnc_rt_signature(const nnc_model *model);
const char *nnc_rt_last_error(const nnc_instance *instance);

#ifdef __cplusplus
}
#endif
#endif
