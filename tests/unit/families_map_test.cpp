// The Map family against the naive one: flat loops, rows, tails, views, every
// element type, state updated in place.
#include "tests/unit/families_harness.h"
#include <gtest/gtest.h>

namespace nnc::test {

TEST(MapFamily, FlatWithAScalar) {
  for (int64_t batch : {1, 3, 13})
    expectLikeNaive("map", {{"T<N,37,f32>", "T<f32>"},
                            {"T<N,37,f32>"},
                            R"mlir(
      %2 = nn.map ["relu(x0) * x1 + exp(x0)"] (%0, %1) : (T<N,37,f32>, T<f32>) -> T<N,37,f32>
      nn.yield %2 : T<N,37,f32>)mlir",
                            {batch}});
}

TEST(MapFamily, ManyTasks) {
  expectLikeNaive("map", {{"T<N,1037,f32>"},
                          {"T<N,1037,f32>"},
                          R"mlir(
    %2 = nn.map ["x0 * 2.0 + 1.0"] (%0) : (T<N,1037,f32>) -> T<N,1037,f32>
    nn.yield %2 : T<N,1037,f32>)mlir",
                          {101}});
}

TEST(MapFamily, OneElement) {
  expectLikeNaive("map", {{"T<f32>", "T<1,1,f64>"}, {"T<1,1,f64>"}, R"mlir(
    %2 = nn.map ["x0 + exp(x1)"] (%0, %1) : (T<f32>, T<1,1,f64>) -> T<1,1,f64>
    nn.yield %2 : T<1,1,f64>)mlir"});
}

TEST(MapFamily, Fill) {
  expectLikeNaive("map", {{}, {"T<5,7,i64>"}, R"mlir(
    %2 = nn.map ["3"] () : () -> T<5,7,i64>
    nn.yield %2 : T<5,7,i64>)mlir"});
}

TEST(MapFamily, ElementTypes) {
  expectLikeNaive("map", {{"T<N,21,f64>", "T<N,21,i64>", "T<N,21,i1>", "T<N,21,i8>", "T<N,21,i32>"},
                          {"T<N,21,f32>", "T<N,21,i1>", "T<N,21,i64>", "T<N,21,i8>"},
                          R"mlir(
    %5 = nn.map ["select(x2, x0, x1)"] (%0, %1, %2) : (T<N,21,f64>, T<N,21,i64>, T<N,21,i1>) -> T<N,21,f32>
    %6 = nn.map ["x0 < x1"] (%0, %4) : (T<N,21,f64>, T<N,21,i32>) -> T<N,21,i1>
    %7:2 = nn.map ["x0 + x1", "x1 * 2 + x0 - x0"] (%1, %3) : (T<N,21,i64>, T<N,21,i8>) -> (T<N,21,i64>, T<N,21,i8>)
    nn.yield %5, %6, %7#0, %7#1 : T<N,21,f32>, T<N,21,i1>, T<N,21,i64>, T<N,21,i8>)mlir",
                          {5}});
}

// A lane without data must not divide by zero.
TEST(MapFamily, IntegerDivisionInTheTail) {
  expectLikeNaive("map", {{"T<11,i64>", "T<11,i64>"}, {"T<11,i64>"}, R"mlir(
    %2 = nn.map ["floordiv(x0, x1 + 1)"] (%0, %1) : (T<11,i64>, T<11,i64>) -> T<11,i64>
    nn.yield %2 : T<11,i64>)mlir"});
}

TEST(MapFamily, BiasOverChannels) {
  expectLikeNaive("map", {{"T<N,6,5,5,f32>", "T<6,1,1,f32>"},
                          {"T<N,6,5,5,f32>"},
                          R"mlir(
    %2 = nn.map ["relu(x0 + x1)"] (%0, %1) : (T<N,6,5,5,f32>, T<6,1,1,f32>) -> T<N,6,5,5,f32>
    nn.yield %2 : T<N,6,5,5,f32>)mlir",
                          {3}});
}

TEST(MapFamily, BiasOverRows) {
  expectLikeNaive("map", {{"T<N,19,f32>", "T<19,f32>", "T<N,1,f32>"},
                          {"T<N,19,f32>"},
                          R"mlir(
    %3 = nn.map ["(x0 + x1) * x2"] (%0, %1, %2) : (T<N,19,f32>, T<19,f32>, T<N,1,f32>) -> T<N,19,f32>
    nn.yield %3 : T<N,19,f32>)mlir",
                          {7}});
}

TEST(MapFamily, SymbolicRows) {
  expectLikeNaive("map", {{"T<N,M,f32>", "T<M,f32>"},
                          {"T<N,M,f32>"},
                          R"mlir(
    %3 = nn.map ["x0 + x1"] (%0, %1) : (T<N,M,f32>, T<M,f32>) -> T<N,M,f32>
    nn.yield %3 : T<N,M,f32>)mlir",
                          {7, 70001}});
}

TEST(MapFamily, AdamInPlace) {
  std::string t = "T<33,21,f32>";
  expectLikeNaive("map", {{t, t, t, t, "T<f32>", "T<f32>"}, {"0: " + t, "1: " + t, "2: " + t}, R"mlir(
    %6 = nn.map ["0.9 * x0 + 0.1 * x1"] (%1, %3) : (T<33,21,f32>, T<33,21,f32>) -> T<33,21,f32>
    %7 = nn.map ["0.99 * x0 + 0.01 * x1 * x1"] (%2, %3) : (T<33,21,f32>, T<33,21,f32>) -> T<33,21,f32>
    %8 = nn.map ["x0 - x3 * x1 / (1 - pow(0.9, abs(x4) + 1)) / (sqrt(abs(x2)) + 0.001)"] (%0, %6, %7, %4, %5)
      : (T<33,21,f32>, T<33,21,f32>, T<33,21,f32>, T<f32>, T<f32>) -> T<33,21,f32>
    nn.yield %8, %6, %7 : T<33,21,f32>, T<33,21,f32>, T<33,21,f32>)mlir"});
}

TEST(MapFamily, TransposeSliceReshape) {
  expectLikeNaive("map", {{"T<N,8,9,f32>", "T<18,N,f32>"},
                          {"T<N,6,2,9,f32>"},
                          R"mlir(
    %2 = nn.slice %0 starts [0, 2, 0] steps [1, 1, 1] : T<N,8,9,f32> -> T<N,6,9,f32>
    %3 = nn.reshape %2 : T<N,6,9,f32> -> T<N,6,1,9,f32>
    %4 = nn.transpose %1 [1, 0] : T<18,N,f32> -> T<N,18,f32>
    %5 = nn.reshape %4 : T<N,18,f32> -> T<N,1,2,9,f32>
    %6 = nn.map ["x0 * x1"] (%3, %5) : (T<N,6,1,9,f32>, T<N,1,2,9,f32>) -> T<N,6,2,9,f32>
    nn.yield %6 : T<N,6,2,9,f32>)mlir",
                          {5}});
}

TEST(MapFamily, ReshapeOfAComputedValue) {
  expectLikeNaive("map", {{"T<N,6,9,f32>", "T<9,f32>"},
                          {"T<N,54,f32>"},
                          R"mlir(
    %2 = nn.map ["x0 * x1"] (%0, %1) : (T<N,6,9,f32>, T<9,f32>) -> T<N,6,9,f32>
    %3 = nn.reshape %2 : T<N,6,9,f32> -> T<N,54,f32>
    nn.yield %3 : T<N,54,f32>)mlir",
                          {3}});
}

TEST(MapFamily, StridedSlices) {
  for (const char *step : {"2", "3"})
    expectLikeNaive("map", {{"T<4,99,f32>"}, {"T<4,33,f32>"}, std::string(R"mlir(
      %1 = nn.slice %0 starts [0, 1] steps [1, )mlir") + step + R"mlir(] : T<4,99,f32> -> T<4,33,f32>
      %2 = nn.map ["x0 + 1.0"] (%1) : (T<4,33,f32>) -> T<4,33,f32>
      nn.yield %2 : T<4,33,f32>)mlir"});
}

TEST(MapFamily, PadAndDilate) {
  expectLikeNaive("map", {{"T<N,5,17,f32>"},
                          {"T<N,12,40,f32>"},
                          R"mlir(
    %1 = nn.map ["exp(x0)"] (%0) : (T<N,5,17,f32>) -> T<N,5,17,f32>
    %2 = nn.pad %1 low [0, 2, 3] interior [0, 0, 1] value 1.5 : T<N,5,17,f32> -> T<N,12,40,f32>
    nn.yield %2 : T<N,12,40,f32>)mlir",
                          {2}});
  expectLikeNaive("map", {{"T<N,5,17,f32>"},
                          {"T<N,12,21,f32>"},
                          R"mlir(
    %2 = nn.pad %0 low [0, 1, 2] interior [0, 1, 0] value 0.0 : T<N,5,17,f32> -> T<N,12,21,f32>
    nn.yield %2 : T<N,12,21,f32>)mlir",
                          {2}});
}

TEST(MapFamily, Concat) {
  expectLikeNaive("map", {{"T<N,5,f32>", "T<N,20,f32>", "T<N,9,f32>"},
                          {"T<N,34,f32>"},
                          R"mlir(
    %3 = nn.concat %0, %1, %2 axis 1 : (T<N,5,f32>, T<N,20,f32>, T<N,9,f32>) -> T<N,34,f32>
    %4 = nn.map ["relu(x0)"] (%3) : (T<N,34,f32>) -> T<N,34,f32>
    nn.yield %4 : T<N,34,f32>)mlir",
                          {3}});
  expectLikeNaive("map", {{"T<N,2,7,f32>", "T<N,3,7,f32>"},
                          {"T<N,7,7,f32>"},
                          R"mlir(
    %2 = nn.map ["x0 * 3"] (%0) : (T<N,2,7,f32>) -> T<N,2,7,f32>
    %3 = nn.concat %2, %1, %2 axis 1 : (T<N,2,7,f32>, T<N,3,7,f32>, T<N,2,7,f32>) -> T<N,7,7,f32>
    nn.yield %3 : T<N,7,7,f32>)mlir",
                          {3}});
}

TEST(MapFamily, IotaAndSize) {
  expectLikeNaive("map", {{"T<N,1,i64>"},
                          {"T<N,21,f32>"},
                          R"mlir(
    %1 = nn.iota 1 : T<1,21,i64>
    %2 = nn.size <[N], N> : T<f32>
    %3 = nn.map ["select(x0 == x1, 1.0, 0.0) / x2"] (%0, %1, %2) : (T<N,1,i64>, T<1,21,i64>, T<f32>) -> T<N,21,f32>
    nn.yield %3 : T<N,21,f32>)mlir",
                          {7}});
}

TEST(MapFamily, Dropout) {
  for (std::string type : {"f32", "f64"})
    expectLikeNaive("map", {{"T<N,21," + type + ">", "T<i64>", "T<i64>"},
                            {"T<N,21," + type + ">"},
                            R"mlir(
      %3 = nn.uniform %1, %2 site 3 : (T<i64>, T<i64>) -> T<N,21,)mlir" +
                                type + R"mlir(>
      %4 = nn.map ["select(x1 >= 0.3, x0 * 2, x1)"] (%0, %3) : (T<N,21,)mlir" +
                                type + ">, T<N,21," + type + ">) -> T<N,21," + type + R"mlir(>
      nn.yield %4 : T<N,21,)mlir" +
                                type + ">",
                            {7},
                            0});
}

// A reduction is read lane by lane.
TEST(MapFamily, WhateverElse) {
  expectLikeNaive("map", {{"T<N,21,8,f32>"},
                          {"T<N,21,1,f32>"},
                          R"mlir(
    %1 = nn.reduce sum %0 axes [2] : T<N,21,8,f32> -> T<N,21,1,f32>
    %2 = nn.map ["x0 * 2.0"] (%1) : (T<N,21,1,f32>) -> T<N,21,1,f32>
    nn.yield %2 : T<N,21,1,f32>)mlir",
                          {7}});
}

} // namespace nnc::test
