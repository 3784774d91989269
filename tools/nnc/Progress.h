// A progress bar with an estimate of the time left. It appears on a terminal
// only; elsewhere nothing is printed.
#pragma once

#include "llvm/ADT/StringRef.h"
#include <chrono>
#include <string>

namespace nnc::cli {

class Progress {
public:
  /// Draws on stderr if that is a terminal.
  explicit Progress(std::string label);
  ~Progress();

  /// Redraws at most every 50 ms; `note` stands behind the bar.
  void update(int64_t done, int64_t total, llvm::StringRef note);
  void clear();

private:
  using Clock = std::chrono::steady_clock;
  std::string label;
  bool enabled, drawn = false;
  Clock::time_point start, lastDrawn;
};

} // namespace nnc::cli
