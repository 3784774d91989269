#include "llvm/Plugins/PassPlugin.h"

// The linker's library can optimise bitcode, and Debian's build of it names Polly
// there, whose archive is in a package of its own. nnc links objects alone.
llvm::PassPluginLibraryInfo getPollyPluginInfo() { return {}; }
