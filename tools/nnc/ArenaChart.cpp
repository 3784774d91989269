#include "tools/nnc/ArenaChart.h"
#include "tools/nnc/Explanation.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace nnc::cli {

void printArena(const FunctionReport &function) {
  constexpr int width = 40;
  outs() << function.name << ": the arena's " << shortNumber(double(function.arenaBytes)) << "B over its kernels, of which at most "
         << shortNumber(double(function.liveBytes)) << "B live at a time\n";
  for (size_t i = 0; i < function.kernels.size(); ++i) {
    int64_t live = 0;
    for (const ArenaBlock &block : function.blocks)
      if (block.first <= i && i <= block.last)
        live += block.bytes;
    const int filled = function.arenaBytes ? int(width * live / function.arenaBytes) : 0;
    outs() << right_justify(shortNumber(double(live)) + "B", 9) << " |" << std::string(filled, '#')
           << std::string(width - filled, ' ') << "| " << function.kernels[i].name << "\n";
  }
}

static std::string escaped(StringRef text) {
  std::string result;
  for (char c : text)
    result += c == '<' ? "&lt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : std::string(1, c);
  return result;
}

std::string arenaSvg(const FunctionReport &function) {
  constexpr double width = 960, height = 480;
  const double column = width / double(std::max<size_t>(function.kernels.size(), 1));
  const double scale = height / double(std::max<int64_t>(function.arenaBytes, 1));
  std::string text;
  raw_string_ostream os(text);
  os << format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" font-size=\"12\">\n",
               width + 20, height + 40)
     << "<text x=\"10\" y=\"16\">" << escaped(function.name) << ": arena " << shortNumber(double(function.arenaBytes))
     << "B, " << function.kernels.size() << " kernels</text>\n";
  for (const ArenaBlock &block : function.blocks)
    os << format("<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"hsl(%d,55%%,70%%)\" stroke=\"#555\" stroke-width=\"0.5\">",
                 10 + column * double(block.first), 30 + height - scale * double(block.offset + block.bytes),
                 column * double(block.last - block.first + 1), scale * double(block.bytes), int(block.first * 47 % 360))
       << "<title>" << escaped(block.kernel) << ", " << shortNumber(double(block.bytes)) << "B</title></rect>\n";
  os << "</svg>\n";
  return text;
}

} // namespace nnc::cli
