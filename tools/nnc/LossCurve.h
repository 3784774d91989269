// The curve of a training run: drawn with Braille dots for a terminal, and as
// an SVG picture.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include <string>

namespace nnc::cli {

/// `losses[i]` is the loss of step i. Several lines of text, the axis labelled.
std::string drawLossCurve(llvm::ArrayRef<double> losses, int columns = 60, int rows = 10);
std::string lossCurveSvg(llvm::ArrayRef<double> losses, llvm::StringRef title);

} // namespace nnc::cli
