// The Row family against the naive one.
#include "tests/unit/families_harness.h"
#include <gtest/gtest.h>

namespace nnc::test {

namespace {

std::string replaced(std::string text, const std::string &what, const std::string &with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

} // namespace

// Classes: below a vector, several vectors in registers, loops with the exponentials in scratch.
TEST(RowFamily, Softmax) {
  for (std::string classes : {"3", "10", "16", "37", "64", "65", "1003"})
    for (std::string type : {"f32", "f64"}) {
      SCOPED_TRACE(classes + " classes of " + type);
      std::string body = replaced(replaced(R"mlir(
        %1 = nn.reduce max %0 axes [1] : T<N,C,E> -> T<N,1,E>
        %2 = nn.map ["exp(x0 - x1)"] (%0, %1) : (T<N,C,E>, T<N,1,E>) -> T<N,C,E>
        %3 = nn.reduce sum %2 axes [1] : T<N,C,E> -> T<N,1,E>
        %4 = nn.map ["x0 / x1"] (%2, %3) : (T<N,C,E>, T<N,1,E>) -> T<N,C,E>
        nn.yield %4 : T<N,C,E>)mlir",
                                           "C", classes),
                                  "E", type);
      std::string x = "T<N," + classes + "," + type + ">";
      expectLikeNaive("row", {{x}, {x}, body, {5}});
    }
}

TEST(RowFamily, SymbolicSoftmax) {
  for (int64_t classes : {1, 5, 100})
    expectLikeNaive("row", {{"T<N,M,f32>"},
                            {"T<N,M,f32>", "T<N,1,f32>"},
                            R"mlir(
      %1 = nn.reduce max %0 axes [1] : T<N,M,f32> -> T<N,1,f32>
      %2 = nn.map ["exp(x0 - x1)"] (%0, %1) : (T<N,M,f32>, T<N,1,f32>) -> T<N,M,f32>
      %3 = nn.reduce sum %2 axes [1] : T<N,M,f32> -> T<N,1,f32>
      %4 = nn.map ["x0 / x1"] (%2, %3) : (T<N,M,f32>, T<N,1,f32>) -> T<N,M,f32>
      nn.yield %4, %3 : T<N,M,f32>, T<N,1,f32>)mlir",
                            {7, classes}});
}

// Softmax over channels: lanes along the pixels.
TEST(RowFamily, SoftmaxOverChannels) {
  expectLikeNaive("row", {{"T<N,6,5,7,f32>"},
                          {"T<N,6,5,7,f32>"},
                          R"mlir(
    %1 = nn.reduce max %0 axes [1] : T<N,6,5,7,f32> -> T<N,1,5,7,f32>
    %2 = nn.map ["exp(x0 - x1)"] (%0, %1) : (T<N,6,5,7,f32>, T<N,1,5,7,f32>) -> T<N,6,5,7,f32>
    %3 = nn.reduce sum %2 axes [1] : T<N,6,5,7,f32> -> T<N,1,5,7,f32>
    %4 = nn.map ["x0 / x1"] (%2, %3) : (T<N,6,5,7,f32>, T<N,1,5,7,f32>) -> T<N,6,5,7,f32>
    nn.yield %4 : T<N,6,5,7,f32>)mlir",
                          {3}});
}

// Loss of each row and the gradient of the mean, from logits and classes.
TEST(RowFamily, CrossEntropyForwardAndBackward) {
  for (std::string classes : {"10", "100"}) {
    std::string body = replaced(R"mlir(
      %2 = nn.iota 1 : T<1,C,i64>
      %3 = nn.map ["select(x0 == x1, 1.0, 0.0)"] (%1, %2) : (T<N,1,i64>, T<1,C,i64>) -> T<N,C,f32>
      %4 = nn.reduce max %0 axes [1] : T<N,C,f32> -> T<N,1,f32>
      %5 = nn.map ["exp(x0 - x1)"] (%0, %4) : (T<N,C,f32>, T<N,1,f32>) -> T<N,C,f32>
      %6 = nn.reduce sum %5 axes [1] : T<N,C,f32> -> T<N,1,f32>
      %7 = nn.map ["x0 - x1 - log(x2)"] (%0, %4, %6) : (T<N,C,f32>, T<N,1,f32>, T<N,1,f32>) -> T<N,C,f32>
      %8 = nn.map ["-x0 * x1"] (%3, %7) : (T<N,C,f32>, T<N,C,f32>) -> T<N,C,f32>
      %9 = nn.reduce sum %8 axes [1] : T<N,C,f32> -> T<N,1,f32>
      %10 = nn.map ["(exp(x0) - x1) / 64"] (%7, %3) : (T<N,C,f32>, T<N,C,f32>) -> T<N,C,f32>
      nn.yield %9, %10 : T<N,1,f32>, T<N,C,f32>)mlir",
                                "C", classes);
    expectLikeNaive(
        "row",
        {{"T<N," + classes + ",f32>", "T<N,1,i64>"}, {"T<N,1,f32>", "T<N," + classes + ",f32>"}, body, {7}, 1e-5});
  }
}

TEST(RowFamily, LayerNorm) {
  for (std::string width : {"48", "333"}) {
    std::string body = replaced(R"mlir(
      %3 = nn.reduce sum %0 axes [2] : T<N,3,W,f32> -> T<N,3,1,f32>
      %4 = nn.map ["x0 - x1 / W"] (%0, %3) : (T<N,3,W,f32>, T<N,3,1,f32>) -> T<N,3,W,f32>
      %5 = nn.map ["x0 * x0"] (%4) : (T<N,3,W,f32>) -> T<N,3,W,f32>
      %6 = nn.reduce sum %5 axes [2] : T<N,3,W,f32> -> T<N,3,1,f32>
      %7 = nn.map ["rsqrt(x0 / W + 0.00001)"] (%6) : (T<N,3,1,f32>) -> T<N,3,1,f32>
      %8 = nn.map ["x0 * x1 * x2 + x3"] (%4, %7, %1, %2) : (T<N,3,W,f32>, T<N,3,1,f32>, T<W,f32>, T<W,f32>) -> T<N,3,W,f32>
      nn.yield %8, %7 : T<N,3,W,f32>, T<N,3,1,f32>)mlir",
                                "W", width);
    std::string x = "T<N,3," + width + ",f32>", w = "T<" + width + ",f32>";
    expectLikeNaive("row", {{x, w, w}, {x, "T<N,3,1,f32>"}, body, {3}, 1e-5});
  }
}

// Terms of both signs: the error is that of sums of about the square root of the rows.
TEST(RowFamily, BiasGradient) {
  for (std::string columns : {"10", "37", "200"})
    for (int64_t rows : {1, 5, 64, 3000}) {
      SCOPED_TRACE(columns + " columns, " + std::to_string(rows) + " rows");
      expectLikeNaive("row", {{"T<N," + columns + ",f32>"},
                              {"T<1," + columns + ",f32>"},
                              replaced(R"mlir(
        %1 = nn.reduce sum %0 axes [0] : T<N,C,f32> -> T<1,C,f32>
        nn.yield %1 : T<1,C,f32>)mlir",
                                       "C", columns),
                              {rows},
                              4e-5});
    }
}

// Batch norm's sums over [N, C, H, W] keeping C, two in one pass; and its backward.
TEST(RowFamily, ChannelSums) {
  for (int64_t batch : {1, 70})
    expectLikeNaive("row", {{"T<N,5,6,7,f32>", "T<N,5,6,7,f32>"},
                            {"T<1,5,1,1,f32>", "T<1,5,1,1,f32>"},
                            R"mlir(
      %2 = nn.map ["x0 * x1"] (%0, %1) : (T<N,5,6,7,f32>, T<N,5,6,7,f32>) -> T<N,5,6,7,f32>
      %3 = nn.reduce sum %0 axes [0, 2, 3] : T<N,5,6,7,f32> -> T<1,5,1,1,f32>
      %4 = nn.reduce sum %2 axes [0, 2, 3] : T<N,5,6,7,f32> -> T<1,5,1,1,f32>
      nn.yield %3, %4 : T<1,5,1,1,f32>, T<1,5,1,1,f32>)mlir",
                            {batch},
                            4e-5});
}

TEST(RowFamily, BatchNorm) {
  expectLikeNaive("row", {{"T<N,20,6,7,f32>"},
                          {"T<N,20,6,7,f32>", "T<1,20,1,1,f32>"},
                          R"mlir(
    %1 = nn.size <[N], N * 42> : T<f32>
    %2 = nn.reduce sum %0 axes [0, 2, 3] : T<N,20,6,7,f32> -> T<1,20,1,1,f32>
    %3 = nn.map ["x0 / x1"] (%2, %1) : (T<1,20,1,1,f32>, T<f32>) -> T<1,20,1,1,f32>
    %4 = nn.map ["(x0 - x1) * (x0 - x1)"] (%0, %3) : (T<N,20,6,7,f32>, T<1,20,1,1,f32>) -> T<N,20,6,7,f32>
    %5 = nn.reduce sum %4 axes [0, 2, 3] : T<N,20,6,7,f32> -> T<1,20,1,1,f32>
    %6 = nn.map ["relu((x0 - x1) * rsqrt(x2 / x3))"] (%0, %3, %5, %1) : (T<N,20,6,7,f32>, T<1,20,1,1,f32>, T<1,20,1,1,f32>, T<f32>) -> T<N,20,6,7,f32>
    nn.yield %6, %3 : T<N,20,6,7,f32>, T<1,20,1,1,f32>)mlir",
                          {9},
                          1e-5});
}

// Everything to one number: split into partial sums.
TEST(RowFamily, SumOfEverything) {
  for (std::vector<int64_t> sizes : std::vector<std::vector<int64_t>>{{1, 1}, {3, 7}, {300, 1001}})
    expectLikeNaive("row", {{"T<N,M,f32>", "T<N,M,f32>"},
                            {"T<1,1,f32>"},
                            R"mlir(
      %2 = nn.map ["(x0 - x1) * (x0 - x1)"] (%0, %1) : (T<N,M,f32>, T<N,M,f32>) -> T<N,M,f32>
      %3 = nn.reduce sum %2 axes [0, 1] : T<N,M,f32> -> T<1,1,f32>
      %4 = nn.map ["x0 * 0.5"] (%3) : (T<1,1,f32>) -> T<1,1,f32>
      nn.yield %4 : T<1,1,f32>)mlir",
                            sizes,
                            1e-5});
  expectLikeNaive("row", {{"T<700,1001,f32>"},
                          {"T<1,1,f32>", "T<1,1,f32>"},
                          R"mlir(
    %3 = nn.reduce sum %0 axes [0, 1] : T<700,1001,f32> -> T<1,1,f32>
    %4 = nn.reduce max %0 axes [0, 1] : T<700,1001,f32> -> T<1,1,f32>
    nn.yield %3, %4 : T<1,1,f32>, T<1,1,f32>)mlir",
                          {},
                          1e-4});
}

TEST(RowFamily, SplitColumns) {
  expectLikeNaive("row", {{"T<N,70,f32>"},
                          {"T<1,70,f32>"},
                          R"mlir(
    %3 = nn.reduce sum %0 axes [0] : T<N,70,f32> -> T<1,70,f32>
    %4 = nn.map ["x0 * 0.5"] (%3) : (T<1,70,f32>) -> T<1,70,f32>
    nn.yield %4 : T<1,70,f32>)mlir",
                          {12345},
                          1e-4});
}

TEST(RowFamily, KindsAndTypes) {
  for (std::string kind : {"sum", "max", "min", "prod"})
    for (std::string type : {"f32", "f64", "i64", "i32"})
      for (std::string width : {"7", "200"})
        for (std::string axis : {"0", "1"}) {
          std::string x = "T<9," + width + "," + type + ">",
                      y = axis == "0" ? "T<1," + width + "," + type + ">" : "T<9,1," + type + ">";
          expectLikeNaive("row", {{x},
                                  {y},
                                  "%1 = nn.reduce " + kind + " %0 axes [" + axis + "] : " + x + " -> " + y +
                                      "\n nn.yield %1 : " + y,
                                  {},
                                  1e-5,
                                  kind == "prod" ? 3 : 10});
        }
}

TEST(RowFamily, NanIsTheMaximum) {
  expectLikeNaive("row", {{"T<9,50,i64>"},
                          {"T<9,1,f32>"},
                          R"mlir(
    %1 = nn.map ["select(x0 == 3, nan, select(x0 < 6, -inf, x0))"] (%0) : (T<9,50,i64>) -> T<9,50,f32>
    %2 = nn.reduce max %1 axes [1] : T<9,50,f32> -> T<9,1,f32>
    nn.yield %2 : T<9,1,f32>)mlir",
                          {},
                          0,
                          60});
}

// Unit axes, and reductions over nothing but one element.
TEST(RowFamily, UnitAxes) {
  expectLikeNaive("row", {{"T<1,40,1,f32>"}, {"T<1,40,1,f32>", "T<1,40,1,f32>"}, R"mlir(
    %1 = nn.reduce sum %0 axes [0] : T<1,40,1,f32> -> T<1,40,1,f32>
    %2 = nn.map ["x0 - x1"] (%0, %1) : (T<1,40,1,f32>, T<1,40,1,f32>) -> T<1,40,1,f32>
    nn.yield %1, %2 : T<1,40,1,f32>, T<1,40,1,f32>)mlir"});
  expectLikeNaive("row", {{"T<1,1,f32>"}, {"T<1,1,f32>"}, R"mlir(
    %1 = nn.reduce sum %0 axes [1] : T<1,1,f32> -> T<1,1,f32>
    nn.yield %1 : T<1,1,f32>)mlir"});
}

// What the family does not take is computed element by element.
TEST(RowFamily, Positions) {
  expectLikeNaive("row", {{"T<9,50,f32>"}, {"T<9,1,i64>"}, R"mlir(
    %1 = nn.reduce argmax %0 axes [1] : T<9,50,f32> -> T<9,1,i64>
    nn.yield %1 : T<9,1,i64>)mlir"});
}

} // namespace nnc::test
