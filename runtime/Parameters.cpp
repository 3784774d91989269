// Reading and changing the state by name: parameters, buffers, gradients, the
// learning rate.
#include "runtime/Instance.h"

#include <string.h>

using namespace nnc_runtime;

static bool hasName(const nnc_variable &variable, const char *name, size_t length) {
  if (strlen(variable.key) == length && memcmp(variable.key, name, length) == 0)
    return true;
  for (int32_t i = 0; i < variable.alias_count; ++i)
    if (strlen(variable.aliases[i]) == length && memcmp(variable.aliases[i], name, length) == 0)
      return true;
  return false;
}

const nnc_variable *nnc_runtime::findVariable(const nnc_model &model, const char *name,
                                              size_t length) {
  for (int64_t i = 0; i < model.variable_count; ++i)
    if (model.variables[i].kind != NNC_PREPARED && hasName(model.variables[i], name, length))
      return &model.variables[i];
  return nullptr;
}

const unsigned char *nnc_runtime::valueOf(const nnc_instance &instance, const nnc_variable &variable) {
  return (variable.offset < instance.model->fixed_bytes ? instance.fixed : instance.state) + variable.offset;
}

unsigned char *nnc_runtime::changeableValueOf(nnc_instance &instance, const nnc_variable &variable) {
  if (variable.offset < instance.model->fixed_bytes && instance.fixed != instance.state) {
    memcpy(instance.state, instance.fixed, instance.model->fixed_bytes);
    instance.fixed = instance.state;
  }
  return instance.state + variable.offset;
}

size_t nnc_rt_parameter_count(const nnc_model *model) {
  size_t count = 0;
  for (int64_t i = 0; i < model->variable_count; ++i)
    count += model->variables[i].kind == NNC_PARAMETER;
  return count;
}

const char *nnc_rt_parameter_name(const nnc_model *model, size_t index) {
  for (int64_t i = 0; i < model->variable_count; ++i)
    if (model->variables[i].kind == NNC_PARAMETER && index-- == 0)
      return model->variables[i].key;
  return nullptr;
}

size_t nnc_rt_parameter_bytes(const nnc_model *model, const char *name) {
  const nnc_variable *variable = name ? findVariable(*model, name, strlen(name)) : nullptr;
  return variable ? variable->bytes : 0;
}

/// The variable, if `data` and `bytes` fit it.
static int32_t access(nnc_instance *instance, const char *name, const void *data, size_t bytes,
                      const nnc_variable *&variable) {
  if (!instance)
    return NNC_INVALID_ARGUMENT;
  variable = name ? findVariable(*instance->model, name, strlen(name)) : nullptr;
  if (!variable)
    return NNC_FAIL(instance, NNC_NOT_FOUND, "%s has no parameter or buffer '%s'",
                    instance->model->name, name ? name : "");
  if (bytes != variable->bytes)
    return NNC_FAIL(instance, NNC_INVALID_ARGUMENT, "'%s' (%s) has %lu bytes, %lu were given",
                    name, dtypeName(variable->dtype), (unsigned long)variable->bytes,
                    (unsigned long)bytes);
  if (!data && bytes)
    return NNC_FAIL(instance, NNC_INVALID_ARGUMENT, "the data of '%s' is a null pointer", name);
  return NNC_OK;
}

int32_t nnc_rt_parameter_get(nnc_instance *instance, const char *name, void *data, size_t bytes) {
  const nnc_variable *variable;
  if (int32_t status = access(instance, name, data, bytes, variable))
    return status;
  memcpy(data, valueOf(*instance, *variable), bytes);
  return NNC_OK;
}

int32_t nnc_rt_parameter_set(nnc_instance *instance, const char *name, const void *data,
                             size_t bytes) {
  const nnc_variable *variable;
  if (int32_t status = access(instance, name, data, bytes, variable))
    return status;
  memcpy(changeableValueOf(*instance, *variable), data, bytes);
  instance->prepareNeeded = true;
  return NNC_OK;
}

int32_t nnc_rt_zero_grad(nnc_instance *instance) {
  if (!instance)
    return NNC_INVALID_ARGUMENT;
  const nnc_model &model = *instance->model;
  for (int64_t i = 0; i < model.variable_count; ++i)
    if (model.variables[i].kind == NNC_GRADIENT)
      memset(instance->state + model.variables[i].offset, 0, model.variables[i].bytes);
  return NNC_OK;
}

int32_t nnc_rt_set_lr(nnc_instance *instance, double learningRate) {
  if (!instance)
    return NNC_INVALID_ARGUMENT;
  if (!(learningRate >= 0) || learningRate > 1e30)
    return NNC_FAIL(instance, NNC_INVALID_ARGUMENT,
                    "set_lr: the learning rate must be a finite number of at least 0");
  const nnc_model &model = *instance->model;
  for (int64_t i = 0; i < model.variable_count; ++i) {
    const nnc_variable &variable = model.variables[i];
    if (variable.kind != NNC_LEARNING_RATE)
      continue;
    const float single = float(learningRate);
    if (variable.dtype == NNC_F64)
      memcpy(instance->state + variable.offset, &learningRate, sizeof learningRate);
    else
      memcpy(instance->state + variable.offset, &single, sizeof single);
  }
  return NNC_OK;
}
