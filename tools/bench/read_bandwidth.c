/* Reads a buffer once in whole vectors, as fast as memory gives them. Returns the
 * bytes read; the caller takes the time. */
#include <stdint.h>

#if defined(__AVX512F__)
enum { BYTES = 64 };
#elif defined(__AVX__)
enum { BYTES = 32 };
#else
enum { BYTES = 16 };
#endif
enum { STREAMS = 8 };
typedef float vector __attribute__((vector_size(BYTES)));

volatile float read_bandwidth_result;

int64_t read_bandwidth(const void *buffer, int64_t bytes) {
  const vector *from = (const vector *)buffer;
  vector sum[STREAMS] = {0};
  int64_t steps = bytes / (BYTES * STREAMS);
  for (int64_t step = 0; step < steps; ++step, from += STREAMS)
#pragma GCC unroll 8
    for (int i = 0; i < STREAMS; ++i)
      sum[i] += from[i];
  for (int i = 1; i < STREAMS; ++i)
    sum[0] += sum[i];
  read_bandwidth_result = sum[0][0];
  return steps * BYTES * STREAMS;
}
