// A `.pt2` file as what it is on disk: a zip archive whose members are stored
// without compression, so that each one is a range of the mapped file.
// Every offset is checked before it is used: the file may be cut off or corrupt.
#pragma once

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <string>
#include <vector>

namespace nnc::pt2 {

class Archive {
public:
  /// Maps `path` and reads its directory.
  static llvm::Expected<Archive> open(llvm::StringRef path);

  /// Reads the directory of an archive in memory; errors name it as
  /// `buffer->getBufferIdentifier()`.
  static llvm::Expected<Archive> read(std::unique_ptr<llvm::MemoryBuffer> buffer);

  /// The bytes of a member, named without the folder that all members share,
  /// e.g. `models/model.json`; its checksum is verified. They live as long as
  /// the archive does (moving the archive keeps them valid).
  llvm::Expected<llvm::StringRef> contents(llvm::StringRef member) const;

  bool contains(llvm::StringRef member) const { return members.contains(member); }

  /// The names of all members, sorted.
  std::vector<llvm::StringRef> names() const;

  llvm::StringRef path() const { return buffer->getBufferIdentifier(); }

private:
  struct Member {
    uint64_t headerOffset, compressedSize, size;
    uint32_t checksum;
    uint16_t method, flags;
  };

  llvm::Error readDirectory();
  llvm::Error dropCommonFolder();
  llvm::Error failure(const llvm::Twine &what) const;

  std::unique_ptr<llvm::MemoryBuffer> buffer;
  llvm::StringMap<Member> members;
};

} // namespace nnc::pt2
