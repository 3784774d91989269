#include "tools/nnc/Zip.h"
#include "tools/nnc/Npy.h"
#include <memory>
#include <zip.h>

using namespace llvm;

namespace nnc::cli {
namespace {

/// Deflate cannot shrink by more; a larger claim is a corrupt size field.
constexpr uint64_t largestRatio = 1032;

std::string messageOf(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

struct Discard {
  void operator()(zip_t *archive) const { zip_discard(archive); }
  void operator()(zip_file_t *file) const { zip_fclose(file); }
};

Expected<std::vector<std::byte>> readMember(zip_t *archive, zip_uint64_t index, const zip_stat_t &stat,
                                            const Twine &where) {
  constexpr zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
  if ((stat.valid & needed) != needed || stat.size / largestRatio > stat.comp_size + 1)
    return createStringError(where + ": corrupt size in the archive");
  std::unique_ptr<zip_file_t, Discard> file(zip_fopen_index(archive, index, 0));
  if (!file)
    return createStringError(where + ": " + zip_strerror(archive));
  std::vector<std::byte> bytes(stat.size);
  for (size_t done = 0; done < bytes.size();) {
    zip_int64_t count = zip_fread(file.get(), bytes.data() + done, bytes.size() - done);
    if (count <= 0)
      return createStringError(where + ": " + (count < 0 ? zip_file_strerror(file.get()) : "truncated"));
    done += size_t(count);
  }
  std::byte beyond; // reading to the end makes libzip compare the checksum
  if (zip_fread(file.get(), &beyond, 1) != 0)
    return createStringError(where + ": " + zip_file_strerror(file.get()));
  return bytes;
}

} // namespace

Expected<std::vector<ZipMember>> readZip(StringRef path) {
  int code = 0;
  std::unique_ptr<zip_t, Discard> archive(zip_open(path.str().c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code));
  if (!archive)
    return createStringError(path + (code == ZIP_ER_NOZIP ? Twine(": not an archive of arrays (.npz); write it with numpy.savez")
                                                          : ": cannot read: " + messageOf(code)));
  std::vector<ZipMember> members;
  for (zip_int64_t index = 0, count = zip_get_num_entries(archive.get(), 0); index < count; ++index) {
    zip_stat_t stat;
    if (zip_stat_index(archive.get(), zip_uint64_t(index), 0, &stat) != 0 || !(stat.valid & ZIP_STAT_NAME))
      return createStringError(path + ": " + zip_strerror(archive.get()));
    Expected<std::vector<std::byte>> bytes =
        readMember(archive.get(), zip_uint64_t(index), stat, path + ": " + stat.name);
    if (!bytes)
      return bytes.takeError();
    members.push_back({stat.name, std::move(*bytes)});
  }
  return members;
}

Error writeZip(StringRef path, const std::vector<ZipMember> &members) {
  if (Error error = checkDestination(path))
    return error;
  int code = 0;
  std::unique_ptr<zip_t, Discard> archive(zip_open(path.str().c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (!archive)
    return createStringError(path + ": cannot write: " + messageOf(code));
  for (const ZipMember &member : members) {
    zip_source_t *source = zip_source_buffer(archive.get(), member.bytes.data(), member.bytes.size(), 0);
    zip_int64_t index = source ? zip_file_add(archive.get(), member.name.c_str(), source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0) {
      zip_source_free(source);
      return createStringError(path + ": cannot write '" + member.name + "': " + zip_strerror(archive.get()));
    }
    constexpr zip_uint16_t firstOf1980 = 0x21; // the earliest date a zip can state
    zip_set_file_compression(archive.get(), zip_uint64_t(index), ZIP_CM_STORE, 0);
    zip_file_set_dostime(archive.get(), zip_uint64_t(index), 0, firstOf1980, 0);
  }
  // zip_close writes a temporary beside the path and renames it.
  if (zip_close(archive.get()) != 0)
    return createStringError(path + ": cannot write: " + zip_strerror(archive.get()));
  (void)archive.release(); // zip_close freed it
  return Error::success();
}

} // namespace nnc::cli
