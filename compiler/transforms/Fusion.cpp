#include "compiler/transforms/Fusion.h"
#include "compiler/transforms/FormKernels.h"

using namespace mlir;

namespace nnc {

void fuseKernels(func::FuncOp function) { formKernels(function, 0); }

} // namespace nnc
