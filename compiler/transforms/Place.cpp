#include "compiler/transforms/Place.h"

using namespace mlir;

namespace nnc {

std::string layerOf(Location location) {
  std::string layer;
  location->walk([&](Location part) {
    auto name = dyn_cast<NameLoc>(part);
    if (name)
      layer = name.getName().str();
    return name ? WalkResult::interrupt() : WalkResult::advance();
  });
  return layer;
}

std::string sourceLineOf(Location location) {
  std::string line;
  location->walk([&](Location part) {
    auto file = dyn_cast<FileLineColLoc>(part);
    if (!file || !file.getLine())
      return WalkResult::advance();
    line = file.getFilename().str() + ":" + std::to_string(file.getLine());
    return WalkResult::interrupt();
  });
  return line;
}

} // namespace nnc
