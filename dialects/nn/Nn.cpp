#include "dialects/nn/Nn.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialects/nn/NnDialect.cpp.inc"
#include "dialects/nn/NnEnums.cpp.inc"
#include "dialects/nn/NnInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NnAttributes.cpp.inc"

namespace nnc::nn {

void NNDialect::initialize() {
  registerAttributes();
  registerElementwiseOps();
  registerShapeOps();
  registerReduceOps();
  registerContractOps();
  registerConvOps();
  registerPoolOps();
  registerNormOps();
  registerRandomOps();
  registerLossOps();
  registerIndexOps();
  registerRecurrentOps();
  registerOptimOps();
  registerKernelOps();
}

void NNDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/nn/NnAttributes.cpp.inc"
      >();
}

} // namespace nnc::nn
