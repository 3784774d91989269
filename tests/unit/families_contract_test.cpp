// The Contract family against the naive one: products and convolutions with what is fused to
// them, from bias to an optimizer's update in place.
#include "tests/unit/families_harness.h"
#include <gtest/gtest.h>

namespace nnc::test {

namespace {

// Sums of a few hundred products, in another order than the naive kernel's.
constexpr double tolerance = 2e-5;

void expectContract(std::vector<std::string> arguments, std::vector<std::string> results, std::string body,
                    std::vector<int64_t> symbols = {}) {
  expectLikeNaive("contract", {arguments, results, body, symbols, tolerance});
}

} // namespace

TEST(ContractFamily, AnOptimizerInTheGradientOfAWeight) {
  for (int64_t batch : {1, 40})
    expectContract({"T<N,67,f32>", "T<N,45,f32>", "T<67,45,f32>", "T<67,45,f32>", "T<f32>"},
                   {"2: T<67,45,f32>", "3: T<67,45,f32>"}, R"mlir(
    %5 = nn.matmul %0, %1 {transpose_a = true} : (T<N,67,f32>, T<N,45,f32>) -> T<67,45,f32>
    %6:2 = nn.map sgd ["x0 - x3 * (x1 + 0.9 * x2)", "x1 + 0.9 * x2"] (%2, %5, %3, %4) : (T<67,45,f32>, T<67,45,f32>, T<67,45,f32>, T<f32>) -> (T<67,45,f32>, T<67,45,f32>)
    nn.yield %6#0, %6#1 : T<67,45,f32>, T<67,45,f32>)mlir",
                   {batch});
}

// So long a sum is split into partial sums; what is fused waits for all of them.
TEST(ContractFamily, AnOptimizerAfterPartialSums) {
  expectContract({"T<50001,4,f32>", "T<50001,21,f32>", "T<4,21,f32>"}, {"2: T<4,21,f32>"}, R"mlir(
    %3 = nn.matmul %0, %1 {transpose_a = true} : (T<50001,4,f32>, T<50001,21,f32>) -> T<4,21,f32>
    %4 = nn.map ["x0 - 0.0001 * x1"] (%2, %3) : (T<4,21,f32>, T<4,21,f32>) -> T<4,21,f32>
    nn.yield %4 : T<4,21,f32>)mlir");
}

TEST(ContractFamily, AnOptimizerInTheGradientOfAFilter) {
  for (int64_t batch : {1, 5})
    expectContract({"T<N,3,9,11,f32>", "T<N,10,9,11,f32>", "T<10,3,3,3,f32>", "T<f32>"}, {"2: T<10,3,3,3,f32>"}, R"mlir(
    %4 = nn.conv_weight_grad %0, %1 {stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64} : (T<N,3,9,11,f32>, T<N,10,9,11,f32>) -> T<10,3,3,3,f32>
    %5 = nn.map ["x0 - x2 * x1"] (%2, %4, %3) : (T<10,3,3,3,f32>, T<10,3,3,3,f32>, T<f32>) -> T<10,3,3,3,f32>
    nn.yield %5 : T<10,3,3,3,f32>)mlir",
                   {batch});
}

TEST(ContractFamily, ProductsWithBiasMaskAndTwoResults) {
  for (int64_t batch : {1, 3, 19})
    expectContract({"T<N,83,f32>", "T<83,19,f32>", "T<19,f32>", "T<N,19,i1>"}, {"T<N,19,f32>", "T<N,19,i1>"}, R"mlir(
    %4 = nn.matmul %0, %1 : (T<N,83,f32>, T<83,19,f32>) -> T<N,19,f32>
    %5 = nn.map ["x0 + x1"] (%4, %2) : (T<N,19,f32>, T<19,f32>) -> T<N,19,f32>
    %6:2 = nn.map ["select(x1, relu(x0), 0)", "x0 < 0"] (%5, %3) : (T<N,19,f32>, T<N,19,i1>) -> (T<N,19,f32>, T<N,19,i1>)
    nn.yield %6#0, %6#1 : T<N,19,f32>, T<N,19,i1>)mlir",
                   {batch});
}

TEST(ContractFamily, ConvolutionsWithBiasActivationAndResidual) {
  // 3x3; 1x1, which is a product; one filter a channel; 3x3 with a stride.
  struct Form {
    std::string input, filter, result, attributes;
  };
  for (const Form &form : {
           Form{"T<N,19,7,19,f32>", "T<19,19,3,3,f32>", "T<N,19,7,19,f32>", "stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64"},
           Form{"T<N,16,9,11,f32>", "T<19,16,1,1,f32>", "T<N,19,9,11,f32>", "stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64"},
           Form{"T<N,130,5,7,f32>", "T<19,130,1,1,f32>", "T<N,19,5,7,f32>", "stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64"},
           Form{"T<N,5,6,19,f32>", "T<5,1,3,3,f32>", "T<N,5,6,19,f32>", "stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 5 : i64"},
           Form{"T<N,6,13,19,f32>", "T<19,6,3,3,f32>", "T<N,19,7,10,f32>", "stride = array<i64: 2, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1 : i64"},
       })
    for (int64_t batch : {1, 4}) {
      std::string channels = form.filter.substr(2, form.filter.find(',') - 2), bias = "T<" + channels + ",1,1,f32>";
      expectContract({form.input, form.filter, bias, form.result}, {form.result},
                     "%4 = nn.conv %0, %1 {" + form.attributes + "} : (" + form.input + ", " + form.filter + ") -> " + form.result + R"mlir(
    %5 = nn.map ["x0 + x1"] (%4, %2) : ()mlir" + form.result + ", " + bias + ") -> " + form.result + R"mlir(
    %6 = nn.map ["relu(x0 + x1)"] (%5, %3) : ()mlir" + form.result + ", " + form.result + ") -> " + form.result + R"mlir(
    nn.yield %6 : )mlir" + form.result,
                     {batch});
    }
}

TEST(ContractFamily, F64) {
  expectLikeNaive("contract", {{"T<N,37,f64>", "T<37,11,f64>", "T<11,f64>"}, {"T<N,11,f64>"}, R"mlir(
    %3 = nn.matmul %0, %1 : (T<N,37,f64>, T<37,11,f64>) -> T<N,11,f64>
    %4 = nn.map ["tanh(x0 + x1)"] (%3, %2) : (T<N,11,f64>, T<11,f64>) -> T<N,11,f64>
    nn.yield %4 : T<N,11,f64>)mlir", {7}, 1e-13});
}

} // namespace nnc::test
