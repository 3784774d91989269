// create and destroy: checks the caller's options and the processor, lays one
// block of memory out, fills the state and starts the threads.
#include "runtime/Instance.h"
#include "runtime/Cpu.h"

#include <string.h>
#include <sys/mman.h>

using namespace nnc_runtime;

namespace {

/// Where the parts lie in the instance's block, in bytes from its start.
struct Layout {
  uint64_t pool, boundaryDims, pointers, state, arena, total;
};

/// What create decided from the options.
struct Settings {
  int64_t workers = 1;
  int64_t seed = 0;
  nnc_user_parallel_for parallelFor = nullptr;
  void *context = nullptr;
  int64_t bounds[NNC_MAX_SYMBOLS] = {};
};

struct ErrorText {
  char *buffer;
  size_t size;
};

} // namespace

#define CREATE_FAIL(status, ...) report(error.buffer, error.size, status, __VA_ARGS__)

static uint64_t align64(uint64_t value) { return (value + 63) & ~uint64_t(63); }

static int32_t boundSymbols(const nnc_model &model, int64_t maxBatch, Settings &settings,
                            ErrorText error) {
  for (int64_t i = 0; i < model.symbol_count; ++i) {
    const nnc_symbol &symbol = model.symbols[i];
    settings.bounds[i] = symbol.maximum;
    // The first symbol is the batch.
    if (i == 0 && maxBatch != 0) {
      if (maxBatch < symbol.minimum || maxBatch > symbol.maximum)
        return CREATE_FAIL(NNC_BAD_SHAPE,
                           "options.max_batch is %ld, but %s may range from %ld to %ld",
                           long(maxBatch), symbol.name, long(symbol.minimum),
                           long(symbol.maximum));
      settings.bounds[i] = maxBatch;
    }
    if (settings.bounds[i] == INT64_MAX)
      return CREATE_FAIL(NNC_BAD_SHAPE,
                         "%s is unbounded: set options.max_batch to the largest value needed, or compile "
                         "with --max-batch",
                         symbol.name);
  }
  return NNC_OK;
}

static int32_t checkOptions(const nnc_model &model, const nnc_options *options,
                            Settings &settings, ErrorText error) {
  if (model.struct_size != sizeof(nnc_model))
    return CREATE_FAIL(NNC_ABI_MISMATCH, "the library's descriptor does not fit its runtime");
  if (const char *feature = missingCpuFeature(model))
    return CREATE_FAIL(NNC_UNSUPPORTED_CPU,
                       "this processor or its operating system does not support %s, which %s was "
                       "compiled for (%s): compile with " NNC_COMMON_CPUS,
                       feature, model.name, model.cpu);
  if (!options)
    return boundSymbols(model, 0, settings, error);
  if (options->struct_size != sizeof(nnc_options))
    return CREATE_FAIL(NNC_ABI_MISMATCH,
                       "options.struct_size is %lu, expected %lu: initialise the options with the "
                       "OPTIONS_INIT macro of %s.h",
                       (unsigned long)options->struct_size, (unsigned long)sizeof(nnc_options),
                       model.name);
  if (options->abi_hash != model.abi_hash)
    return CREATE_FAIL(NNC_ABI_MISMATCH,
                       "the header %s.h the program was compiled with is not that of this library "
                       "(hash %016lx, the library has %016lx): compile the program again",
                       model.name, (unsigned long)options->abi_hash,
                       (unsigned long)model.abi_hash);
  if (options->max_batch < 0)
    return CREATE_FAIL(NNC_INVALID_ARGUMENT, "options.max_batch is %ld, must not be negative",
                       long(options->max_batch));
  if (options->parallel_for) {
    if (options->max_workers < 1 || options->max_workers > NNC_MAX_THREADS)
      return CREATE_FAIL(NNC_INVALID_ARGUMENT,
                         "options.max_workers is %ld, must be 1 to %d where options.parallel_for "
                         "is set",
                         long(options->max_workers), int(NNC_MAX_THREADS));
    settings.parallelFor = options->parallel_for;
    settings.context = options->parallel_for_context;
    settings.workers = options->max_workers;
  } else {
    if (options->threads < 0 || options->threads > NNC_MAX_THREADS)
      return CREATE_FAIL(NNC_INVALID_ARGUMENT, "options.threads is %ld, must be 0 to %d",
                         long(options->threads), int(NNC_MAX_THREADS));
    settings.workers = options->threads > 1 ? options->threads : 1;
  }
  settings.seed = options->seed;
  return boundSymbols(model, options->max_batch, settings, error);
}

/// False when the sizes overflow.
static bool layOut(const nnc_model &model, const Settings &settings, Layout &layout) {
  uint64_t arena = 0, dims = 0, pointers = 0;
  for (int64_t i = 0; i < model.entry_count; ++i) {
    const nnc_entry &entry = model.entries[i];
    const int64_t bytes = entry.arena ? entry.arena(settings.bounds, settings.workers) : 0;
    if (bytes < 0 || bytes > INT64_MAX / 2)
      return false;
    arena = uint64_t(bytes) > arena ? uint64_t(bytes) : arena;
    uint64_t rank = 0;
    for (int32_t j = 0; j < entry.output_count; ++j)
      rank += uint64_t(entry.outputs[j].rank);
    for (int32_t j = 0; j < entry.input_count; ++j)
      rank += uint64_t(entry.inputs[j].rank);
    dims = rank > dims ? rank : dims;
    const uint64_t tensors = uint64_t(entry.input_count) + uint64_t(entry.output_count);
    pointers = tensors > pointers ? tensors : pointers;
  }
  layout.pool = align64(sizeof(nnc_instance));
  layout.boundaryDims = layout.pool + align64(poolBytes(settings.workers));
  layout.pointers = layout.boundaryDims + align64(dims * sizeof(int64_t));
  layout.state = layout.pointers + align64(pointers * sizeof(void *));
  layout.arena = layout.state + align64(model.state_bytes);
  layout.total = layout.arena + align64(arena);
  return true;
}

void nnc_runtime::giveBackInitialData(const nnc_model &model, uint64_t offset, uint64_t bytes) {
  // Such pages come from the library's file, to which nobody writes: the system reads them again. No page may
  // be larger than this on the systems that models are compiled for.
  constexpr uintptr_t page = 65536;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(model.initial_data) + offset;
  const uintptr_t first = (begin + page - 1) / page * page, last = (begin + bytes) / page * page;
  if (first < last)
    madvise(reinterpret_cast<void *>(first), last - first, MADV_DONTNEED);
}

/// In pieces, so that little more than one copy is in memory at any time.
static void copyInitialValue(nnc_instance &instance, const nnc_variable &variable) {
  constexpr uint64_t piece = 4 << 20;
  const uint64_t from = uint64_t(variable.initial_offset);
  for (uint64_t done = 0; done < variable.bytes; done += piece) {
    const uint64_t bytes = variable.bytes - done < piece ? variable.bytes - done : piece;
    memcpy(instance.state + variable.offset + done, instance.model->initial_data + from + done, bytes);
    giveBackInitialData(*instance.model, from, done + bytes);
  }
}

static void fillState(nnc_instance &instance, int64_t seed) {
  const nnc_model &model = *instance.model;
  for (int64_t i = 0; i < model.variable_count; ++i) {
    const nnc_variable &variable = model.variables[i];
    if (variable.initial_offset >= 0 && variable.offset >= model.fixed_bytes)
      copyInitialValue(instance, variable);
    if (variable.kind == NNC_SEED)
      memcpy(instance.state + variable.offset, &seed, sizeof seed);
  }
}

/// Builds the instance in `memory`, whose first layout.arena bytes are zero.
static int32_t build(const nnc_model &model, const Settings &settings, const Layout &layout,
                     unsigned char *memory, size_t mappedBytes, nnc_instance **result,
                     ErrorText error) {
  nnc_instance *instance = reinterpret_cast<nnc_instance *>(memory);
  instance->model = &model;
  instance->state = memory + layout.state;
  instance->fixed = model.initial_data;
  instance->arena = memory + layout.arena;
  instance->workers = settings.workers;
  instance->userParallelFor = settings.parallelFor;
  instance->userContext = settings.context;
  instance->boundaryDims = reinterpret_cast<int64_t *>(memory + layout.boundaryDims);
  instance->pointers = reinterpret_cast<void **>(memory + layout.pointers);
  instance->mappedBytes = mappedBytes;
  instance->prepareNeeded = true;
  memcpy(instance->bounds, settings.bounds, sizeof settings.bounds);
  fillState(*instance, settings.seed);
  if (settings.workers > 1 && !settings.parallelFor) {
    instance->pool = reinterpret_cast<Pool *>(memory + layout.pool);
    if (!startPool(instance->pool, settings.workers))
      return CREATE_FAIL(NNC_NO_MEMORY, "the system could not start %ld threads",
                         long(settings.workers - 1));
  }
  *result = instance;
  return NNC_OK;
}

static int32_t plan(const nnc_model &model, const nnc_options *options, nnc_instance **result,
                    Settings &settings, Layout &layout, ErrorText error) {
  if (!result)
    return CREATE_FAIL(NNC_INVALID_ARGUMENT, "the place for the model is a null pointer");
  *result = nullptr;
  if (int32_t status = checkOptions(model, options, settings, error))
    return status;
  if (!layOut(model, settings, layout))
    return CREATE_FAIL(NNC_NO_MEMORY,
                       "the memory needed exceeds the address space: lower options.max_batch");
  return NNC_OK;
}

int32_t nnc_rt_create(const nnc_model *model, const nnc_options *options, nnc_instance **result,
                      char *buffer, size_t size) {
  ErrorText error = {buffer, size};
  Settings settings;
  Layout layout;
  if (int32_t status = plan(*model, options, result, settings, layout, error))
    return status;
  void *memory = mmap(nullptr, layout.total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);
  if (memory == MAP_FAILED)
    return CREATE_FAIL(NNC_NO_MEMORY, "the system has no %lu bytes of memory for the model",
                       (unsigned long)layout.total);
  // Fewer TLB misses on large activations; a hint that may fail.
  if (layout.total >= uint64_t(8) << 20)
    madvise(memory, layout.total, MADV_HUGEPAGE);
  const int32_t status = build(*model, settings, layout, static_cast<unsigned char *>(memory),
                               layout.total, result, error);
  if (status)
    munmap(memory, layout.total);
  return status;
}

int32_t nnc_rt_create_with_memory(const nnc_model *model, const nnc_options *options, void *memory,
                                  size_t bytes, nnc_instance **result, char *buffer, size_t size) {
  ErrorText error = {buffer, size};
  Settings settings;
  Layout layout;
  if (int32_t status = plan(*model, options, result, settings, layout, error))
    return status;
  if (!memory || reinterpret_cast<uintptr_t>(memory) % 64 != 0)
    return CREATE_FAIL(NNC_INVALID_ARGUMENT, "the memory must be aligned to 64 bytes");
  if (bytes < layout.total)
    return CREATE_FAIL(NNC_INVALID_ARGUMENT,
                       "the memory has %lu bytes, the model needs %lu for these options",
                       (unsigned long)bytes, (unsigned long)layout.total);
  memset(memory, 0, layout.arena);
  return build(*model, settings, layout, static_cast<unsigned char *>(memory), 0, result, error);
}

size_t nnc_rt_arena_bytes(const nnc_model *model, int64_t maxBatch, int64_t workers) {
  Settings settings;
  Layout layout;
  settings.workers = workers > 1 ? workers : 1;
  if (settings.workers > NNC_MAX_THREADS || missingCpuFeature(*model) ||
      boundSymbols(*model, maxBatch, settings, {nullptr, 0}) || !layOut(*model, settings, layout))
    return 0;
  return layout.total;
}

void nnc_rt_destroy(nnc_instance *instance) {
  if (!instance)
    return;
  if (instance->pool)
    stopPool(instance->pool);
  if (instance->mappedBytes)
    munmap(instance, instance->mappedBytes);
}

const char *nnc_rt_signature(const nnc_model *model) { return model->signature; }
