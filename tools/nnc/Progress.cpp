#include "tools/nnc/Progress.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace nnc::cli {

Progress::Progress(std::string label)
    : label(std::move(label)), enabled(sys::Process::StandardErrIsDisplayed()),
      start(Clock::now()) {}

Progress::~Progress() { clear(); }

void Progress::update(int64_t done, int64_t total, StringRef note) {
  Clock::time_point now = Clock::now();
  if (!enabled || (drawn && done < total && now - lastDrawn < std::chrono::milliseconds(50)))
    return;
  drawn = true;
  lastDrawn = now;
  constexpr int width = 30;
  const double share = total > 0 ? double(done) / double(total) : 1;
  const int full = int(share * width);
  const double seconds = std::chrono::duration<double>(now - start).count();
  errs() << "\r" << label << " ";
  for (int i = 0; i < width; ++i)
    errs() << (i < full ? "█" : "░");
  errs() << format(" %3d%% ", int(share * 100)) << note;
  if (share > 0 && share < 1)
    errs() << format("  %.0f s left", seconds / share - seconds);
  errs() << "\x1b[K";
  errs().flush();
}

void Progress::clear() {
  if (drawn)
    errs() << "\r\x1b[K";
  drawn = false;
}

} // namespace nnc::cli
