// lld as a library: relocatable objects in, a shared library out, without a
// linker or the development files of libc on the user's machine.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace llvm {
class raw_ostream;
}

namespace nnc {

struct Platform;

struct LinkJob {
  const Platform *platform = nullptr;
  std::vector<std::string> objects; ///< paths
  std::vector<std::string> exports; ///< the only symbols that stay visible
  std::string soname;
  /// A folder for the linker script and the stubs of libc and libm.
  std::string scratchFolder;
  std::string output;
};

/// The runtime is linked in. The same objects give the same bytes.
llvm::Error linkSharedLibrary(const LinkJob &job);

/// Writes a file; the error names the path and the reason.
llvm::Error writeFile(llvm::StringRef path, llvm::function_ref<void(llvm::raw_ostream &)> write);
llvm::Error writeFile(llvm::StringRef path, llvm::StringRef contents);

} // namespace nnc
