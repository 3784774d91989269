#include "codegen/library/Library.h"
#include "codegen/library/CFunctions.h"
#include "codegen/library/Descriptor.h"
#include "codegen/library/Header.h"
#include "codegen/library/Link.h"
#include "codegen/library/Signature.h"
#include "codegen/library/Verify.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace nnc {

namespace {

/// A folder beside the output, so that the last step is a rename; removed with
/// everything in it.
class ScratchFolder {
public:
  static llvm::Expected<ScratchFolder> create(llvm::StringRef outputPrefix) {
    for (;;) {
      llvm::SmallString<256> path;
      // MakeAbsolute would prepend the system's folder for temporary files.
      llvm::sys::fs::createUniquePath(outputPrefix + ".%%%%%%%%.tmp", path, /*MakeAbsolute=*/false);
      const std::error_code code = llvm::sys::fs::create_directory(path, /*IgnoreExisting=*/false);
      if (!code)
        return ScratchFolder(path);
      if (code != std::errc::file_exists)
        return llvm::createStringError(code, "cannot write to the folder of '" + outputPrefix +
                                                 ".so': " + code.message());
    }
  }

  ScratchFolder(ScratchFolder &&other) : path(std::move(other.path)) { other.path.clear(); }

  ~ScratchFolder() {
    if (!path.empty())
      llvm::sys::fs::remove_directories(path);
  }

  std::string file(const llvm::Twine &name) const {
    llvm::SmallString<256> result(path);
    llvm::sys::path::append(result, name);
    return std::string(result);
  }

  const std::string &folder() const { return path; }

private:
  explicit ScratchFolder(llvm::StringRef path) : path(path) {}
  std::string path;
};

} // namespace

/// Renames the finished files; undoes what it did when one fails.
static llvm::Error moveIntoPlace(llvm::ArrayRef<std::pair<std::string, std::string>> renames) {
  for (const auto &[from, to] : renames)
    if (llvm::sys::fs::is_directory(to))
      return llvm::createStringError("cannot write '" + to + "': it is a directory");
  for (size_t i = 0; i < renames.size(); ++i) {
    const std::error_code code = llvm::sys::fs::rename(renames[i].first, renames[i].second);
    if (!code)
      continue;
    for (size_t j = 0; j < i; ++j)
      llvm::sys::fs::remove(renames[j].second);
    return llvm::createStringError(code, "cannot write '" + renames[i].second +
                                             "': " + code.message());
  }
  return llvm::Error::success();
}

llvm::Error writeLibrary(const ModelInterface &model,
                         llvm::ArrayRef<llvm::SmallVector<char, 0>> objects,
                         const InitialData &initialData, llvm::StringRef outputPrefix) {
  if (llvm::Error error = verifyInterface(model, initialData.size()))
    return error;
  llvm::StringRef folder = llvm::sys::path::parent_path(outputPrefix);
  if (std::error_code code = folder.empty() ? std::error_code() : llvm::sys::fs::create_directories(folder))
    return llvm::createStringError(folder + ": cannot make this folder: " + code.message());
  auto scratch = ScratchFolder::create(outputPrefix);
  if (!scratch)
    return scratch.takeError();

  auto platform = Platform::find(model.target);
  if (!platform)
    return platform.takeError();

  const std::string signature = signatureJson(model);
  auto descriptor = emitDescriptor(model, **platform, signature, initialData.size());
  if (!descriptor)
    return descriptor.takeError();

  LinkJob job;
  job.platform = *platform;
  job.objects.push_back(scratch->file("initial_data.o"));
  if (llvm::Error error = initialData.writeObject(job.objects.back(), initialDataSymbol, (*platform)->elfMachine))
    return error;
  auto addObject = [&](llvm::StringRef bytes) {
    job.objects.push_back(scratch->file("object" + llvm::Twine(job.objects.size()) + ".o"));
    return writeFile(job.objects.back(), bytes);
  };
  for (const llvm::SmallVector<char, 0> &object : objects)
    if (llvm::Error error = addObject({object.data(), object.size()}))
      return error;
  if (llvm::Error error = addObject({descriptor->data(), descriptor->size()}))
    return error;

  const std::string base = llvm::sys::path::filename(outputPrefix).str();
  job.exports = exportedNames(model);
  job.soname = base + ".so";
  job.scratchFolder = scratch->folder();
  job.output = scratch->file("library.so");
  if (llvm::Error error = linkSharedLibrary(job))
    return error;

  const uint64_t hash = interfaceHash(signature);
  if (llvm::Error error = writeFile(scratch->file("header.h"), cHeader(model, base, hash)))
    return error;
  if (llvm::Error error = writeFile(scratch->file("header.hpp"), cxxHeader(model, base)))
    return error;
  const std::string prefix = outputPrefix.str();
  return moveIntoPlace({{scratch->file("header.h"), prefix + ".h"},
                        {scratch->file("header.hpp"), prefix + ".hpp"},
                        {job.output, prefix + ".so"}});
}

llvm::Expected<std::string> libraryPrefix(llvm::StringRef path) {
  auto binary = llvm::object::ObjectFile::createObjectFile(path);
  if (!binary)
    return binary.takeError();
  if (auto *elf = llvm::dyn_cast<llvm::object::ELFObjectFileBase>(binary->getBinary()))
    for (const llvm::object::ELFSymbolRef symbol : elf->getDynamicSymbolIterators()) {
      auto name = symbol.getName();
      if (!name)
        return name.takeError();
      if (!name->consume_back("_signature"))
        continue;
      const Platform *platform = Platform::ofMachine(elf->getEMachine());
      if (platform && !platform->isThisMachine())
        return llvm::createStringError("compiled for " + llvm::Twine(platform->name) +
                                       ", it cannot be loaded here: compile the model without --target");
      return name->str();
    }
  return llvm::createStringError("'" + path + "' is not a library that nnc wrote: it exports no "
                                 "NAME_signature");
}

} // namespace nnc
