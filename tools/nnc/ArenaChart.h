// The arena over time: what lies where while which kernel runs.
#pragma once

#include "compiler/Report.h"

namespace nnc::cli {

/// A line for each kernel: what lives while it runs, as a number and a bar.
void printArena(const FunctionReport &function);
/// Blocks as rectangles: kernels from left to right, addresses upwards.
std::string arenaSvg(const FunctionReport &function);

} // namespace nnc::cli
