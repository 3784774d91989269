// The compiler's report on a model as text.
#pragma once

#include "compiler/Report.h"

namespace nnc::cli {

/// What `nnc compile --explain` prints of every kernel, to stdout.
void printExplanation(const ModelReport &report);
/// What a memory budget costs, a line for each entry, to stdout.
void printMemoryFits(const ModelReport &report);
/// To stderr, one a line.
void printWarnings(const ModelReport &report);

/// `1.23 G`: three digits and a prefix of the SI.
std::string shortNumber(double value);

} // namespace nnc::cli
