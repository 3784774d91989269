// load: reads a safetensors file into the state. The whole file is checked
// against the model first; a file that does not fit changes nothing.
#include "runtime/Safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace nnc_runtime;

namespace {

enum { MaximumName = 512 };

/// One tensor as the header states it.
struct Tensor {
  char name[MaximumName];
  size_t nameLength;
  char dtype[8];
  int32_t rank;
  uint64_t dims[NNC_MAX_RANK];
  uint64_t begin, end;
  bool hasDtype, hasShape, hasOffsets;
};

/// A scanner of the JSON that safetensors headers are made of. Each function
/// returns false at the first byte that does not fit.
struct Scanner {
  const char *at;
  const char *end;

  void space() {
    while (at != end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
      ++at;
  }

  bool take(char c) {
    space();
    if (at == end || *at != c)
      return false;
    ++at;
    return true;
  }

  bool hexadecimal(unsigned &value) {
    value = 0;
    for (int i = 0; i < 4; ++i, ++at) {
      if (at == end)
        return false;
      const char c = *at;
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0)
        return false;
      value = value * 16 + unsigned(digit);
    }
    return true;
  }

  /// A string, unescaped to UTF-8; what exceeds `size` is an error unless
  /// `text` is null (a value that is skipped).
  bool string(char *text, size_t size, size_t &length) {
    length = 0;
    if (!take('"'))
      return false;
    auto append = [&](unsigned byte) {
      if (text && length + 1 >= size)
        return false;
      if (text)
        text[length] = char(byte);
      ++length;
      return true;
    };
    while (at != end && *at != '"') {
      unsigned code = static_cast<unsigned char>(*at++);
      if (code < 0x20)
        return false;
      if (code != '\\') {
        if (!append(code))
          return false;
        continue;
      }
      if (at == end)
        return false;
      switch (*at++) {
      case '"': code = '"'; break;
      case '\\': code = '\\'; break;
      case '/': code = '/'; break;
      case 'b': code = '\b'; break;
      case 'f': code = '\f'; break;
      case 'n': code = '\n'; break;
      case 'r': code = '\r'; break;
      case 't': code = '\t'; break;
      case 'u': {
        if (!hexadecimal(code))
          return false;
        unsigned low;
        if (code >= 0xD800 && code < 0xDC00) {
          if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
            return false;
          at += 2;
          if (!hexadecimal(low) || low < 0xDC00 || low > 0xDFFF)
            return false;
          code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        break;
      }
      default: return false;
      }
      const bool appended =
          code < 0x80 ? append(code)
          : code < 0x800
              ? append(0xC0 | code >> 6) && append(0x80 | (code & 63))
          : code < 0x10000
              ? append(0xE0 | code >> 12) && append(0x80 | (code >> 6 & 63)) &&
                    append(0x80 | (code & 63))
              : append(0xF0 | code >> 18) && append(0x80 | (code >> 12 & 63)) &&
                    append(0x80 | (code >> 6 & 63)) && append(0x80 | (code & 63));
      if (!appended)
        return false;
    }
    if (text)
      text[length] = 0;
    return take('"');
  }

  bool number(uint64_t &value) {
    space();
    value = 0;
    const char *first = at;
    for (; at != end && *at >= '0' && *at <= '9'; ++at)
      if (__builtin_mul_overflow(value, uint64_t(10), &value) ||
          __builtin_add_overflow(value, uint64_t(*at - '0'), &value))
        return false;
    return at != first;
  }

  /// `[1, 2, ...]` of at most `size` numbers.
  bool numbers(uint64_t *values, int32_t size, int32_t &count) {
    count = 0;
    if (!take('['))
      return false;
    if (take(']'))
      return true;
    do {
      if (count == size || !number(values[count]))
        return false;
      ++count;
    } while (take(','));
    return take(']');
  }

  /// `{"key": "value", ...}`: the metadata.
  bool skipStrings() {
    size_t length;
    if (!take('{'))
      return false;
    if (take('}'))
      return true;
    do
      if (!string(nullptr, 0, length) || !take(':') || !string(nullptr, 0, length))
        return false;
    while (take(','));
    return take('}');
  }

  bool tensor(Tensor &tensor) {
    tensor.hasDtype = tensor.hasShape = tensor.hasOffsets = false;
    if (!take('{'))
      return false;
    do {
      char key[16];
      size_t length;
      int32_t count;
      uint64_t offsets[2];
      if (!string(key, sizeof key, length) || !take(':'))
        return false;
      if (strcmp(key, "dtype") == 0) {
        if (!string(tensor.dtype, sizeof tensor.dtype, length))
          return false;
        tensor.hasDtype = true;
      } else if (strcmp(key, "shape") == 0) {
        if (!numbers(tensor.dims, NNC_MAX_RANK, tensor.rank))
          return false;
        tensor.hasShape = true;
      } else if (strcmp(key, "data_offsets") == 0) {
        if (!numbers(offsets, 2, count) || count != 2)
          return false;
        tensor.begin = offsets[0];
        tensor.end = offsets[1];
        tensor.hasOffsets = true;
      } else {
        return false;
      }
    } while (take(','));
    return take('}') && tensor.hasDtype && tensor.hasShape && tensor.hasOffsets;
  }
};

/// The file in memory, and behind it, for each variable, where its data lies.
struct File {
  unsigned char *bytes = nullptr;
  uint64_t size = 0;
  const unsigned char **sources = nullptr;
  size_t mapped = 0;

  ~File() {
    if (bytes)
      munmap(bytes, mapped);
  }
};

} // namespace

#define BAD_FILE(...) NNC_FAIL(&instance, NNC_BAD_FILE, __VA_ARGS__)

static int32_t readFile(nnc_instance &instance, const char *path, File &file) {
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return NNC_FAIL(&instance, NNC_IO_ERROR, "cannot read '%s': %s", path, errnoText(errno));
  int error = 0;
  const off_t size = lseek(descriptor, 0, SEEK_END);
  if (size < 0 || size == INT64_MAX) // directories seek to the end of everything
    error = size < 0 ? errno : EISDIR;
  if (!error) {
    const size_t sources = (size_t(size) + 63) & ~size_t(63);
    file.size = uint64_t(size);
    file.mapped = sources + size_t(instance.model->variable_count + 1) * sizeof(void *);
    // A copy, not a view of the file: a view faults when the file shrinks.
    void *memory = mmap(nullptr, file.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                        -1, 0);
    if (memory == MAP_FAILED) {
      error = ENOMEM;
    } else {
      file.bytes = static_cast<unsigned char *>(memory);
      file.sources = reinterpret_cast<const unsigned char **>(file.bytes + sources);
    }
  }
  for (uint64_t done = 0; !error && done < file.size;) {
    const ssize_t count = pread(descriptor, file.bytes + done, file.size - done, off_t(done));
    if (count < 0 && errno != EINTR)
      error = errno;
    if (count == 0)
      file.size = done;
    if (count > 0)
      done += uint64_t(count);
  }
  close(descriptor);
  if (error)
    return NNC_FAIL(&instance, NNC_IO_ERROR, "cannot read '%s': %s", path, errnoText(error));
  return NNC_OK;
}

static bool hasPrefix(const Tensor &tensor, const char *prefix) {
  return strncmp(tensor.name, prefix, strlen(prefix)) == 0;
}

/// Tensors a model may lack without the file being of another model: training
/// state in a library for inference, and BatchNorm's counters, which evaluation
/// never reads.
static bool mayBeUnknown(const Tensor &tensor) {
  static const char counter[] = "num_batches_tracked";
  const size_t length = sizeof counter - 1;
  return hasPrefix(tensor, "optimizer/") || hasPrefix(tensor, "random/") ||
         (tensor.nameLength >= length &&
          memcmp(tensor.name + tensor.nameLength - length, counter, length) == 0);
}

static int32_t acceptTensor(nnc_instance &instance, const char *path, File &file,
                            const unsigned char *data, uint64_t dataBytes, const Tensor &tensor) {
  const nnc_model &model = *instance.model;
  if (tensor.begin > tensor.end || tensor.end > dataBytes)
    return BAD_FILE("'%s': the data of '%s' lies outside of the file (truncated?)", path,
                    tensor.name);
  const nnc_variable *variable = findVariable(model, tensor.name, tensor.nameLength);
  if (!variable || !isSaved(*variable)) {
    if (mayBeUnknown(tensor))
      return NNC_OK;
    return BAD_FILE("'%s': %s has no parameter or buffer '%s' (a checkpoint of another model?)", path,
                    model.name, tensor.name);
  }
  if (strcmp(tensor.dtype, safetensorsDtype(variable->dtype)) != 0)
    return BAD_FILE("'%s': '%s' has the dtype %s, must be %s", path, tensor.name, tensor.dtype,
                    safetensorsDtype(variable->dtype));
  if (tensor.rank != variable->rank)
    return BAD_FILE("'%s': '%s' has %d axes, must have %d", path, tensor.name, int(tensor.rank),
                    int(variable->rank));
  for (int32_t axis = 0; axis < tensor.rank; ++axis)
    if (tensor.dims[axis] != uint64_t(variable->dims[axis]))
      return BAD_FILE("'%s': axis %d of '%s' has the size %lu, must be %ld", path, int(axis),
                      tensor.name, (unsigned long)tensor.dims[axis], long(variable->dims[axis]));
  if (tensor.end - tensor.begin != variable->bytes)
    return BAD_FILE("'%s': '%s' has %lu bytes of data, its shape needs %lu", path, tensor.name,
                    (unsigned long)(tensor.end - tensor.begin), (unsigned long)variable->bytes);
  const unsigned char *&source = file.sources[variable - model.variables];
  if (source && memcmp(source, data + tensor.begin, variable->bytes) != 0)
    return BAD_FILE("'%s': '%s' differs from '%s', but the model ties them", path, tensor.name,
                    variable->key);
  source = data + tensor.begin;
  return NNC_OK;
}

static int32_t readHeader(nnc_instance &instance, const char *path, File &file) {
  uint64_t headerBytes = 0;
  if (file.size >= 8)
    memcpy(&headerBytes, file.bytes, 8);
  if (file.size < 8 || headerBytes > file.size - 8)
    return BAD_FILE("'%s' is not a safetensors file, or is truncated", path);
  const char *header = reinterpret_cast<const char *>(file.bytes) + 8;
  const unsigned char *data = file.bytes + 8 + headerBytes;
  const uint64_t dataBytes = file.size - 8 - headerBytes;
  Scanner scanner = {header, header + headerBytes};
  Tensor tensor;
  bool valid = scanner.take('{');
  if (valid && !scanner.take('}')) {
    do {
      valid = scanner.string(tensor.name, sizeof tensor.name, tensor.nameLength) &&
              scanner.take(':');
      if (valid && strcmp(tensor.name, "__metadata__") == 0) {
        valid = scanner.skipStrings();
        continue;
      }
      valid = valid && scanner.tensor(tensor);
      if (valid)
        if (int32_t status = acceptTensor(instance, path, file, data, dataBytes, tensor))
          return status;
    } while (valid && scanner.take(','));
    valid = valid && scanner.take('}');
  }
  scanner.space();
  if (!valid || scanner.at != scanner.end)
    return BAD_FILE("'%s' is not a valid safetensors file: its header breaks at byte %lu", path,
                    (unsigned long)(scanner.at - header + 8));
  return NNC_OK;
}

/// Every parameter and buffer must be there; of the training state all or nothing.
static int32_t checkComplete(nnc_instance &instance, const char *path, const File &file) {
  const nnc_model &model = *instance.model;
  bool anyTrainingState = false;
  for (int64_t i = 0; i < model.variable_count; ++i)
    anyTrainingState |= isTrainingState(model.variables[i]) && file.sources[i];
  const char *firstMissing = nullptr;
  long missing = 0;
  for (int64_t i = 0; i < model.variable_count; ++i) {
    const nnc_variable &variable = model.variables[i];
    if (!isSaved(variable) || file.sources[i] ||
        (isTrainingState(variable) && !anyTrainingState))
      continue;
    firstMissing = firstMissing ? firstMissing : variable.key;
    ++missing;
  }
  if (missing == 1)
    return BAD_FILE("'%s' lacks '%s' (a checkpoint of another model?)", path, firstMissing);
  if (missing)
    return BAD_FILE("'%s' lacks '%s' and %ld more (a checkpoint of another model?)", path,
                    firstMissing, missing - 1);
  return NNC_OK;
}

int32_t nnc_rt_load(nnc_instance *instance, const char *path) {
  if (!instance)
    return NNC_INVALID_ARGUMENT;
  if (!path || !*path)
    return NNC_FAIL(instance, NNC_INVALID_ARGUMENT, "load: the path is empty");
  File file;
  if (int32_t status = readFile(*instance, path, file))
    return status;
  if (int32_t status = readHeader(*instance, path, file))
    return status;
  if (int32_t status = checkComplete(*instance, path, file))
    return status;
  const nnc_model &model = *instance->model;
  for (int64_t i = 0; i < model.variable_count; ++i)
    if (file.sources[i])
      memcpy(changeableValueOf(*instance, model.variables[i]), file.sources[i],
             model.variables[i].bytes);
  instance->prepareNeeded = true;
  return NNC_OK;
}
