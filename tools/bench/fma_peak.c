/* The multiply-add peak of one core: independent accumulators that never leave the
 * registers. Returns the operations done; the caller takes the time. */
#include <stdint.h>

#if defined(__AVX512F__)
enum { BYTES = 64, ACCUMULATORS = 24 };
#elif defined(__AVX__)
enum { BYTES = 32, ACCUMULATORS = 12 };
#else
enum { BYTES = 16, ACCUMULATORS = 12 };
#endif
typedef float vector __attribute__((vector_size(BYTES)));

volatile float fma_peak_result;

int64_t fma_peak(int64_t steps) {
  vector accumulator[ACCUMULATORS], a, b;
  for (int i = 0; i < BYTES / 4; ++i) {
    a[i] = 0.5f;
    b[i] = 0.25f + (float)i;
  }
#pragma GCC unroll 32
  for (int i = 0; i < ACCUMULATORS; ++i)
    accumulator[i] = b * (float)i;
  for (int64_t step = 0; step < steps; ++step) {
    /* The compiler must neither hoist the operands nor sum the series up. */
    __asm__ volatile("" : "+x"(a), "+x"(b));
#pragma GCC unroll 32
    for (int i = 0; i < ACCUMULATORS; ++i)
      accumulator[i] = accumulator[i] * a + b;
  }
  vector sum = accumulator[0];
#pragma GCC unroll 32
  for (int i = 1; i < ACCUMULATORS; ++i)
    sum += accumulator[i];
  fma_peak_result = sum[0];
  return 2 * steps * ACCUMULATORS * (BYTES / 4);
}
