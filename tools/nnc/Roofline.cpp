#include "tools/nnc/Roofline.h"
#include "codegen/cpu/Target.h"
#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>
#include <time.h>

// tools/bench/fma_peak.c and read_bandwidth.c, once for each vector length.
extern "C" {
int64_t fma_peak_16(int64_t steps);
int64_t fma_peak_32(int64_t steps);
int64_t fma_peak_64(int64_t steps);
int64_t read_bandwidth_16(const void *buffer, int64_t bytes);
int64_t read_bandwidth_32(const void *buffer, int64_t bytes);
int64_t read_bandwidth_64(const void *buffer, int64_t bytes);
}

namespace nnc::cli {

namespace {

using Clock = std::chrono::steady_clock;

/// The rates of several tries, the lowest first, all threads together; `work` gets the thread and
/// returns what it did.
std::vector<double> measureRates(int64_t threads, int tries, const std::function<int64_t(int64_t)> &work) {
  std::vector<double> rates;
  for (int i = 0; i < tries; ++i) {
    std::vector<int64_t> done(threads);
    std::vector<std::thread> others;
    const Clock::time_point start = Clock::now();
    for (int64_t t = 1; t < threads; ++t)
      others.emplace_back([&, t] { done[t] = work(t); });
    done[0] = work(0);
    for (std::thread &other : others)
      other.join();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    int64_t total = 0;
    for (int64_t d : done)
      total += d;
    rates.push_back(double(total) / seconds);
  }
  std::sort(rates.begin(), rates.end());
  return rates;
}

int64_t cacheBytes(int level, int64_t otherwise) {
  const int64_t bytes = cpu::hostCacheBytes(level);
  return bytes > 0 ? bytes : otherwise;
}

} // namespace

Roofline Roofline::measure(int vectorBytes, int64_t threads) {
  Roofline roofline;
  auto *multiplyAdd = vectorBytes >= 64 ? fma_peak_64 : vectorBytes >= 32 ? fma_peak_32 : fma_peak_16;
  auto *read = vectorBytes >= 64 ? read_bandwidth_64 : vectorBytes >= 32 ? read_bandwidth_32 : read_bandwidth_16;
  roofline.peak = measureRates(threads, 50, [&](int64_t) { return multiplyAdd(100'000); }).back();

  const int64_t l2 = cacheBytes(2, 1 << 20);
  const int64_t l3 = std::max(cacheBytes(3, 8 * l2), 2 * l2);
  const int64_t beyond = std::clamp<int64_t>(2 * l3, 64 << 20, 256 << 20);
  std::vector<float> memory(size_t(beyond) / sizeof(float), 1.0f);
  // Every thread goes round in a part of its own, a few MiB at a try: short tries fall
  // between interruptions. The median counts: the fastest try finds what a cache beyond kept.
  auto measureLevel = [&](const char *name, int64_t capacity, int64_t bytes) {
    const int64_t part = std::min(bytes, beyond / threads) & ~int64_t(4095), piece = std::min<int64_t>(part, 4 << 20);
    std::vector<int64_t> position(threads);
    const std::vector<double> rates = measureRates(threads, 200, [&](int64_t thread) {
      int64_t done = 0, &at = position[thread];
      while (done < 4 << 20) {
        at = at + piece > part ? 0 : at;
        done += read(reinterpret_cast<const char *>(memory.data()) + thread * part + at, piece);
        at += piece;
      }
      return done;
    });
    roofline.levels.push_back({name, capacity, rates[rates.size() / 2]});
  };
  measureLevel("L2", l2, l2 / 2);
  measureLevel("L3", l3, std::min(l3 / 2, 4 * l2));
  measureLevel("DRAM", INT64_MAX, beyond / threads);

  timespec now;
  constexpr int readings = 1000;
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < readings; ++i)
    clock_gettime(CLOCK_MONOTONIC, &now);
  roofline.clockSeconds = std::chrono::duration<double>(Clock::now() - start).count() / readings;
  return roofline;
}

const Roofline::Level &Roofline::levelOf(int64_t bytes) const {
  return *std::find_if(levels.begin(), levels.end(), [&](const Level &level) { return bytes <= level.capacity; });
}

Roofline::Bound Roofline::boundOf(const KernelReport &kernel, int64_t stateBytes) const {
  // What a call costs before it does anything.
  constexpr double dispatchSeconds = 1e-7;
  const Level &level = levelOf(kernel.bytes.value);
  const Level &state = levelOf(std::max(stateBytes, kernel.bytes.value));
  const double arithmetic = double(kernel.operations.value) / kernel.savings / peak;
  const double stateSeconds = double(kernel.stateBytes) / state.bandwidth;
  const double otherSeconds = double(kernel.bytes.value - kernel.stateBytes) / level.bandwidth;
  if (std::max(arithmetic, stateSeconds + otherSeconds) < dispatchSeconds)
    return {"dispatch", dispatchSeconds};
  if (arithmetic >= stateSeconds + otherSeconds)
    return {"FMA", arithmetic};
  return {(stateSeconds > otherSeconds ? state : level).name, stateSeconds + otherSeconds};
}

} // namespace nnc::cli
