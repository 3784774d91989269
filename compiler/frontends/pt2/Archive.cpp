// The layout is that of PKWARE's APPNOTE.TXT: end of central directory (4.3.16),
// its zip64 form (4.3.14, 4.3.15), directory entries (4.3.12), local headers
// (4.3.7), the zip64 extra field (4.5.3).
#include "compiler/frontends/pt2/Archive.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/Endian.h"

using namespace nnc::pt2;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;

namespace {

constexpr uint32_t localHeaderMagic = 0x04034b50, entryMagic = 0x02014b50,
                   endMagic = 0x06054b50, zip64EndMagic = 0x06064b50,
                   zip64LocatorMagic = 0x07064b50;
constexpr size_t localHeaderSize = 30, entrySize = 46, endSize = 22,
                 zip64EndSize = 56, zip64LocatorSize = 20;
constexpr uint16_t stored = 0, encrypted = 1;

uint16_t read16(StringRef bytes, size_t offset) {
  return llvm::support::endian::read16le(bytes.data() + offset);
}
uint32_t read32(StringRef bytes, size_t offset) {
  return llvm::support::endian::read32le(bytes.data() + offset);
}
uint64_t read64(StringRef bytes, size_t offset) {
  return llvm::support::endian::read64le(bytes.data() + offset);
}

/// `size` bytes from `offset` on if the file has them.
std::optional<StringRef> slice(StringRef bytes, uint64_t offset, uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset)
    return std::nullopt;
  return bytes.substr(offset, size);
}

/// The record ends the file, but for a comment of at most 65535 bytes.
std::optional<size_t> findEndRecord(StringRef bytes) {
  if (bytes.size() < endSize)
    return std::nullopt;
  size_t last = bytes.size() - endSize;
  size_t first = last > 65535 ? last - 65535 : 0;
  for (size_t offset = last + 1; offset-- > first;)
    if (read32(bytes, offset) == endMagic &&
        offset + endSize + read16(bytes, offset + 20) == bytes.size())
      return offset;
  return std::nullopt;
}

/// What a file is that is not a zip archive at all, judged by its first bytes.
std::string describeForeign(StringRef bytes) {
  if (bytes.empty())
    return "the file is empty";
  if (bytes.starts_with("PK\3\4"))
    return "the file is cut off: the archive's directory, which ends it, is missing";
  if (bytes.starts_with("\x80\x02"))
    return "this is a pickle (an old torch.save file), which holds weights but no "
           "graph; write the model with torch.export.save";
  if (bytes.substr(8).starts_with("{\""))
    return "this is a checkpoint (.safetensors), which holds weights but no graph; give the "
           "model, and the checkpoint with --load";
  return "not a .pt2 file: it is no zip archive; write the model with "
         "torch.export.save(torch.export.export(model, (x,)), \"model.pt2\")";
}

} // namespace

Error Archive::failure(const llvm::Twine &what) const {
  return llvm::createStringError(path() + ": " + what);
}

Expected<Archive> Archive::open(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError("cannot open " + path + ": " +
                                   buffer.getError().message());
  return read(std::move(*buffer));
}

Expected<Archive> Archive::read(std::unique_ptr<llvm::MemoryBuffer> buffer) {
  Archive archive;
  archive.buffer = std::move(buffer);
  if (Error error = archive.readDirectory())
    return error;
  if (Error error = archive.dropCommonFolder())
    return error;
  return archive;
}

Error Archive::readDirectory() {
  StringRef bytes = buffer->getBuffer();
  std::optional<size_t> end = findEndRecord(bytes);
  if (!end)
    return failure(describeForeign(bytes));

  uint64_t count = read16(bytes, *end + 10);
  uint64_t directorySize = read32(bytes, *end + 12);
  uint64_t directoryOffset = read32(bytes, *end + 16);
  if (*end >= zip64LocatorSize &&
      read32(bytes, *end - zip64LocatorSize) == zip64LocatorMagic) {
    uint64_t offset = read64(bytes, *end - zip64LocatorSize + 8);
    std::optional<StringRef> record = slice(bytes, offset, zip64EndSize);
    if (!record || read32(*record, 0) != zip64EndMagic)
      return failure("the archive is corrupt: its zip64 directory record is not "
                     "where the file says");
    count = read64(*record, 32);
    directorySize = read64(*record, 40);
    directoryOffset = read64(*record, 48);
  }
  std::optional<StringRef> directory = slice(bytes, directoryOffset, directorySize);
  if (!directory)
    return failure("the archive is corrupt or cut off: its directory lies outside "
                   "of the file");

  StringRef rest = *directory;
  for (uint64_t index = 0; index < count; ++index) {
    if (rest.size() < entrySize || read32(rest, 0) != entryMagic)
      return failure("the archive is corrupt: directory entry " + llvm::Twine(index) +
                     " is damaged");
    size_t nameSize = read16(rest, 28), extraSize = read16(rest, 30),
           commentSize = read16(rest, 32);
    if (rest.size() < entrySize + nameSize + extraSize + commentSize)
      return failure("the archive is corrupt: directory entry " + llvm::Twine(index) +
                     " runs past the directory");
    Member member{read32(rest, 42), read32(rest, 20), read32(rest, 24),
                  read32(rest, 16), read16(rest, 10), read16(rest, 8)};
    StringRef name = rest.substr(entrySize, nameSize);
    StringRef extra = rest.substr(entrySize + nameSize, extraSize);

    // A field that holds all ones has its value in the zip64 extra field; the
    // values there keep this order and are present only where needed.
    while (extra.size() >= 4) {
      size_t size = read16(extra, 2);
      if (extra.size() - 4 < size)
        return failure("the archive is corrupt: the extra field of " + name +
                       " is damaged");
      StringRef field = extra.substr(4, size);
      if (read16(extra, 0) == 1)
        for (uint64_t *value :
             {&member.size, &member.compressedSize, &member.headerOffset})
          if (*value == 0xffffffff && field.size() >= 8) {
            *value = read64(field, 0);
            field = field.drop_front(8);
          }
      extra = extra.drop_front(4 + size);
    }
    if (!name.ends_with("/") && !members.try_emplace(name, member).second)
      return failure("the archive is corrupt: it holds " + name + " twice");
    rest = rest.drop_front(entrySize + nameSize + extraSize + commentSize);
  }
  return Error::success();
}

Error Archive::dropCommonFolder() {
  if (members.empty())
    return failure("the archive is empty");
  StringRef folder = members.begin()->getKey().split('/').first;
  llvm::StringMap<Member> shortened;
  for (const auto &entry : members) {
    auto [first, rest] = entry.getKey().split('/');
    if (first.ends_with(".npy"))
      return failure("this is an archive of arrays (.npz), not a model");
    if (first != folder || rest.empty())
      return failure("not a .pt2 file: the members of this zip archive do not share "
                     "one folder (" +
                     folder + ", " + first + ")");
    shortened[rest] = entry.getValue();
  }
  members = std::move(shortened);
  return Error::success();
}

Expected<StringRef> Archive::contents(StringRef name) const {
  auto found = members.find(name);
  if (found == members.end())
    return failure("the archive has no " + name + "; write it again with torch.export.save");
  const Member &member = found->second;
  if (member.flags & encrypted)
    return failure(name + " is encrypted");
  if (member.method != stored)
    return failure(name + " is compressed (method " + llvm::Twine(member.method) +
                   "); a .pt2 file stores its members, so this one was repacked: "
                   "write it again with torch.export.save");
  StringRef bytes = buffer->getBuffer();
  std::optional<StringRef> header = slice(bytes, member.headerOffset, localHeaderSize);
  if (!header || read32(*header, 0) != localHeaderMagic)
    return failure("the archive is corrupt: " + name + " is not where the directory says");
  uint64_t start = member.headerOffset + localHeaderSize + read16(*header, 26) +
                   read16(*header, 28);
  std::optional<StringRef> contents = slice(bytes, start, member.size);
  if (!contents || member.size != member.compressedSize)
    return failure("the archive is corrupt or cut off: " + name + " runs past its end");
  if (llvm::crc32(llvm::arrayRefFromStringRef(*contents)) != member.checksum)
    return failure("the archive is corrupt: the checksum of " + name + " is wrong");
  return *contents;
}

std::vector<StringRef> Archive::names() const {
  std::vector<StringRef> names;
  for (const auto &entry : members)
    names.push_back(entry.getKey());
  llvm::sort(names);
  return names;
}
