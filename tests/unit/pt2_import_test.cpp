// Importing .pt2 files into nn ops: state, symbols, locations, mutations through
// views, evaluation mode, and what is reported of a model that cannot be imported.
#include "compiler/frontends/pt2/Aten.h"
#include "compiler/frontends/pt2/Importer.h"
#include "dialects/nn/Expr/Functions.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include <cstring>
#include <gtest/gtest.h>
#include <set>

using namespace mlir;
using namespace nnc;
using namespace nnc::pt2;

namespace {

std::string pathOf(const std::string &name) { return std::string(NNC_TEST_DATA "/") + name; }

class Import : public testing::Test {
protected:
  func::FuncOp import(const std::string &name, ImportOptions options = {}) {
    ExportedProgram program = llvm::cantFail(readExportedProgram(pathOf(name)));
    llvm::Expected<ImportedModel> imported = importProgram(program, context, options);
    if (!imported) {
      ADD_FAILURE() << llvm::toString(imported.takeError());
      std::abort();
    }
    model = std::move(*imported);
    EXPECT_TRUE(succeeded(verify(*model.module)));
    return *model.module->getOps<func::FuncOp>().begin();
  }

  std::string errorOf(const std::string &name) {
    ExportedProgram program = llvm::cantFail(readExportedProgram(pathOf(name)));
    llvm::Expected<ImportedModel> imported = importProgram(program, context);
    return imported ? "none" : llvm::toString(imported.takeError());
  }

  static std::string attribute(func::FuncOp function, unsigned argument, StringRef name) {
    auto text = function.getArgAttrOfType<StringAttr>(argument, name);
    return text ? text.getValue().str() : "";
  }

  static unsigned count(func::FuncOp function, StringRef op) {
    unsigned found = 0;
    function.walk([&](Operation *operation) { found += operation->getName().getStringRef() == op; });
    return found;
  }

  /// The ops between a value and what it is computed from, innermost last: a chain
  /// of first operands, such as `mul slice reshape arg0`.
  static std::string chain(Value value) {
    std::string text;
    while (Operation *operation = value.getDefiningOp()) {
      text += operation->getName().stripDialect().str() + " ";
      if (operation->getNumOperands() == 0)
        return text;
      value = operation->getOperand(0);
    }
    return text + "arg" + std::to_string(cast<BlockArgument>(value).getArgNumber());
  }

  static Operation *terminator(func::FuncOp function) { return function.front().getTerminator(); }

  MLIRContext context;
  ImportedModel model;
};

TEST_F(Import, ParametersInputsAndSymbols) {
  func::FuncOp function = import("perceptron.pt2");
  EXPECT_EQ(attribute(function, 0, "nn.kind"), "parameter");
  EXPECT_EQ(attribute(function, 0, "nn.name"), "net.0.weight");
  EXPECT_TRUE(function.getArgAttr(0, "nn.requires_grad"));
  EXPECT_EQ(attribute(function, 4, "nn.kind"), "input");
  EXPECT_EQ(attribute(function, 4, "nn.name"), "x");
  auto ranges = function->getAttrOfType<DenseI64ArrayAttr>("nn.symbol_ranges");
  ASSERT_TRUE(ranges);
  EXPECT_EQ(ranges.asArrayRef(), ArrayRef<int64_t>({1, 512}));
  nn::Dims output = nn::dimsOf(function.getResultTypes()[0]);
  EXPECT_EQ(output[0], getAffineSymbolExpr(0, &context));
  EXPECT_EQ(nn::constantSize(output[1]), 4);
  EXPECT_EQ(model.blobs.at("net.0.weight").bytes.size(), 16u * 8 * 4);
}

TEST_F(Import, LocationsNameTheLayerAndTheUsersLine) {
  func::FuncOp function = import("perceptron.pt2");
  std::set<std::string> places;
  function.walk([&](nn::MatmulOp op) {
    auto layer = cast<NameLoc>(op.getLoc());
    auto line = cast<FileLineColLoc>(layer.getChildLoc());
    EXPECT_GT(line.getLine(), 0u);
    places.insert(layer.getName().str() + " " + line.getFilename().str());
  });
  EXPECT_EQ(places, (std::set<std::string>{"net.0 generate.py", "net.3 generate.py"}));
}

TEST_F(Import, EvaluationDropsDropoutAndStatistics) {
  EXPECT_EQ(count(import("perceptron.pt2"), "nn.dropout"), 1u);
  EXPECT_EQ(count(import("perceptron.pt2", {.evaluation = true}), "nn.dropout"), 0u);
  // Loss and three new buffers: running mean and variance, num_batches_tracked.
  EXPECT_EQ(import("tied.pt2").getNumResults(), 4u);
  EXPECT_EQ(import("tied.pt2", {.evaluation = true}).getNumResults(), 1u);
}

TEST_F(Import, TiedWeightsAreOneParameter) {
  func::FuncOp function = import("tied.pt2");
  unsigned found = 0;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    EXPECT_NE(attribute(function, index, "nn.name"), "second.weight");
    if (attribute(function, index, "nn.name") != "first.weight")
      continue;
    ++found;
    auto aliases = function.getArgAttrOfType<ArrayAttr>(index, "nn.aliases");
    ASSERT_TRUE(aliases && aliases.size() == 1);
    EXPECT_EQ(cast<StringAttr>(aliases[0]).getValue(), "second.weight");
    // Both layers use it.
    EXPECT_EQ(std::distance(function.getArgument(index).use_begin(),
                            function.getArgument(index).use_end()),
              2);
  }
  EXPECT_EQ(found, 1u);
  EXPECT_FALSE(model.blobs.count("second.weight"));
}

TEST_F(Import, MutationsThroughViewsReachTheBaseAndItsOtherViews) {
  func::FuncOp function = import("mutation.pt2");
  // outputs: y + count, z * scale, flat.sum(), a constant; then the new count
  Operation *results = terminator(function);
  ASSERT_EQ(results->getNumOperands(), 5u);
  EXPECT_EQ(attribute(function, 0, "nn.name"), "count");
  EXPECT_EQ(attribute(function, 1, "nn.kind"), "constant");
  EXPECT_EQ(function.getResultAttrOfType<IntegerAttr>(4, "nn.updates").getInt(), 0);
  EXPECT_EQ(chain(results->getOperand(4)), "map arg0");
  // y and flat are one tensor: both end in the value after the last mutation.
  Value y = results->getOperand(0).getDefiningOp()->getOperand(0);
  Value sum = results->getOperand(2);
  while (!isa<nn::ReduceOp>(sum.getDefiningOp()))
    sum = sum.getDefiningOp()->getOperand(0);
  EXPECT_EQ(sum.getDefiningOp()->getOperand(0).getDefiningOp()->getOperand(0), y);
  // z is a tensor of zeros with a row of ones: not the zeros themselves.
  Value z = results->getOperand(1).getDefiningOp()->getOperand(0);
  EXPECT_GT(z.getDefiningOp()->getNumOperands(), 0u);
}

TEST_F(Import, AChangedConstantIsState) {
  func::FuncOp function = import("counter.pt2");
  EXPECT_EQ(attribute(function, 0, "nn.kind"), "buffer");
  EXPECT_EQ(attribute(function, 1, "nn.kind"), "constant");
  EXPECT_EQ(function.getResultAttrOfType<IntegerAttr>(2, "nn.updates").getInt(), 0);
}

TEST_F(Import, ReshapeSharesMemoryOnlyWhereStridesAllowIt) {
  func::FuncOp function = import("reshaped.pt2");
  Operation *results = terminator(function);
  EXPECT_EQ(chain(results->getOperand(0)), "reshape map reshape arg0"); // doubled, not tripled
  EXPECT_EQ(chain(results->getOperand(1)), "map reshape transpose reshape map reshape arg0");
}

TEST_F(Import, StridedWeightsBecomeRowMajor) {
  import("strided.pt2");
  const Blob &blob = model.blobs.at("weight");
  std::vector<float> values(6);
  ASSERT_EQ(blob.bytes.size(), 24u);
  std::memcpy(values.data(), blob.bytes.data(), 24);
  EXPECT_EQ(values, (std::vector<float>{0, 3, 1, 4, 2, 5}));
}

TEST_F(Import, StatesOfLstmMayHaveAnAxisTooMuchInTheFile) {
  func::FuncOp function = import("last_state.pt2");
  EXPECT_EQ(cast<RankedTensorType>(function.getResultTypes()[0]).getShape(), (ArrayRef<int64_t>{2, 4}));
}

TEST_F(Import, UnsupportedOperatorsAreReportedAtOnce) {
  std::string error = errorOf("unsupported.pt2");
  for (const char *part :
       {"3 operators are not supported", "special_bessel_j0.default, 2 uses", "fft_fft.default, 1 use",
        "real.default", "(Unsupported), generate.py:"})
    EXPECT_NE(error.find(part), std::string::npos) << error;
}

TEST(AtenTables, ElementwiseRowsNameExistingFunctions) {
  for (const AtenElementwise &row : atenElementwise()) {
    const ElementwiseFunction *function = lookupElementwise(row.function);
    ASSERT_NE(function, nullptr) << row.target.str();
    EXPECT_EQ(function->operandCount(), 1 + row.operands.count(',')) << row.target.str();
    std::set<std::string> known;
    for (const ElementwiseParameter &parameter : function->parameterList())
      known.insert(parameter.name.str());
    if (!row.parameters.empty())
      for (StringRef name : llvm::split(row.parameters, ','))
        EXPECT_TRUE(known.count(name.str())) << row.target.str() << " " << name.str();
  }
}

TEST(AtenTables, EachTargetHasOneRow) {
  std::set<std::string> targets;
  for (const AtenElementwise &row : atenElementwise())
    EXPECT_TRUE(targets.insert(row.target.str()).second) << row.target.str();
  for (ArrayRef<AtenOp> family : {atenPointwise(), atenViews(), atenShapes(), atenReductions(),
                                  atenLayers(), atenLosses()})
    for (const AtenOp &op : family)
      EXPECT_TRUE(targets.insert(op.target.str()).second) << op.target.str();
}

TEST(AtenTables, FindsOverloadsAndInPlaceForms) {
  EXPECT_TRUE(findTranslation("torch.ops.aten.add.Tensor"));
  EXPECT_TRUE(findTranslation("torch.ops.aten.slice.Tensor"));
  EXPECT_FALSE(findTranslation("torch.ops.aten.slice.default"));
  EXPECT_FALSE(findTranslation("torch.ops.mine.add.Tensor"));
  EXPECT_EQ(functionalTarget("torch.ops.aten.relu_.default"), "torch.ops.aten.relu.default");
  EXPECT_EQ(functionalTarget("torch.ops.aten.relu.default"), "");
  EXPECT_EQ(functionalTarget("torch.ops.aten.detach_.default"), "");
  EXPECT_FALSE(findTranslation(functionalTarget("torch.ops.aten.random_.default")));
}

} // namespace
