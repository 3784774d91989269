// The stages of Pipeline.cpp as passes that nnc-opt runs one at a time, for lit
// tests: each does to textual IR what the compiler does to a model.
#pragma once

namespace nnc {

/// Registers all that `nnc-opt --help` lists as -nnc-...
void registerPasses();

} // namespace nnc
