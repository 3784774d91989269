// Runs single passes over textual IR, for the lit tests and for looking at what a
// stage does: nnc-opt model.mlir --nnc-decompose --nnc-form-kernels=optimization=0
#include "codegen/cpu/LowerToLLVM.h"
#include "compiler/transforms/Passes.h"
#include "dialects/nn/Nn.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  nnc::cpu::registerLoweringDialects(registry);
  registry.insert<nnc::nn::NNDialect>();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  nnc::registerPasses();
  nnc::cpu::registerLoweringPipeline();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "nnc's passes, one at a time\n", registry));
}
