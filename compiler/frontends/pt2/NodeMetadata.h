// A node's metadata as torch.export writes it, texts made for people: from them
// the module's path and class, and the user's line that made the node.
#pragma once

#include "compiler/frontends/pt2/ExportedProgram.h"

namespace nnc::pt2 {

/// `L__self__,,app.Net;L__self__fc1,fc1,torch.nn.modules.linear.Linear` ->
/// path and class of the last, innermost module.
void readModuleStack(llvm::StringRef stack, Node &node);

/// The innermost frame of a Python stack trace that is not PyTorch's own.
SourceLine userLine(llvm::StringRef stackTrace);

/// Where a node is, for messages: `layer fc1 (Linear), net.py:12`.
std::string describe(const Node &node);

} // namespace nnc::pt2
