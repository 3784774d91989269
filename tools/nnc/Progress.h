// A progress bar with an estimate of the time left. It appears on a terminal
// only; elsewhere nothing is printed.
#pragma once

#include "llvm/ADT/StringRef.h"
#include <chrono>
#include <string>

namespace nnc {

class Progress {
public:
  /// Draws on stderr if that is a terminal.
  Progress(std::string label, int64_t total);
  ~Progress();

  /// Redraws at most every 50 ms; `note` stands behind the bar.
  void update(int64_t done, llvm::StringRef note);
  void clear();

private:
  using Clock = std::chrono::steady_clock;
  std::string label;
  int64_t total;
  bool enabled, drawn = false;
  Clock::time_point start, lastDrawn;
};

} // namespace nnc
