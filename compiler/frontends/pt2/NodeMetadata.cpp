#include "compiler/frontends/pt2/NodeMetadata.h"

#include "llvm/ADT/StringExtras.h"

using namespace nnc::pt2;
using llvm::StringRef;

void nnc::pt2::readModuleStack(StringRef stack, Node &node) {
  // Each entry is "key,path,class", outermost first. Nodes that export itself adds
  // (sizes read in front of the graph) carry a placeholder for all three.
  StringRef innermost = stack.rsplit(';').second;
  if (innermost.empty())
    innermost = stack;
  StringRef rest = innermost.split(',').second;
  auto [path, className] = rest.rsplit(',');
  if (className.starts_with("_empty_nn_module_stack"))
    return;
  node.modulePath = path.str();
  node.moduleClass = className.str();
}

static bool belongsToTorch(StringRef file) {
  return file.contains("site-packages/torch/") || file.contains("dist-packages/torch/") ||
         file.starts_with("torch/") || file.starts_with("<");
}

SourceLine nnc::pt2::userLine(StringRef stackTrace) {
  // Frames are `File "PATH", line N, in FUNCTION` with the code below, outermost
  // first.
  SourceLine innermost;
  for (StringRef line : llvm::split(stackTrace, '\n')) {
    line = line.trim();
    if (!line.consume_front("File \""))
      continue;
    auto [file, position] = line.split("\", line ");
    unsigned number;
    if (!position.consumeInteger(10, number) && !belongsToTorch(file))
      innermost = {file.str(), number};
  }
  return innermost;
}

std::string nnc::pt2::describe(const Node &node) {
  std::string text = "layer " + (node.modulePath.empty() ? "<model>" : node.modulePath);
  if (!node.moduleClass.empty())
    text += " (" + StringRef(node.moduleClass).rsplit('.').second.str() + ")";
  if (!node.source.file.empty())
    text += ", " + node.source.file + ":" + std::to_string(node.source.line);
  return text;
}
