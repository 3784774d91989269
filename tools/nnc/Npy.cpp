#include "tools/nnc/Npy.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>
#include <optional>

using namespace llvm;

namespace nnc::cli {
namespace {

struct TypeCode {
  const char *descr;
  ElementType type;
};
constexpr TypeCode typeCodes[] = {
    {"<f4", ElementType::F32}, {"<f8", ElementType::F64}, {"<i8", ElementType::I64},
    {"<i4", ElementType::I32}, {"|u1", ElementType::U8},  {"|b1", ElementType::I1},
};

constexpr char magic[] = "\x93NUMPY";
constexpr size_t magicBytes = 6;

struct Header {
  ElementType type = ElementType::F32;
  bool columnMajor = false;
  std::vector<int64_t> dims;
};

/// The text after `'key':` in the header's Python dictionary.
std::optional<StringRef> valueOf(StringRef dictionary, StringRef key) {
  for (const char *quote : {"'", "\""}) {
    size_t position = dictionary.find((Twine(quote) + key + quote).str());
    if (position == StringRef::npos)
      continue;
    StringRef rest = dictionary.substr(position + key.size() + 2).ltrim();
    if (rest.consume_front(":"))
      return rest.ltrim();
  }
  return std::nullopt;
}

Expected<Header> parseHeader(StringRef text, StringRef where) {
  auto malformed = [&](const Twine &what) {
    return createStringError(where + ": malformed .npy header: " + what);
  };
  Header header;
  std::optional<StringRef> descr = valueOf(text, "descr");
  std::optional<StringRef> order = valueOf(text, "fortran_order");
  std::optional<StringRef> shape = valueOf(text, "shape");
  if (!descr || !order || !shape)
    return malformed("it lacks descr, fortran_order or shape");

  if (descr->empty() || (descr->front() != '\'' && descr->front() != '"'))
    return createStringError(where + ": structured arrays are not supported; save plain arrays");
  StringRef code = descr->substr(1, descr->find(descr->front(), 1) - 1);
  const TypeCode *known = llvm::find_if(typeCodes, [&](const TypeCode &t) { return code == t.descr; });
  if (known == std::end(typeCodes))
    return createStringError(where + ": element type '" + code +
                             "' is not supported; convert with .astype() to float32, float64, int64, int32, "
                             "uint8 or bool");
  header.type = known->type;

  if (order->starts_with("True"))
    header.columnMajor = true;
  else if (!order->starts_with("False"))
    return malformed("fortran_order is neither True nor False");

  if (!shape->consume_front("("))
    return malformed("shape is not a tuple");
  size_t end = shape->find(')');
  if (end == StringRef::npos)
    return malformed("shape is not a tuple");
  SmallVector<StringRef> parts;
  shape->take_front(end).split(parts, ',');
  int64_t count = 1;
  for (StringRef part : parts) {
    part = part.trim();
    if (part.empty())
      continue;
    int64_t dim = 0;
    if (part.getAsInteger(10, dim) || dim < 0)
      return malformed("'" + part + "' is not a dimension");
    if (__builtin_mul_overflow(count, std::max<int64_t>(dim, 1), &count) || count > (int64_t(1) << 48))
      return malformed("the shape is larger than any file");
    header.dims.push_back(dim);
  }
  return header;
}

/// Column-major to row-major.
void reorder(Tensor &tensor) {
  const size_t width = elementBytes(tensor.type);
  std::vector<std::byte> source = tensor.bytes;
  std::vector<int64_t> index(tensor.dims.size(), 0);
  for (int64_t to = 0, count = tensor.size(); to < count; ++to) {
    int64_t from = 0;
    for (size_t axis = tensor.dims.size(); axis-- > 0;)
      from = from * tensor.dims[axis] + index[axis];
    std::memcpy(&tensor.bytes[to * width], &source[from * width], width);
    for (size_t axis = tensor.dims.size(); axis-- > 0;) {
      if (++index[axis] < tensor.dims[axis])
        break;
      index[axis] = 0;
    }
  }
}

} // namespace

Expected<Tensor> parseNpy(ArrayRef<std::byte> file, StringRef where) {
  const char *bytes = reinterpret_cast<const char *>(file.data());
  if (file.size() >= 2 && bytes[0] == 'P' && bytes[1] == 'K')
    return createStringError(where + ": this is an archive of arrays (.npz), where one array (.npy) belongs; give it with "
                                     "--inputs");
  if (file.size() < magicBytes + 4 || std::memcmp(bytes, magic, magicBytes) != 0)
    return createStringError(where + ": not a .npy array; write it with numpy.save");
  const int version = uint8_t(bytes[magicBytes]);
  if (version < 1 || version > 3)
    return createStringError(where + ": .npy version " + Twine(version) + " is unknown");
  const size_t lengthBytes = version == 1 ? 2 : 4;
  const size_t textStart = magicBytes + 2 + lengthBytes;
  if (file.size() < textStart)
    return createStringError(where + ": truncated .npy header");
  const char *length = bytes + magicBytes + 2;
  const size_t textBytes =
      lengthBytes == 2 ? support::endian::read16le(length) : support::endian::read32le(length);
  if (file.size() - textStart < textBytes)
    return createStringError(where + ": truncated .npy header");

  Expected<Header> header = parseHeader(StringRef(bytes + textStart, textBytes), where);
  if (!header)
    return header.takeError();
  Tensor tensor;
  tensor.type = header->type;
  tensor.dims = header->dims;
  const size_t needed = tensor.size() * elementBytes(tensor.type);
  const size_t present = file.size() - textStart - textBytes;
  if (present != needed)
    return createStringError(where + ": " + (present < needed ? "truncated" : "trailing bytes") + ": " +
                             describe(tensor) + " takes " + Twine(needed) + " bytes, the file has " +
                             Twine(present));
  tensor.bytes.assign(file.end() - present, file.end());
  if (tensor.type == ElementType::I1)
    for (std::byte &value : tensor.bytes)
      value = std::byte(value != std::byte(0)); // anything else than 0 and 1 is no bool to compiled code
  if (header->columnMajor)
    reorder(tensor);
  return tensor;
}

std::vector<std::byte> formatNpy(const Tensor &tensor) {
  std::string text = "{'descr': '";
  for (const TypeCode &code : typeCodes)
    if (code.type == tensor.type)
      text += code.descr;
  text += "', 'fortran_order': False, 'shape': (";
  for (int64_t dim : tensor.dims)
    text += std::to_string(dim) + ", ";
  text += "), }";
  // The array starts at a multiple of 64 bytes; the header ends with a newline.
  const size_t prefix = magicBytes + 4;
  text.append(63 - (prefix + text.size()) % 64, ' ');
  text += '\n';

  std::vector<std::byte> file(prefix + text.size() + tensor.bytes.size());
  char *out = reinterpret_cast<char *>(file.data());
  std::memcpy(out, magic, magicBytes);
  out[magicBytes] = 1;
  out[magicBytes + 1] = 0;
  support::endian::write16le(out + magicBytes + 2, uint16_t(text.size()));
  std::memcpy(out + prefix, text.data(), text.size());
  llvm::copy(tensor.bytes, file.begin() + prefix + text.size());
  return file;
}

Expected<Tensor> readNpy(StringRef path) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> file = MemoryBuffer::getFile(path);
  if (!file)
    return createStringError(path + ": cannot read: " + file.getError().message());
  StringRef bytes = (*file)->getBuffer();
  return parseNpy({reinterpret_cast<const std::byte *>(bytes.data()), bytes.size()}, path);
}

Error writeNpy(StringRef path, const Tensor &tensor) {
  std::vector<std::byte> file = formatNpy(tensor);
  return writeFile(path, {reinterpret_cast<const char *>(file.data()), file.size()});
}

Error checkDestination(StringRef path) {
  StringRef folder = sys::path::parent_path(path);
  if (!folder.empty() && !sys::fs::is_directory(folder))
    return createStringError(path + ": cannot write: there is no folder '" + folder + "'");
  if (sys::fs::exists(path) && !sys::fs::is_regular_file(path))
    return createStringError(path + ": cannot write: it is a folder or a device, not a file");
  return Error::success();
}

Error writeFile(StringRef path, StringRef contents) {
  if (Error error = checkDestination(path))
    return error;
  Expected<sys::fs::TempFile> temporary = sys::fs::TempFile::create(path + ".%%%%%%.tmp");
  if (!temporary)
    return createStringError(path + ": cannot write: " + toString(temporary.takeError()));
  raw_fd_ostream stream(temporary->FD, /*shouldClose=*/false);
  stream << contents;
  stream.flush();
  if (std::error_code failure = stream.error()) {
    stream.clear_error();
    consumeError(temporary->discard());
    return createStringError(path + ": cannot write: " + failure.message());
  }
  if (Error failure = temporary->keep(path))
    return createStringError(path + ": cannot write: " + toString(std::move(failure)));
  return Error::success();
}

} // namespace nnc::cli
