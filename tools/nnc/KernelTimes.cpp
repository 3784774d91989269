#include "tools/nnc/KernelTimes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace nnc::cli {

// struct timespec: seconds, then nanoseconds.
void KernelTimes::add(const Tensor &clock) {
  const int64_t *stamps = clock.data<int64_t>();
  for (auto [i, times] : enumerate(runs)) {
    const int64_t *before = stamps + 2 * i, *after = before + 2;
    times.push_back(double(after[0] - before[0]) + 1e-9 * double(after[1] - before[1]));
  }
}

std::vector<KernelTimes::Row> KernelTimes::rows(const Roofline &roofline) const {
  std::vector<Row> result;
  for (auto [kernel, times] : zip(function.kernels, runs)) {
    std::vector<double> sorted = times;
    llvm::sort(sorted);
    // Never quite zero: rates divide by it.
    const double seconds = std::max(sorted[sorted.size() / 2] - roofline.clockSeconds, 1e-9);
    Roofline::Bound bound = roofline.boundOf(kernel, stateBytes);
    if (bound.name == "dispatch")
      bound.seconds = std::min(bound.seconds, seconds);
    result.push_back({&kernel, seconds, bound});
  }
  llvm::stable_sort(result, [](const Row &a, const Row &b) { return a.seconds > b.seconds; });
  return result;
}

void KernelTimes::print(const Roofline &roofline) const {
  outs() << format("roofline: FMA %.1f GFLOP/s", roofline.peak * 1e-9);
  for (const Roofline::Level &level : roofline.levels)
    outs() << format(", %s %.1f GB/s", level.name.c_str(), level.bandwidth * 1e-9);
  outs() << "\n      us      %  GFLOP/s     GB/s  bound     share  kernel\n";
  const std::vector<Row> all = rows(roofline);
  double total = 0, bounds = 0;
  int64_t operations = 0, bytes = 0;
  for (const Row &row : all) {
    total += row.seconds;
    bounds += row.bound.seconds;
    operations += row.kernel->operations.value;
    bytes += row.kernel->bytes.value;
  }
  auto line = [&](double seconds, int64_t operations, int64_t bytes, const char *bound, double share, StringRef name) {
    outs() << format("%8.1f %6.1f %8.1f %8.1f  %-8s %5.1f%%  ", seconds * 1e6, 100 * seconds / total,
                     double(operations) / seconds * 1e-9, double(bytes) / seconds * 1e-9, bound, 100 * share)
           << name << "\n";
  };
  for (const Row &row : all) {
    const KernelReport &kernel = *row.kernel;
    std::string name = kernel.name + "  [" + kernel.family + ": " + join(kernel.ops, ", ") + "]  " + kernel.source;
    line(row.seconds, kernel.operations.value, kernel.bytes.value, row.bound.name.c_str(), row.share(), name);
  }
  line(total, operations, bytes, "", bounds / total, std::to_string(all.size()) + " kernels of " + function.name);
}

void KernelTimes::write(json::OStream &stream, const Roofline &roofline) const {
  stream.attributeObject("roofline", [&] {
    stream.attribute("gflops", roofline.peak * 1e-9);
    for (const Roofline::Level &level : roofline.levels)
      stream.attribute(level.name + "_gbytes", level.bandwidth * 1e-9);
  });
  stream.attributeArray("kernels", [&] {
    for (const Row &row : rows(roofline))
      stream.object([&] {
        stream.attribute("name", row.kernel->name);
        stream.attribute("layer", row.kernel->layer);
        stream.attribute("source", row.kernel->source);
        stream.attribute("family", row.kernel->family);
        stream.attributeArray("ops", [&] {
          for (const std::string &op : row.kernel->ops)
            stream.value(op);
        });
        stream.attribute("ms", row.seconds * 1e3);
        stream.attribute("gflops", double(row.kernel->operations.value) / row.seconds * 1e-9);
        stream.attribute("operations", row.kernel->operations.value);
        stream.attribute("bytes", row.kernel->bytes.value);
        stream.attribute("bound", row.bound.name);
        stream.attribute("share", row.share());
      });
  });
}

} // namespace nnc::cli
