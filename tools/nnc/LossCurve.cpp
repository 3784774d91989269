#include "tools/nnc/LossCurve.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cmath>
#include <vector>

using namespace llvm;

namespace nnc::cli {
namespace {

/// The means of `count` equal parts of the finite losses, fewer if there are fewer steps.
std::vector<double> averaged(ArrayRef<double> losses, size_t count) {
  std::vector<double> finite;
  llvm::copy_if(losses, std::back_inserter(finite), [](double loss) { return std::isfinite(loss); });
  count = std::min(count, finite.size());
  std::vector<double> means(count);
  for (size_t part = 0; part < count; ++part) {
    size_t begin = part * finite.size() / count, end = (part + 1) * finite.size() / count;
    for (size_t i = begin; i < end; ++i)
      means[part] += finite[i] / double(end - begin);
  }
  return means;
}

} // namespace

std::string drawLossCurve(ArrayRef<double> losses, int columns, int rows) {
  // A Braille character has 2 x 4 dots; bit of the dot in [row][column], Unicode 15, 2800-28FF.
  constexpr uint8_t dotBits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
  std::vector<double> means = averaged(losses, size_t(columns) * 2);
  if (means.empty())
    return "";
  auto [low, high] = std::minmax_element(means.begin(), means.end());
  const double bottom = std::min(0.0, *low), top = std::max(*high, bottom + 1e-9);
  const int width = columns * 2, height = rows * 4;
  std::vector<std::vector<uint8_t>> cells(rows, std::vector<uint8_t>(columns, 0));
  int previous = -1;
  for (int x = 0; x < width; ++x) {
    const double mean = means[size_t(x) * means.size() / size_t(width)];
    const int y = std::clamp(int((top - mean) / (top - bottom) * (height - 1) + 0.5), 0, height - 1);
    // Steep parts stay connected.
    for (int dot = std::min(y, previous < 0 ? y : previous); dot <= std::max(y, previous); ++dot)
      cells[dot / 4][x / 2] |= dotBits[dot % 4][x % 2];
    previous = y;
  }
  std::string text;
  raw_string_ostream out(text);
  for (int row = 0; row < rows; ++row) {
    if (row == 0 || row == rows - 1)
      out << format("%8.4f ", row == 0 ? top : bottom);
    else
      out.indent(9);
    out << "│";
    for (uint8_t bits : cells[row]) {
      const unsigned point = 0x2800 + bits; // U+2800..U+28FF in UTF-8
      out << char(0xE0 | point >> 12) << char(0x80 | (point >> 6 & 0x3F)) << char(0x80 | (point & 0x3F));
    }
    out << "\n";
  }
  out.indent(9) << "└";
  for (int column = 0; column < columns; ++column)
    out << "─";
  std::string last = std::to_string(losses.size());
  out << "\n";
  out.indent(10) << "step 1";
  out.indent(std::max<int>(1, columns - 6 - int(last.size()))) << last << "\n";
  return text;
}

std::string lossCurveSvg(ArrayRef<double> losses, StringRef title) {
  constexpr int width = 640, height = 360, left = 60, right = 20, above = 40, below = 40;
  std::vector<double> means = averaged(losses, 400);
  double top = 1e-9;
  for (double mean : means)
    top = std::max(top, mean);
  std::string text;
  raw_string_ostream out(text);
  out << format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
                "font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
                width, height);
  out << "<text x=\"" << width / 2 << "\" y=\"20\" text-anchor=\"middle\" font-size=\"14\">";
  printHTMLEscaped(title, out);
  out << "</text>\n";
  const double plotWidth = width - left - right, plotHeight = height - above - below;
  for (int line = 0; line <= 4; ++line) {
    const double y = above + plotHeight * line / 4;
    out << format("<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", left, y,
                  width - right, y);
    out << format("<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>\n", left - 6, y + 4,
                  top * (4 - line) / 4);
  }
  out << format("<text x=\"%d\" y=\"%d\">step 1</text>\n", left, height - 14);
  out << "<text x=\"" << width - right << "\" y=\"" << height - 14 << "\" text-anchor=\"end\">"
      << losses.size() << "</text>\n<polyline fill=\"none\" stroke=\"#1f77b4\" stroke-width=\"1.5\" points=\"";
  for (size_t i = 0; i < means.size(); ++i) {
    const double x = left + plotWidth * double(i) / double(std::max<size_t>(1, means.size() - 1));
    out << format("%.1f,%.1f ", x, above + plotHeight * (1 - std::max(0.0, means[i]) / top));
  }
  out << "\"/>\n</svg>\n";
  return text;
}

} // namespace nnc::cli
