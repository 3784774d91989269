// The stages of Pipeline.cpp as passes that nnc-opt runs one at a time, for lit
// tests: each does to textual IR what the compiler does to a model.
#pragma once

namespace nnc {

/// Registers -nnc-decompose, -nnc-differentiate, -nnc-add-training,
/// -nnc-form-kernels, -nnc-plan, -nnc-emit-loops and -nnc-verify-stage.
void registerPasses();

} // namespace nnc
