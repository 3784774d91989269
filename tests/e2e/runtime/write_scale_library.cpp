// write_scale_library OBJECT NAME PREFIX [FEATURE]: the library of scale_kernels.c;
// with a CPU feature, one that asks for it.
#include "codegen/library/Library.h"
#include "scale_interface.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  auto buffer = llvm::MemoryBuffer::getFile(argv[1]);
  if (!buffer) {
    llvm::errs() << argv[1] << ": " << buffer.getError().message() << "\n";
    return 1;
  }
  nnc::ModelInterface model = nnc::scaleInterface(argv[2]);
  if (argc > 4)
    model.cpuFeatures.push_back(argv[4]);
  llvm::SmallVector<char, 0> object((*buffer)->getBufferStart(), (*buffer)->getBufferEnd());
  std::string data = nnc::scaleInitialData();
  if (llvm::Error error = nnc::writeLibrary(model, {object}, nnc::InitialData(data), argv[3])) {
    llvm::errs() << llvm::toString(std::move(error)) << "\n";
    return 1;
  }
  return 0;
}
