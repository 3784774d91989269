// A file in memory with a path, for readers that open one.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

class MemoryFile {
public:
  MemoryFile() : descriptor(memfd_create("fuzz", 0)), path("/proc/self/fd/" + std::to_string(descriptor)) {}

  void write(const unsigned char *data, size_t size) const {
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, data, size, 0) != ssize_t(size)) {
      std::perror("memfd");
      std::exit(1);
    }
  }

private:
  int descriptor;

public:
  const std::string path;
};
