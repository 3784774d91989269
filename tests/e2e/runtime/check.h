/* A failed check prints where it stands and ends the program with status 1. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
  do                                                                                               \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                      \
      exit(1);                                                                                     \
    }                                                                                              \
  while (0)

#define CHECK_TEXT(text, expected)                                                                 \
  do                                                                                               \
    if (strcmp((text), (expected)) != 0) {                                                         \
      fprintf(stderr, "%s:%d: got\n  %s\nexpected\n  %s\n", __FILE__, __LINE__, (text),            \
              (expected));                                                                         \
      exit(1);                                                                                     \
    }                                                                                              \
  while (0)

#endif
