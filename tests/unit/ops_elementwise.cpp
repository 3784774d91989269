// nn.map: every row of the table of elementwise functions, and maps of other shapes.
#include "dialects/nn/Expr/Functions.h"
#include "tests/unit/ops_case.h"

using namespace mlir;

namespace nnc::test {

/// Values for parameters that have no default.
static const std::map<std::string, std::map<std::string, double>> parameters = {
    {"pow_scalar", {{"exponent", 2.5}}},
    {"threshold", {{"threshold", 0.1}, {"value", -0.5}}},
    {"clamp", {{"min", -0.4}, {"max", 0.6}}},
    {"clamp_min", {{"min", -0.4}}},
    {"clamp_max", {{"max", 0.6}}},
};

/// Where a function is defined, operand by operand; elsewhere [-2, 2).
static Data domain(const ElementwiseFunction &row, unsigned operand) {
  auto among = [&](std::initializer_list<StringRef> names) { return llvm::is_contained(names, row.name); };
  Data positive = range(0.1, 3), probability = range(0.05, 0.95);
  if (row.name == "where" && operand == 0)
    return {0, 2, Data::Truth};
  if (among({"log", "sqrt", "rsqrt", "reciprocal", "pow_scalar", "log1p"}) || (among({"pow", "div", "floor_divide", "fmod", "remainder", "addcdiv"}) && operand == (row.name == "pow" ? 0 : row.operandCount() - 1)))
    return positive;
  if (row.name == "binary_cross_entropy" || (among({"poisson_nll_loss", "kl_div", "binary_cross_entropy_with_logits"}) && operand == 1))
    return probability;
  if (row.name == "gaussian_nll_loss" && operand == 2)
    return positive;
  if ((among({"soft_margin_loss", "hinge_embedding_loss"}) && operand == 1) || (row.name == "margin_ranking_loss" && operand == 2))
    return {-1, 1, Data::Sign};
  return {};
}

// Compiled code against Expr's own evaluation; its derivative is checked there
// against central differences and the golden kinks, and here once more compiled.
static Case functionCase(const ElementwiseFunction &row) {
  auto found = parameters.find(row.name.str());
  std::map<std::string, double> given = found == parameters.end() ? std::map<std::string, double>{} : found->second;
  Expr expr = llvm::cantFail(instantiate(row, given));
  Case c;
  c.op = "map";
  c.name = row.name.str();
  c.build = [&row, given](CaseBuilder &b) {
    SmallVector<Value> operands;
    for (unsigned i = 0; i < row.operandCount(); ++i) {
      Data data = domain(row, i);
      operands.push_back(data.kind == Data::Truth ? b.condition({b.batch(), 13}) : b.input({b.batch(), 13}, data));
    }
    b.output(b.apply(row.name, operands, given));
  };
  c.reference = each([expr](const Arrays &in, Index i) {
    SmallVector<double> values;
    for (const Array &x : in)
      values.push_back(x.at(i));
    return expr.evaluate(values);
  });
  // Rounding to f32 steps: differences across it say nothing.
  c.checkGradient = row.name != "to_float32";
  return c;
}

std::vector<Case> elementwiseCases() {
  using B = CaseBuilder;
  std::vector<Case> cases;
  for (const ElementwiseFunction &row : elementwiseFunctions())
    cases.push_back(functionCase(row));
  std::vector<Case> shapes = {
      {"map", "bias along channels", [](B &b) {
         Value x = b.input({b.batch(), 5, 3, 3});
         b.output(b.add(x, b.input({5, 1, 1})));
       }, each([](const Arrays &in, Index i) { return in[0].at(i) + in[1].data[i[1]]; })},
      {"map", "outer product", [](B &b) {
         Value x = b.input({b.batch(), 1});
         b.output(b.mul(x, b.input({1, 9})));
       }, each([](const Arrays &in, Index i) { return in[0].data[i[0]] * in[1].data[i[1]]; })},
      {"map", "scalar operand", [](B &b) {
         Value x = b.input({b.batch(), 9});
         b.output(b.mul(x, b.input({})));
       }, each([](const Arrays &in, Index i) { return in[0].at(i) * in[1].data[0]; })},
      {"map", "of scalars", [](B &b) {
         Value x = b.input({});
         b.output(b.mul(x, b.input({})));
       }, each([](const Arrays &in, Index) { return in[0].data[0] * in[1].data[0]; })},
      {"map", "two results", [](B &b) {
         Value x = b.input({b.batch(), 6});
         Value y = b.input({b.batch(), 6});
         Expr p = Expr::input(0), q = Expr::input(1);
         for (Value result : b.maps({p * q, p - q * q}, {x, y}, {b.element, b.element}))
           b.output(result);
       }, [](const Arrays &in, Arrays &out) {
         for (size_t i = 0; i < in[0].data.size(); ++i) {
           double p = in[0].data[i], q = in[1].data[i];
           out[0].data[i] = p * q;
           out[1].data[i] = p - q * q;
         }
       }},
      {"map", "an operand twice", [](B &b) {
         Value x = b.input({b.batch(), 6});
         b.output(b.mul(x, x));
       }, each([](const Arrays &in, Index i) { return in[0].at(i) * in[0].at(i); })},
      {"map", "a chain with a fork", [](B &b) {
         Value x = b.input({b.batch(), 11});
         Value e = b.apply("exp", x);
         Value s = b.apply("sigmoid", e);
         b.output(b.add(b.mul(e, s), b.apply("sin", s)));
         b.output(s);
       }},
      {"map", "a constant fill", [](B &b) { b.output(b.full(b.dims({b.batch(), 4}), b.element, 2.5)); },
       each([](const Arrays &, Index) { return 2.5; })},
      {"map", "integers", [](B &b) {
         Value t = b.classes({b.batch(), 7}, 9);
         b.output(b.map("3.0 * x0 - 5.0", t, b.builder().getI64Type()));
       }, each([](const Arrays &in, Index i) { return 3 * in[0].at(i) - 5; })},
      {"map", "integers to floats", [](B &b) {
         Value t = b.classes({b.batch(), 7}, 9);
         b.output(b.convert(t, b.element));
       }, each([](const Arrays &in, Index i) { return in[0].at(i); })},
      {"map", "a long row", [](B &b) { b.output(b.apply("tanh", b.input({2, 5003}))); }},
  };
  cases.insert(cases.end(), shapes.begin(), shapes.end());
  return cases;
}

} // namespace nnc::test
