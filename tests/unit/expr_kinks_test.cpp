// The golden kink table: values and gradients of every elementwise function as
// PyTorch computes them in f64 where central differences see nothing.
// tests/conformance/kinks.py writes the table.
#include "dialects/nn/Expr/Functions.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace nnc;
using llvm::SmallVector;
using llvm::StringRef;

namespace {

// Where nnc's answer is not torch's, and why. Nothing else may differ.
enum class Deviation {
  DefinedWhereTorchIsNot,  // torch overflows, or subtracts infinities, on the way
  SinglePrecisionConstant, // torch rounds a constant of the gradient to f32
  GradientAtNan,           // torch's own vector and scalar code disagree there
  LimitOperand,            // at -0 or an infinity the order of operations decides
};
constexpr std::pair<StringRef, Deviation> deviations[] = {
    {"soft_margin_loss", Deviation::DefinedWhereTorchIsNot}, // exp(-target * input)
    {"hardswish", Deviation::DefinedWhereTorchIsNot},        // -inf * 0
    {"tanhshrink", Deviation::DefinedWhereTorchIsNot},       // dy - dy * (1 - y * y)
    {"softsign", Deviation::DefinedWhereTorchIsNot},
    {"kl_div", Deviation::DefinedWhereTorchIsNot},           // 0 / 0 for target 0
    {"hardsigmoid", Deviation::SinglePrecisionConstant},     // 1 / 6
    {"binary_cross_entropy", Deviation::SinglePrecisionConstant}, // 1e-12
    {"hardtanh", Deviation::GradientAtNan},
    {"relu6", Deviation::GradientAtNan},
    {"hardshrink", Deviation::GradientAtNan},
    {"softshrink", Deviation::GradientAtNan},
    {"clamp_tensor", Deviation::GradientAtNan},
    {"pow_scalar", Deviation::LimitOperand}, // exponent -0.5 is rsqrt
    {"binary_cross_entropy_with_logits_pos_weight", Deviation::LimitOperand},
};

bool deviates(StringRef function, Deviation kind) {
  return llvm::is_contained(deviations, std::pair(function, kind));
}

struct Row {
  unsigned line;
  StringRef function;
  std::map<std::string, double> parameters;
  double dy;
  SmallVector<double> operands;
  double value;
  SmallVector<std::optional<double>> gradients;
};

double number(StringRef text) { return std::strtod(text.str().c_str(), nullptr); }

// function; parameters; dy; operands; value; gradients
Row parseRow(StringRef line, unsigned lineNumber) {
  SmallVector<StringRef> fields;
  line.split(fields, ';');
  EXPECT_EQ(fields.size(), 6u) << line.str();
  Row row{lineNumber, fields[0], {}, number(fields[2]), {}, number(fields[4]), {}};
  for (StringRef setting : llvm::split(fields[1], ' '))
    if (auto [name, value] = setting.split('='); !name.empty())
      row.parameters[name.str()] = number(value);
  for (StringRef operand : llvm::split(fields[3], ' '))
    row.operands.push_back(number(operand));
  for (StringRef gradient : llvm::split(fields[5], ' '))
    row.gradients.push_back(gradient == "-" ? std::nullopt : std::optional(number(gradient)));
  return row;
}

class Kinks : public testing::Test {
protected:
  static void SetUpTestSuite() {
    auto file = llvm::MemoryBuffer::getFile(NNC_KINKS_CSV);
    ASSERT_TRUE(bool(file)) << "cannot read " << NNC_KINKS_CSV;
    text = std::move(*file);
    unsigned line = 0;
    for (StringRef row : llvm::split(text->getBuffer(), '\n')) {
      ++line;
      if (!row.empty() && !row.starts_with("#"))
        rows.push_back(parseRow(row, line));
    }
  }

  static bool isExcused(const Row &row, double got, double wanted, bool isGradient) {
    auto anyOperand = [&](auto predicate) { return llvm::any_of(row.operands, predicate); };
    if (deviates(row.function, Deviation::DefinedWhereTorchIsNot) && !std::isnan(got) &&
        !std::isfinite(wanted))
      return true;
    if (deviates(row.function, Deviation::GradientAtNan) && isGradient &&
        anyOperand([](double x) { return std::isnan(x); }))
      return true;
    return deviates(row.function, Deviation::LimitOperand) && anyOperand([](double x) {
             return std::isinf(x) || (x == 0 && std::signbit(x));
           });
  }

  static void expectSame(const Row &row, double got, double wanted, const std::string &what) {
    if (std::isnan(wanted) ? std::isnan(got) : got == wanted)
      return;
    double tolerance = deviates(row.function, Deviation::SinglePrecisionConstant) ? 1e-7 : 2e-14;
    if (std::isfinite(wanted) && std::fabs(got - wanted) <= tolerance * (1 + std::fabs(wanted)))
      return;
    if (isExcused(row, got, wanted, what != "value"))
      return;
    ADD_FAILURE() << "kinks.csv:" << row.line << ": " << what << " of " << row.function.str()
                  << " is " << got << ", torch's " << wanted << "; operands "
                  << llvm::join(llvm::map_range(row.operands, [](double x) { return std::to_string(x); }), " ");
  }

  static std::unique_ptr<llvm::MemoryBuffer> text;
  static std::vector<Row> rows;
};

std::unique_ptr<llvm::MemoryBuffer> Kinks::text;
std::vector<Row> Kinks::rows;

TEST_F(Kinks, EveryFunctionHasRows) {
  llvm::StringSet<> covered;
  for (const Row &row : rows)
    covered.insert(row.function);
  for (const ElementwiseFunction &function : elementwiseFunctions())
    EXPECT_TRUE(covered.contains(function.name))
        << function.name.str() << " has no case in tests/conformance/kinks.py";
}

TEST_F(Kinks, ValuesAndGradientsAreTorchs) {
  for (const Row &row : rows) {
    const ElementwiseFunction *function = lookupElementwise(row.function);
    ASSERT_NE(function, nullptr) << row.function.str();
    llvm::Expected<Expr> e = instantiate(*function, row.parameters);
    ASSERT_TRUE(bool(e)) << llvm::toString(e.takeError());
    expectSame(row, e->evaluate(row.operands), row.value, "value");
    SmallVector<double> inputs(row.operands);
    inputs.push_back(row.dy);
    for (auto [i, gradient] : llvm::enumerate(row.gradients)) {
      if (!gradient)
        continue;
      Expr dy = Expr::input(row.operands.size());
      expectSame(row, vjp(*e, i, dy).evaluate(inputs), *gradient,
                 "gradient by operand " + std::to_string(i) + " for dy = " + std::to_string(row.dy));
    }
  }
}

// A saved result in place of the input gives the same gradient.
TEST_F(Kinks, GradientsFromTheResultAreTorchs) {
  for (const Row &row : rows) {
    Expr e = llvm::cantFail(instantiate(*lookupElementwise(row.function), row.parameters));
    unsigned count = row.operands.size();
    SmallVector<double> inputs(row.operands);
    inputs.append({row.dy, e.evaluate(row.operands)});
    for (auto [i, gradient] : llvm::enumerate(row.gradients))
      if (gradient)
        expectSame(row, vjp(e, i, Expr::input(count), Expr::input(count + 1)).evaluate(inputs),
                   *gradient, "gradient from the result by operand " + std::to_string(i));
  }
}

} // namespace
