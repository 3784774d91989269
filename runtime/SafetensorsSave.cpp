// save: the state as a safetensors file (8 bytes header length, a JSON header,
// the data; https://github.com/huggingface/safetensors). It is written beside
// its destination and renamed, so that a crash leaves the old file.
#include "runtime/Safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace nnc_runtime;

const char *nnc_runtime::safetensorsDtype(int32_t dtype) {
  static const char *const names[] = {"F32", "F64", "I64", "I32", "U8", "BOOL"};
  return names[dtype];
}

bool nnc_runtime::isSaved(const nnc_variable &variable) {
  return variable.kind != NNC_GRADIENT && variable.kind != NNC_PREPARED;
}

bool nnc_runtime::isTrainingState(const nnc_variable &variable) {
  return isSaved(variable) && variable.kind != NNC_PARAMETER && variable.kind != NNC_BUFFER;
}

namespace {

/// Writes through a small buffer, or, without a file, only counts.
struct Output {
  int file = -1;
  int error = 0;
  uint64_t total = 0;
  size_t used = 0;
  char buffer[8192];

  void flush() {
    writeAll(buffer, used);
    used = 0;
  }

  void writeAll(const void *data, size_t bytes) {
    const char *at = static_cast<const char *>(data);
    while (bytes && !error) {
      const ssize_t written = ::write(file, at, bytes);
      if (written < 0 && errno != EINTR)
        error = errno;
      if (written > 0) {
        at += written;
        bytes -= size_t(written);
      }
    }
  }

  void put(const void *data, size_t bytes) {
    total += bytes;
    if (file < 0)
      return;
    if (used + bytes > sizeof buffer)
      flush();
    if (bytes > sizeof buffer)
      return writeAll(data, bytes);
    memcpy(buffer + used, data, bytes);
    used += bytes;
  }

  void text(const char *value) { put(value, strlen(value)); }

  void number(uint64_t value) {
    char digits[24];
    put(digits, size_t(snprintf(digits, sizeof digits, "%lu", (unsigned long)value)));
  }

  void quoted(const char *value) {
    text("\"");
    for (; *value; ++value) {
      const unsigned char c = static_cast<unsigned char>(*value);
      char escape[8];
      if (c == '"' || c == '\\') {
        const char escaped[2] = {'\\', *value};
        put(escaped, 2);
      } else if (c < 0x20) {
        put(escape, size_t(snprintf(escape, sizeof escape, "\\u%04x", unsigned(c))));
      } else {
        put(value, 1);
      }
    }
    text("\"");
  }
};

} // namespace

/// Calls f(name, variable) for each tensor of the file: every name of a tied
/// parameter, wide elements first, so that all data is aligned.
template <typename F> static void forEachTensor(const nnc_model &model, F f) {
  for (int64_t width = 8; width >= 1; width /= 2)
    for (int64_t i = 0; i < model.variable_count; ++i) {
      const nnc_variable &variable = model.variables[i];
      if (!isSaved(variable) || dtypeBytes(variable.dtype) != width)
        continue;
      f(variable.key, variable);
      for (int32_t j = 0; j < variable.alias_count; ++j)
        f(variable.aliases[j], variable);
    }
}

static void writeHeader(const nnc_model &model, Output &output) {
  output.text("{\"__metadata__\":{\"format\":\"pt\",\"model\":");
  output.quoted(model.name);
  output.text("}");
  uint64_t offset = 0;
  forEachTensor(model, [&](const char *name, const nnc_variable &variable) {
    output.text(",");
    output.quoted(name);
    output.text(":{\"dtype\":\"");
    output.text(safetensorsDtype(variable.dtype));
    output.text("\",\"shape\":[");
    for (int32_t axis = 0; axis < variable.rank; ++axis) {
      if (axis)
        output.text(",");
      output.number(uint64_t(variable.dims[axis]));
    }
    output.text("],\"data_offsets\":[");
    output.number(offset);
    output.text(",");
    output.number(offset += variable.bytes);
    output.text("]}");
  });
  output.text("}");
}

static int writeFile(const nnc_instance &instance, Output &output) {
  const nnc_model &model = *instance.model;
  Output counter;
  writeHeader(model, counter);
  const uint64_t padding = (8 - counter.total % 8) % 8;
  const uint64_t headerBytes = counter.total + padding;
  output.put(&headerBytes, sizeof headerBytes);
  writeHeader(model, output);
  output.put("        ", padding);
  forEachTensor(model, [&](const char *, const nnc_variable &variable) {
    output.put(valueOf(instance, variable), variable.bytes);
  });
  output.flush();
  if (!output.error && fsync(output.file) != 0)
    output.error = errno;
  if (close(output.file) != 0 && !output.error)
    output.error = errno;
  return output.error;
}

int32_t nnc_rt_save(nnc_instance *instance, const char *path) {
  if (!instance)
    return NNC_INVALID_ARGUMENT;
  if (!path || !*path)
    return NNC_FAIL(instance, NNC_INVALID_ARGUMENT, "save: the path is empty");
  // Renaming onto a device would replace it.
  struct stat present;
  if (stat(path, &present) == 0 && !S_ISREG(present.st_mode))
    return NNC_FAIL(instance, NNC_IO_ERROR, "cannot write '%s': it is a folder or a device, not a file", path);
  char temporary[4096];
  const int length = snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, long(getpid()));
  if (length < 0 || size_t(length) >= sizeof temporary)
    return NNC_FAIL(instance, NNC_IO_ERROR, "cannot write '%.200s...': the path is too long", path);
  Output output;
  output.file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (output.file < 0)
    return NNC_FAIL(instance, NNC_IO_ERROR, "cannot write '%s': %s", path, errnoText(errno));
  int error = writeFile(*instance, output);
  if (!error && rename(temporary, path) != 0)
    error = errno;
  if (!error)
    return NNC_OK;
  unlink(temporary);
  return NNC_FAIL(instance, NNC_IO_ERROR, "cannot write '%s': %s", path, errnoText(error));
}
