// Messages: formatting into the caller's buffer, and the names used in them.
#include "runtime/Instance.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

namespace nnc_runtime {

int32_t report(char *buffer, size_t size, int32_t status, const char *format, ...) {
  if (!buffer || size == 0)
    return status;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(buffer, size, format, arguments);
  va_end(arguments);
  return status;
}

// strerror depends on the locale and may allocate.
const char *errnoText(int code) {
  switch (code) {
  case ENOENT: return "no such file or directory";
  case EACCES: return "permission denied";
  case EPERM: return "operation not permitted";
  case ENOSPC: return "no space left on the device";
  case EDQUOT: return "the disk quota is used up";
  case EFBIG: return "the file would be too large";
  case EISDIR: return "it is a directory";
  case ENOTDIR: return "a part of the path is not a directory";
  case EROFS: return "the file system is read-only";
  case EIO: return "input/output error";
  case EMFILE: case ENFILE: return "too many open files";
  case ENAMETOOLONG: return "the path is too long";
  case ENOMEM: return "out of memory";
  case EEXIST: return "the file exists";
  case ESPIPE: return "it is not a regular file";
  default: return "the operating system reported an error";
  }
}

const char *dtypeName(int32_t dtype) {
  switch (dtype) {
  case NNC_F32: return "float32";
  case NNC_F64: return "float64";
  case NNC_I64: return "int64";
  case NNC_I32: return "int32";
  case NNC_U8: return "uint8";
  case NNC_BOOL: return "bool";
  default: return "an unknown dtype";
  }
}

int64_t dtypeBytes(int32_t dtype) {
  switch (dtype) {
  case NNC_F64: case NNC_I64: return 8;
  case NNC_F32: case NNC_I32: return 4;
  default: return 1;
  }
}

} // namespace nnc_runtime

const char *nnc_rt_last_error(const nnc_instance *instance) {
  return instance ? instance->error : "the model is a null pointer";
}
