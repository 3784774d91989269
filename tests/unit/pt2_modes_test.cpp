// train() and eval() of an export, pairs of exports of one model, and the ranges that
// positions held by an input must keep.
#include "compiler/frontends/pt2/Importer.h"
#include "compiler/frontends/pt2/Modes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace mlir;
using namespace nnc::pt2;
using testing::AllOf;
using testing::HasSubstr;

namespace {

ExportedProgram read(const std::string &name) {
  return llvm::cantFail(readExportedProgram(std::string(NNC_TEST_DATA "/") + name));
}
std::string text(llvm::Error error) { return llvm::toString(std::move(error)); }

TEST(Modes, EvaluationIsDerivedFromDropoutAndBatchNorm) {
  EXPECT_EQ(text(checkEvaluationDerivable(read("modes_train.pt2"))), "");
  EXPECT_EQ(text(checkEvaluationDerivable(read("modes_eval.pt2"))), "");
}

TEST(Modes, OtherOperatorsNeedASecondFile) {
  EXPECT_THAT(text(checkEvaluationDerivable(read("alpha_dropout.pt2"))),
              AllOf(HasSubstr("alpha_dropout.pt2: what the model computes in eval() is not known"),
                    HasSubstr("alpha_dropout, first in: layer 1 (AlphaDropout)"), HasSubstr("--train FILE --eval FILE")));
}

TEST(Modes, AnEvalExportIsNotTrained) {
  EXPECT_EQ(text(checkTrains(read("modes_train.pt2"))), "");
  EXPECT_EQ(text(checkTrains(read("tokens.pt2"))), ""); // the same in both modes
  EXPECT_THAT(text(checkTrains(read("modes_eval.pt2"))),
              AllOf(HasSubstr("modes_eval.pt2: exported in eval()"), HasSubstr("dropout, first in: layer drop (Dropout), generate.py:"),
                    HasSubstr("batch_norm, first in: layer norm (BatchNorm1d)"), HasSubstr("model.train()")));
}

TEST(Modes, ATrainExportIsNotEvaluated) {
  EXPECT_EQ(text(checkEvaluates(read("modes_eval.pt2"))), "");
  EXPECT_THAT(text(checkEvaluates(read("modes_train.pt2"))), HasSubstr("given as --eval, but exported in train()"));
}

TEST(Modes, TwoExportsAreOfOneModel) {
  ExportedProgram train = read("modes_train.pt2");
  EXPECT_EQ(text(checkSameModel(train, read("modes_eval.pt2"))), "");
  EXPECT_THAT(text(checkSameModel(train, read("modes_other.pt2"))),
              AllOf(HasSubstr("are not exports of one model"), HasSubstr("fc.weight has other values")));
  EXPECT_THAT(text(checkSameModel(train, read("modes_static.pt2"))), HasSubstr("[dynamic 0, 6] and [4, 6]"));
  EXPECT_THAT(text(checkSameModel(train, read("tokens.pt2"))), HasSubstr("words.weight is missing in"));
}

TEST(Modes, ConstantsOfBothExportsStayApart) {
  MLIRContext context;
  ImportOptions options;
  options.constantPrefix = "eval.";
  ImportedModel model = llvm::cantFail(importProgram(read("modes_eval.pt2"), context, options));
  unsigned constants = 0;
  for (const auto &[name, blob] : model.blobs)
    constants += llvm::StringRef(name).starts_with("eval.");
  EXPECT_EQ(constants, 1u);
  EXPECT_TRUE(model.blobs.count("fc.weight"));
}

TEST(Ranges, OfAnInputThatHoldsPositions) {
  MLIRContext context;
  ImportedModel model = llvm::cantFail(importProgram(read("tokens.pt2"), context));
  func::FuncOp function = *model.module->getOps<func::FuncOp>().begin();
  std::map<std::string, std::vector<int64_t>> ranges;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (auto range = function.getArgAttrOfType<DenseI64ArrayAttr>(i, "nn.range"))
      ranges[function.getArgAttrOfType<StringAttr>(i, "nn.name").str()] = range.asArrayRef().vec();
  // The smaller of both tables; what is computed from `position` restricts nothing.
  EXPECT_EQ(ranges, (std::map<std::string, std::vector<int64_t>>{{"tokens", {0, 5, 0}}}));
}

} // namespace
