/* The digits that compile.sh extracted from models/data, as floats in 0 .. 1. */
#ifndef DIGITS_H
#define DIGITS_H

#include "check.h"
#include <stdint.h>

enum { PIXELS = 28 * 28, DIGITS = 4000 };
static float images[DIGITS * PIXELS]; /* [DIGITS, 1, 28, 28] */
static int64_t classes[DIGITS];

static void read_array(const char *folder, const char *name, void *data, size_t bytes) {
  char path[4096];
  enum { HEADER = 128 }; /* of the .npy files in digits.npz */
  snprintf(path, sizeof path, "%s/%s.npy", folder, name);
  FILE *file = fopen(path, "rb");
  CHECK(file && fseek(file, HEADER, SEEK_SET) == 0 && fread(data, 1, bytes, file) == bytes);
  fclose(file);
}

static void read_digits(const char *folder) {
  static unsigned char bytes[DIGITS * PIXELS];
  read_array(folder, "x", bytes, sizeof bytes);
  read_array(folder, "y", classes, sizeof classes);
  for (int i = 0; i < DIGITS * PIXELS; ++i)
    images[i] = (float)bytes[i] / 255;
}

#endif
