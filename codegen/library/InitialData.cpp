#include "codegen/library/InitialData.h"
#include "codegen/library/Link.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

namespace nnc {

using namespace llvm::ELF;

static constexpr uint64_t pieceAlignment = 64;

uint64_t InitialData::append(llvm::StringRef bytes) {
  uint64_t offset = llvm::alignTo(end, pieceAlignment);
  pieces.push_back({offset, bytes});
  end = offset + bytes.size();
  return offset;
}

template <typename T> static void writeRecord(llvm::raw_ostream &stream, const T &record) {
  stream.write(reinterpret_cast<const char *>(&record), sizeof(T));
}

llvm::Error InitialData::writeObject(llvm::StringRef path, llvm::StringRef symbol, uint16_t elfMachine) const {
  // Header, the data, the tables; sections: none, data, symbols, names.
  enum { None, Data, Symbols, Names, SectionCount };
  const std::string dataName = ".rodata.nnc_initial_data";
  std::string names(1, '\0');
  auto nameOffset = [&](llvm::StringRef name) {
    uint32_t offset = names.size();
    names += name.str() + '\0';
    return offset;
  };

  Elf64_Sym symbols[2] = {};
  symbols[1].st_name = nameOffset(symbol);
  symbols[1].setBindingAndType(STB_GLOBAL, STT_OBJECT);
  symbols[1].st_other = STV_HIDDEN;
  symbols[1].st_shndx = Data;
  symbols[1].st_size = end;

  Elf64_Shdr sections[SectionCount] = {};
  auto describe = [&](int section, llvm::StringRef name, uint32_t type, uint64_t alignment, uint64_t offset, uint64_t size) {
    sections[section].sh_name = nameOffset(name);
    sections[section].sh_type = type;
    sections[section].sh_addralign = alignment;
    sections[section].sh_offset = offset;
    sections[section].sh_size = size;
  };
  // Large data lie on pages of their own, none of which is shared with what relocation touches.
  const uint64_t dataStart = llvm::alignTo(sizeof(Elf64_Ehdr), pieceAlignment);
  describe(Data, dataName, SHT_PROGBITS, end >= 65536 ? 4096 : pieceAlignment, dataStart, end);
  sections[Data].sh_flags = SHF_ALLOC;
  const uint64_t symbolStart = llvm::alignTo(dataStart + end, 8);
  describe(Symbols, ".symtab", SHT_SYMTAB, 8, symbolStart, sizeof(symbols));
  sections[Symbols].sh_link = Names;
  sections[Symbols].sh_info = 1; // the first symbol that is not local
  sections[Symbols].sh_entsize = sizeof(Elf64_Sym);
  describe(Names, ".strtab", SHT_STRTAB, 1, symbolStart + sizeof(symbols), 0);
  sections[Names].sh_size = names.size();

  Elf64_Ehdr header = {};
  std::copy_n(ElfMagic, 4, header.e_ident);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_REL;
  header.e_machine = elfMachine;
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof(header);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = SectionCount;
  header.e_shstrndx = Names;
  header.e_shoff = llvm::alignTo(sections[Names].sh_offset + names.size(), 8);

  return writeFile(path, [&](llvm::raw_ostream &stream) {
    auto fillTo = [&](uint64_t offset) { stream.write_zeros(offset - stream.tell()); };
    writeRecord(stream, header);
    for (const Piece &piece : pieces) {
      fillTo(dataStart + piece.offset);
      stream << piece.bytes;
    }
    fillTo(symbolStart);
    for (const Elf64_Sym &record : symbols)
      writeRecord(stream, record);
    stream << names;
    fillTo(header.e_shoff);
    for (const Elf64_Shdr &record : sections)
      writeRecord(stream, record);
  });
}

} // namespace nnc
