#include "codegen/library/Link.h"
#include "codegen/Platform.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <mutex>

LLD_HAS_DRIVER(elf)

namespace nnc {

llvm::Error writeFile(llvm::StringRef path, llvm::function_ref<void(llvm::raw_ostream &)> write) {
  std::error_code code;
  llvm::raw_fd_ostream stream(path, code);
  if (!code) {
    write(stream);
    stream.close();
    code = stream.error();
    stream.clear_error();
  }
  if (code)
    return llvm::createStringError(code, "cannot write '" + path + "': " + code.message());
  return llvm::Error::success();
}

llvm::Error writeFile(llvm::StringRef path, llvm::StringRef contents) {
  return writeFile(path, [&](llvm::raw_ostream &stream) { stream << contents; });
}

/// `{ global: a; b; local: *; };`
static std::string versionScript(llvm::ArrayRef<std::string> exports) {
  std::string script = "{\nglobal:\n";
  for (const std::string &name : exports)
    script += "  " + name + ";\n";
  return script + "local:\n  *;\n};\n";
}

llvm::Error linkSharedLibrary(const LinkJob &job) {
  auto inFolder = [&](llvm::StringRef name) {
    llvm::SmallString<256> path(job.scratchFolder);
    llvm::sys::path::append(path, name);
    return std::string(path);
  };
  const std::string runtime = inFolder("runtime.o"), libc = inFolder("libc.so.6"),
                    libm = inFolder("libm.so.6"), script = inFolder("exports.map");
  if (llvm::Error error = writeFile(runtime, job.platform->runtime.object))
    return error;
  if (llvm::Error error = writeFile(libc, job.platform->runtime.libc))
    return error;
  if (llvm::Error error = writeFile(libm, job.platform->runtime.libm))
    return error;
  if (llvm::Error error = writeFile(script, versionScript(job.exports)))
    return error;

  std::vector<std::string> arguments = {
      "ld.lld", "-shared", "-m", job.platform->emulation, "--color-diagnostics=never", "--threads=1",
      "--gc-sections", "--strip-all", "--build-id=none", "--hash-style=gnu", "-z", "defs",
      "-z", "now", "-z", "relro",
      // Write through write(2): a full disk is an error then, not a signal.
      "--no-mmap-output-file", "--version-script=" + script, "-soname=" + job.soname, "-o",
      job.output};
  arguments.insert(arguments.end(), job.objects.begin(), job.objects.end());
  arguments.insert(arguments.end(), {runtime, "--as-needed", libc, libm});
  std::vector<const char *> pointers;
  for (const std::string &argument : arguments)
    pointers.push_back(argument.c_str());

  // lld keeps its state in globals.
  static std::mutex mutex;
  static bool canRun = true;
  std::lock_guard<std::mutex> lock(mutex);
  if (!canRun)
    return llvm::createStringError("the linker crashed before and cannot run again");
  std::string text;
  llvm::raw_string_ostream stream(text);
  const lld::Result result =
      lld::lldMain(pointers, stream, stream, {{lld::Gnu, &lld::elf::link}});
  canRun = result.canRunAgain;
  if (result.retCode != 0)
    return llvm::createStringError("linking '" + job.soname + "' failed:\n" +
                                   llvm::StringRef(text).rtrim().str());
  return llvm::Error::success();
}

} // namespace nnc
