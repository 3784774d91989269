// Entering compiled code: everything a caller hands over is checked here, so
// that compiled code may trust symbols, pointers and index values.
#include "runtime/Instance.h"

#include <string.h>

using namespace nnc_runtime;

/// The size of an axis; computed axes come from the entry's shape function.
static int64_t dimSize(const nnc_dim &dim, const int64_t *symbols, int64_t computed) {
  if (dim.kind == NNC_DIM_STATIC)
    return dim.value;
  return dim.kind == NNC_DIM_SYMBOL ? symbols[dim.value] : computed;
}

static int64_t elementCount(const nnc_boundary &tensor, const int64_t *symbols,
                            const int64_t *computed) {
  int64_t count = 1;
  for (int32_t axis = 0; axis < tensor.rank; ++axis)
    count *= dimSize(tensor.dims[axis], symbols, computed ? computed[axis] : 0);
  return count;
}

static int32_t checkSymbols(nnc_instance &instance, const nnc_entry &entry,
                            const int64_t *symbols) {
  for (int64_t i = 0; i < instance.model->symbol_count; ++i) {
    const nnc_symbol &symbol = instance.model->symbols[i];
    if (symbols[i] < symbol.minimum || symbols[i] > instance.bounds[i])
      return NNC_FAIL(&instance, NNC_BAD_SHAPE, "%s: %s is %ld; allowed are %ld to %ld%s",
                      entry.name, symbol.name, long(symbols[i]), long(symbol.minimum),
                      long(instance.bounds[i]),
                      instance.bounds[i] < symbol.maximum ? " (options.max_batch of create)" : "");
  }
  return NNC_OK;
}

/// The message of the first value outside low <= value < high.
template <typename T>
static int32_t checkRange(nnc_instance &instance, const nnc_entry &entry,
                          const nnc_boundary &tensor, const T *values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const int64_t value = values[i];
    if ((value >= tensor.low && value < tensor.high) ||
        (tensor.has_exception && value == tensor.exception))
      continue;
    if (tensor.has_exception)
      return NNC_FAIL(&instance, NNC_BAD_VALUE,
                      "%s: input '%s' has the value %ld at position %ld; allowed are %ld to %ld, "
                      "and %ld",
                      entry.name, tensor.name, long(value), long(i), long(tensor.low),
                      long(tensor.high - 1), long(tensor.exception));
    return NNC_FAIL(&instance, NNC_BAD_VALUE,
                    "%s: input '%s' has the value %ld at position %ld; allowed are %ld to %ld",
                    entry.name, tensor.name, long(value), long(i), long(tensor.low),
                    long(tensor.high - 1));
  }
  return NNC_OK;
}

static int32_t checkValues(nnc_instance &instance, const nnc_entry &entry,
                           const nnc_boundary &tensor, const void *data, int64_t count) {
  if (!tensor.has_range)
    return NNC_OK;
  switch (tensor.dtype) {
  case NNC_I64:
    return checkRange(instance, entry, tensor, static_cast<const int64_t *>(data), count);
  case NNC_I32:
    return checkRange(instance, entry, tensor, static_cast<const int32_t *>(data), count);
  default:
    return checkRange(instance, entry, tensor, static_cast<const uint8_t *>(data), count);
  }
}

static int32_t checkPointer(nnc_instance &instance, const nnc_entry &entry, const char *role,
                            const nnc_boundary &tensor, const void *data, int64_t count) {
  if (!data && count > 0)
    return NNC_FAIL(&instance, NNC_INVALID_ARGUMENT, "%s: %s '%s' is a null pointer", entry.name,
                    role, tensor.name);
  const int64_t alignment = dtypeBytes(tensor.dtype);
  if (reinterpret_cast<uintptr_t>(data) % uintptr_t(alignment) != 0)
    return NNC_FAIL(&instance, NNC_INVALID_ARGUMENT,
                    "%s: %s '%s' (%s) must be aligned to %ld bytes", entry.name, role, tensor.name,
                    dtypeName(tensor.dtype), long(alignment));
  return NNC_OK;
}

/// All dimensions of the entry's outputs, then of its inputs, in order; null when
/// none is computed.
static const int64_t *computeDims(nnc_instance &instance, const nnc_entry &entry,
                                  const int64_t *symbols) {
  if (!entry.shape)
    return nullptr;
  entry.shape(symbols, instance.boundaryDims);
  return instance.boundaryDims;
}

/// Where the dimensions of the inputs begin in what computeDims returned.
static const int64_t *inputDims(const nnc_entry &entry, const int64_t *computed) {
  for (int32_t i = 0; computed && i < entry.output_count; ++i)
    computed += entry.outputs[i].rank;
  return computed;
}

static bool overlap(const void *a, int64_t aBytes, const void *b, int64_t bBytes) {
  const uintptr_t first = reinterpret_cast<uintptr_t>(a), second = reinterpret_cast<uintptr_t>(b);
  return first < second + uintptr_t(bBytes) && second < first + uintptr_t(aBytes);
}

/// Compiled code writes an output while it still reads its inputs.
static int32_t checkOutputs(nnc_instance &instance, const nnc_entry &entry, const int64_t *symbols,
                            void *const *inputs, void *const *outputs) {
  const int64_t *computed = computeDims(instance, entry, symbols);
  const int64_t *firstInput = inputDims(entry, computed);
  for (int32_t i = 0; i < entry.output_count; ++i) {
    const nnc_boundary &output = entry.outputs[i];
    const int64_t count = elementCount(output, symbols, computed);
    computed = computed ? computed + output.rank : nullptr;
    if (int32_t status = checkPointer(instance, entry, "output", output, outputs[i], count))
      return status;
    const int64_t bytes = count * dtypeBytes(output.dtype);
    const int64_t *computedInput = firstInput;
    for (int32_t j = 0; j < entry.input_count; ++j) {
      const nnc_boundary &input = entry.inputs[j];
      const int64_t inputBytes = elementCount(input, symbols, computedInput) * dtypeBytes(input.dtype);
      computedInput = computedInput ? computedInput + input.rank : nullptr;
      if (overlap(outputs[i], bytes, inputs[j], inputBytes))
        return NNC_FAIL(&instance, NNC_INVALID_ARGUMENT,
                        "%s: output '%s' overlaps input '%s' in memory", entry.name, output.name,
                        input.name);
    }
  }
  return NNC_OK;
}

static int32_t runEntry(nnc_instance &instance, const nnc_entry &entry, const int64_t *symbols,
                        void *const *inputs, void *const *outputs) {
  nnc_call call = {instance.arena, instance.state, symbols,          inputs,
                   outputs,        &instance,      instance.workers, instance.fixed};
  instance.parallelForFailed = false;
  const int32_t code = entry.run(&call);
  if (instance.parallelForFailed)
    return NNC_FAIL(&instance, NNC_INVALID_ARGUMENT,
                    "%s: options.parallel_for did not run each task once, with a worker below "
                    "max_workers (%ld); the results are not valid",
                    entry.name, long(instance.workers));
  if (code)
    return NNC_FAIL(&instance, NNC_INTERNAL,
                    "%s: kernel %d asked for an element outside of a tensor; the results are not valid: "
                    "this is an error in nnc, not in the model",
                    entry.name, int(code));
  return NNC_OK;
}

/// Runs `prepare` when the parameters changed since it last ran.
static int32_t prepare(nnc_instance &instance) {
  const nnc_model &model = *instance.model;
  if (!instance.prepareNeeded || model.prepare_entry < 0)
    return NNC_OK;
  instance.preparing = true;
  const int32_t status = runEntry(instance, model.entries[model.prepare_entry], instance.bounds,
                                  nullptr, nullptr);
  instance.preparing = false;
  if (status)
    return status;
  instance.prepareNeeded = false;
  return NNC_OK;
}

int32_t nnc_rt_run(nnc_instance *instance, int64_t index, const int64_t *symbols,
                   void *const *inputs, void *const *outputs) {
  if (!instance)
    return NNC_INVALID_ARGUMENT;
  const nnc_entry &entry = instance->model->entries[index];
  if (int32_t status = checkSymbols(*instance, entry, symbols))
    return status;
  const int64_t *computed = inputDims(entry, computeDims(*instance, entry, symbols));
  for (int32_t i = 0; i < entry.input_count; ++i) {
    const nnc_boundary &input = entry.inputs[i];
    const int64_t count = elementCount(input, symbols, computed);
    computed = computed ? computed + input.rank : nullptr;
    if (int32_t status = checkPointer(*instance, entry, "input", input, inputs[i], count))
      return status;
    if (int32_t status = checkValues(*instance, entry, input, inputs[i], count))
      return status;
  }
  if (int32_t status = checkOutputs(*instance, entry, symbols, inputs, outputs))
    return status;
  if (entry.flags & NNC_ENTRY_USES_PREPARED)
    if (int32_t status = prepare(*instance))
      return status;
  if (entry.flags & NNC_ENTRY_TRAINS)
    instance->prepareNeeded = true;
  return runEntry(*instance, entry, symbols, inputs, outputs);
}

// ---- calls by name, with tensors that state their shape --------------------

static const nnc_entry *findEntry(const nnc_model &model, const char *name) {
  for (int64_t i = 0; i < model.entry_count; ++i)
    if (i != model.prepare_entry && strcmp(model.entries[i].name, name) == 0)
      return &model.entries[i];
  return nullptr;
}

/// Which input and axis gave each symbol its value.
struct SymbolOrigin {
  const char *input;
  int32_t axis;
};

/// Takes the symbols' values from the shapes of the inputs. Symbols that no
/// input has keep their minimum.
static int32_t inferSymbols(nnc_instance &instance, const nnc_entry &entry,
                            const nnc_tensor *inputs, int64_t *symbols) {
  const nnc_model &model = *instance.model;
  SymbolOrigin origins[NNC_MAX_SYMBOLS] = {};
  for (int64_t i = 0; i < model.symbol_count; ++i)
    symbols[i] = model.symbols[i].minimum;
  for (int32_t i = 0; i < entry.input_count; ++i) {
    const nnc_boundary &expected = entry.inputs[i];
    const nnc_tensor &given = inputs[i];
    if (given.dtype != expected.dtype)
      return NNC_FAIL(&instance, NNC_BAD_SHAPE, "%s: input '%s' has the dtype %s, must be %s",
                      entry.name, expected.name, dtypeName(given.dtype),
                      dtypeName(expected.dtype));
    if (given.rank != expected.rank)
      return NNC_FAIL(&instance, NNC_BAD_SHAPE, "%s: input '%s' has %d axes, must have %d",
                      entry.name, expected.name, int(given.rank), int(expected.rank));
    for (int32_t axis = 0; axis < expected.rank; ++axis) {
      const nnc_dim &dim = expected.dims[axis];
      const int64_t size = given.dims[axis];
      if (dim.kind == NNC_DIM_STATIC) {
        if (size != dim.value)
          return NNC_FAIL(&instance, NNC_BAD_SHAPE,
                          "%s: axis %d of input '%s' has the size %ld, must be %ld", entry.name,
                          int(axis), expected.name, long(size), long(dim.value));
        continue;
      }
      if (dim.kind == NNC_DIM_COMPUTED)
        continue; // checked below, when every symbol is known
      const nnc_symbol &symbol = model.symbols[dim.value];
      SymbolOrigin &origin = origins[dim.value];
      if (size < symbol.minimum || size > instance.bounds[dim.value])
        return NNC_FAIL(&instance, NNC_BAD_SHAPE,
                        "%s: axis %d (%s) of input '%s' has the size %ld; allowed are %ld to %ld%s",
                        entry.name, int(axis), symbol.name, expected.name, long(size),
                        long(symbol.minimum), long(instance.bounds[dim.value]),
                        instance.bounds[dim.value] < symbol.maximum
                            ? " (options.max_batch of create)"
                            : "");
      if (origin.input && symbols[dim.value] != size)
        return NNC_FAIL(&instance, NNC_BAD_SHAPE,
                        "%s: axis %d (%s) of input '%s' has the size %ld, but axis %d of input "
                        "'%s' has %ld",
                        entry.name, int(axis), symbol.name, expected.name, long(size),
                        int(origin.axis), origin.input, long(symbols[dim.value]));
      origin = {expected.name, axis};
      symbols[dim.value] = size;
    }
  }
  const int64_t *computed = inputDims(entry, computeDims(instance, entry, symbols));
  for (int32_t i = 0; computed && i < entry.input_count; ++i)
    for (int32_t axis = 0; axis < entry.inputs[i].rank; ++axis, ++computed)
      if (entry.inputs[i].dims[axis].kind == NNC_DIM_COMPUTED && inputs[i].dims[axis] != *computed)
        return NNC_FAIL(&instance, NNC_BAD_SHAPE,
                        "%s: axis %d of input '%s' has the size %ld, must be %ld", entry.name,
                        int(axis), entry.inputs[i].name, long(inputs[i].dims[axis]), long(*computed));
  return NNC_OK;
}

/// Finds the entry, checks the counts and the inputs' shapes.
static int32_t resolve(nnc_instance &instance, const char *name, const nnc_tensor *inputs,
                       size_t inputCount, nnc_tensor *outputs, size_t outputCount,
                       const nnc_entry *&entry, int64_t *symbols) {
  entry = name ? findEntry(*instance.model, name) : nullptr;
  if (!entry)
    return NNC_FAIL(&instance, NNC_NOT_FOUND, "%s has no entry '%s'", instance.model->name,
                    name ? name : "");
  if (inputCount != size_t(entry->input_count) || (inputCount && !inputs))
    return NNC_FAIL(&instance, NNC_INVALID_ARGUMENT, "%s: %lu inputs were given, it takes %d",
                    name, (unsigned long)inputCount, int(entry->input_count));
  if (outputCount != size_t(entry->output_count) || (outputCount && !outputs))
    return NNC_FAIL(&instance, NNC_INVALID_ARGUMENT, "%s: %lu outputs were given, it has %d", name,
                    (unsigned long)outputCount, int(entry->output_count));
  return inferSymbols(instance, *entry, inputs, symbols);
}

int32_t nnc_rt_output_dims(nnc_instance *instance, const char *name, const nnc_tensor *inputs,
                           size_t inputCount, nnc_tensor *outputs, size_t outputCount) {
  if (!instance)
    return NNC_INVALID_ARGUMENT;
  const nnc_entry *entry;
  int64_t symbols[NNC_MAX_SYMBOLS];
  if (int32_t status = resolve(*instance, name, inputs, inputCount, outputs, outputCount, entry,
                               symbols))
    return status;
  const int64_t *computed = computeDims(*instance, *entry, symbols);
  for (int32_t i = 0; i < entry->output_count; ++i) {
    const nnc_boundary &output = entry->outputs[i];
    outputs[i].dtype = output.dtype;
    outputs[i].rank = output.rank;
    for (int32_t axis = 0; axis < output.rank; ++axis)
      outputs[i].dims[axis] = dimSize(output.dims[axis], symbols, computed ? *computed++ : 0);
  }
  return NNC_OK;
}

int32_t nnc_rt_call(nnc_instance *instance, const char *name, const nnc_tensor *inputs,
                    size_t inputCount, nnc_tensor *outputs, size_t outputCount) {
  if (!instance)
    return NNC_INVALID_ARGUMENT;
  const nnc_entry *entry;
  int64_t symbols[NNC_MAX_SYMBOLS];
  if (int32_t status = resolve(*instance, name, inputs, inputCount, outputs, outputCount, entry,
                               symbols))
    return status;
  const int64_t *computed = computeDims(*instance, *entry, symbols);
  for (int32_t i = 0; i < entry->output_count; ++i) {
    const nnc_boundary &output = entry->outputs[i];
    if (outputs[i].dtype != output.dtype || outputs[i].rank != output.rank)
      return NNC_FAIL(instance, NNC_BAD_SHAPE,
                      "%s: output '%s' has the dtype %s and %d axes, must have %s and %d", name,
                      output.name, dtypeName(outputs[i].dtype), int(outputs[i].rank),
                      dtypeName(output.dtype), int(output.rank));
    for (int32_t axis = 0; axis < output.rank; ++axis) {
      const int64_t size = dimSize(output.dims[axis], symbols, computed ? *computed++ : 0);
      if (outputs[i].dims[axis] != size)
        return NNC_FAIL(instance, NNC_BAD_SHAPE,
                        "%s: axis %d of output '%s' has the size %ld, must be %ld", name,
                        int(axis), output.name, long(outputs[i].dims[axis]), long(size));
    }
  }
  void **pointers = instance->pointers;
  for (size_t i = 0; i < inputCount; ++i)
    pointers[i] = inputs[i].data;
  for (size_t i = 0; i < outputCount; ++i)
    pointers[inputCount + i] = outputs[i].data;
  return nnc_rt_run(instance, entry - instance->model->entries, symbols, pointers,
                    pointers + inputCount);
}
