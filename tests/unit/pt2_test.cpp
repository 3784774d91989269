// Reading .pt2 files: the archive, the size expressions, the program, and every
// way in which a file can be bad.
#include "compiler/frontends/pt2/ExportedProgram.h"
#include "compiler/frontends/pt2/NodeMetadata.h"

#include "llvm/Support/JSON.h"
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <numeric>

using namespace nnc::pt2;

namespace {

const std::string folder = NNC_TEST_DATA "/";

std::string bytesOf(const std::string &name) {
  std::ifstream file(folder + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

llvm::Expected<ExportedProgram> readBytes(const std::string &bytes) {
  llvm::Expected<Archive> archive =
      Archive::read(llvm::MemoryBuffer::getMemBufferCopy(bytes, "model.pt2"));
  if (!archive)
    return archive.takeError();
  return readExportedProgram(std::move(*archive));
}

ExportedProgram readFile(const std::string &name) {
  llvm::Expected<ExportedProgram> program = readExportedProgram(folder + name);
  if (!program) {
    ADD_FAILURE() << llvm::toString(program.takeError());
    return {};
  }
  return std::move(*program);
}

template <typename T> std::string errorOf(llvm::Expected<T> result) {
  if (result) {
    ADD_FAILURE() << "an error was expected";
    return "";
  }
  return llvm::toString(result.takeError());
}

void expectContains(const std::string &text, const std::string &part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

const Node &nodeOf(const ExportedProgram &program, const std::string &target) {
  for (const Node &node : program.nodes)
    if (node.target == target)
      return node;
  ADD_FAILURE() << "no node " << target;
  static const Node none;
  return none;
}

std::string parsed(const char *text) {
  llvm::Expected<SymbolicExpression> expression = SymbolicExpression::parse(text);
  return expression ? expression->str() : llvm::toString(expression.takeError());
}

TEST(SymbolicExpression, ReadsBothPrintedForms) {
  EXPECT_EQ(parsed("Symbol('s77', positive=True, integer=True)"), "s77");
  EXPECT_EQ(parsed("Mul(Integer(3), Symbol('s0', integer=True), Symbol('s53'))"), "3*s0*s53");
  EXPECT_EQ(parsed("Add(Integer(-1), FloorDiv(Symbol('s77'), Integer(2)))"),
            "-1 + floordiv(s77, 2)");
  EXPECT_EQ(parsed("16*s77 + 1"), "16*s77 + 1");
  EXPECT_EQ(parsed("2*(s0 - 1)//3"), "floordiv(2*(s0 + -1), 3)");
  EXPECT_EQ(parsed("Pow(Symbol('s1'), Integer(2))"), "s1*s1");
  EXPECT_EQ(parsed("Max(1, s0) % 4"), "mod(max(1, s0), 4)");
  EXPECT_EQ(parsed("2*3 - 8"), "-2");
}

TEST(SymbolicExpression, RefusesWhatIsNoSize) {
  for (const char *text :
       {"", "s0 +", "Mul(s0", "floor(s0/2)", "1.5", "99999999999999999999", "Symbol(s0)",
        "s0 s1", "Pow(s0, Integer(-1))", "((s0**8)**8)**8**8"})
    expectContains(parsed(text), "size expression `");
  expectContains(parsed(std::string(100000, '(').c_str()), "too deeply");
}

TEST(SymbolicExpression, EvaluatesLikePython) {
  auto value = [](const char *text) {
    return llvm::cantFail(SymbolicExpression::parse(text)).evaluate([](llvm::StringRef name) {
      return name == "n" ? std::optional<int64_t>(-7) : std::nullopt;
    });
  };
  EXPECT_EQ(value("n//2"), -4);
  EXPECT_EQ(value("n % 3"), 2);
  EXPECT_EQ(value("Min(n, 3) + n*n"), 42);
  EXPECT_EQ(value("n//0"), std::nullopt);
  EXPECT_EQ(value("m + 1"), std::nullopt);
  EXPECT_EQ(value("n*9223372036854775807"), std::nullopt);
}

TEST(NodeMetadata, FindsTheUsersLine) {
  SourceLine line = userLine("File \"app/train.py\", line 3, in main\n    net(x)\n"
                             "  File \"app/net.py\", line 12, in forward\n    x = self.conv(x)\n"
                             "  File \"lib/site-packages/torch/nn/modules/conv.py\", line 9, in forward\n    y");
  EXPECT_EQ(line.file, "app/net.py");
  EXPECT_EQ(line.line, 12u);
  EXPECT_EQ(userLine("File \"torch/fx/passes/x.py\", line 24, in f").file, "");
}

TEST(NodeMetadata, FindsTheInnermostModule) {
  Node node;
  readModuleStack("L__self__,,app.Net;L__self__a,a.0,torch.nn.modules.conv.Conv2d", node);
  EXPECT_EQ(node.modulePath, "a.0");
  EXPECT_EQ(node.moduleClass, "torch.nn.modules.conv.Conv2d");
  Node added;
  readModuleStack("_empty_nn_module_stack_from_metadata_hook,_empty_nn_module_stack_from_"
                  "metadata_hook,_empty_nn_module_stack_from_metadata_hook",
                  added);
  EXPECT_EQ(added.modulePath, "");
}

TEST(ExportedProgram, ReadsADynamicPerceptron) {
  ExportedProgram program = readFile("perceptron.pt2");
  ASSERT_EQ(program.inputs.size(), 5u);
  EXPECT_EQ(program.inputs[0].name, "net.0.weight");
  EXPECT_EQ(program.inputs[0].kind, InputSpec::Kind::Parameter);
  EXPECT_EQ(program.inputs[4].kind, InputSpec::Kind::UserInput);
  EXPECT_EQ(program.inputs[4].name, "x");

  const TensorMeta &x = program.tensors.at("x");
  EXPECT_EQ(x.type, ScalarType::Float);
  ASSERT_EQ(x.sizes.size(), 2u);
  EXPECT_EQ(x.sizes[0].kind, SymbolicExpression::Kind::Symbol);
  EXPECT_EQ(x.sizes[1], SymbolicExpression::constant(8));
  const Range &range = program.ranges.at(x.sizes[0].symbol);
  EXPECT_EQ(range.minimum, 2);
  EXPECT_EQ(range.maximum, 512);

  const Node &dropout = nodeOf(program, "torch.ops.aten.dropout.default");
  EXPECT_EQ(dropout.modulePath, "net.2");
  EXPECT_EQ(dropout.source.file, "generate.py");
  EXPECT_GT(dropout.source.line, 0u);
  ASSERT_NE(dropout.find("train"), nullptr);
  EXPECT_EQ(dropout.find("train")->integer, 1);
  EXPECT_EQ(dropout.find("p")->number, 0.5);
  EXPECT_EQ(dropout.find("absent"), nullptr);

  const StoredTensor *weight = program.stored("net.0.weight");
  ASSERT_NE(weight, nullptr);
  EXPECT_EQ(weight->sizes, (std::vector<int64_t>{16, 8}));
  EXPECT_EQ(weight->bytes.size(), 16u * 8 * 4);
  EXPECT_TRUE(weight->requiresGrad && weight->isParameter && weight->isContiguous());
}

TEST(ExportedProgram, ReadsSizesListsAndSymbolicArguments) {
  ExportedProgram program = readFile("sizes.pt2");
  const Node &chunk = nodeOf(program, "torch.ops.aten.chunk.default");
  ASSERT_EQ(chunk.outputs.size(), 1u);
  EXPECT_EQ(chunk.outputs[0].list.size(), 2u);
  const Node &cat = nodeOf(program, "torch.ops.aten.cat.default");
  ASSERT_EQ(cat.find("tensors")->list.size(), 2u);
  EXPECT_TRUE(cat.find("tensors")->list[0].isTensor());
  const Argument &shape = *nodeOf(program, "torch.ops.aten.reshape.default").find("shape");
  ASSERT_EQ(shape.list.size(), 2u);
  EXPECT_EQ(shape.list[0].kind, Argument::Kind::SymInt);
  EXPECT_EQ(shape.list[1].integer, 3);
  EXPECT_EQ(program.symbolicInts.at(shape.list[0].text).operands.size(), 3u);
  EXPECT_EQ(nodeOf(program, "torch.ops.aten.arange.default").find("dtype")->integer, 7);
}

TEST(ExportedProgram, ReadsTiedWeightsBuffersAndConstants) {
  ExportedProgram program = readFile("tied.pt2");
  EXPECT_EQ(program.stored("first.weight")->member, program.stored("second.weight")->member);
  EXPECT_EQ(program.stored("norm.num_batches_tracked")->type, ScalarType::Long);
  std::map<std::string, Argument> fixed;
  for (const InputSpec &input : program.inputs)
    if (input.kind == InputSpec::Kind::ConstantInput)
      fixed[input.name] = input.value;
  EXPECT_TRUE(fixed.at("mask").isNone());
  EXPECT_EQ(fixed.at("factor").integer, 3);

  ExportedProgram mutation = readFile("mutation.pt2");
  EXPECT_EQ(mutation.inputs[0].name, "count");
  EXPECT_TRUE(mutation.inputs[0].persistent);
  EXPECT_FALSE(mutation.inputs[1].persistent);
  EXPECT_EQ(mutation.inputs[2].kind, InputSpec::Kind::TensorConstant);
  EXPECT_EQ(mutation.constants.count("scale"), 1u);
}

TEST(ExportedProgram, ReordersStridedWeights) {
  ExportedProgram program = readFile("strided.pt2");
  const StoredTensor *weight = program.stored("weight");
  ASSERT_NE(weight, nullptr);
  EXPECT_EQ(weight->strides, (std::vector<int64_t>{1, 3}));
  EXPECT_FALSE(weight->isContiguous());
  std::vector<char> bytes = weight->toContiguous();
  std::vector<float> values(6);
  ASSERT_EQ(bytes.size(), 24u);
  std::memcpy(values.data(), bytes.data(), 24);
  EXPECT_EQ(values, (std::vector<float>{0, 3, 1, 4, 2, 5}));
}

TEST(BadFile, IsNamed) {
  expectContains(errorOf(readExportedProgram("/nonexistent/m.pt2")), "cannot open /nonexistent/m.pt2");
  expectContains(errorOf(readBytes("")), "the file is empty");
  expectContains(errorOf(readBytes("import torch\n")), "it is no zip archive");
  expectContains(errorOf(readExportedProgram(folder + "torchscript.pt")), "TorchScript file");
  expectContains(errorOf(readExportedProgram(folder + "checkpoint.pt")), "weights but no graph");
}

TEST(BadFile, TruncatedAtEveryByte) {
  std::string bytes = bytesOf("strided.pt2");
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::string error = errorOf(readBytes(bytes.substr(0, size)));
    ASSERT_FALSE(error.empty()) << size;
    if (size >= 4) {
      ASSERT_NE(error.find("cut off"), std::string::npos) << size << ": " << error;
    }
  }
}

TEST(BadFile, EveryByteChanged) {
  // A change in padding, in a date or in a sample input is harmless: then the
  // program must be the same.
  std::string bytes = bytesOf("strided.pt2");
  size_t refused = 0;
  for (size_t index = 0; index < bytes.size(); ++index) {
    std::string changed = bytes;
    changed[index] ^= 0x5a;
    llvm::Expected<ExportedProgram> program = readBytes(changed);
    if (!program) {
      ++refused;
      llvm::consumeError(program.takeError());
      continue;
    }
    ASSERT_EQ(program->nodes.size(), 1u) << index;
    ASSERT_EQ(program->stored("weight")->toContiguous(),
              readFile("strided.pt2").stored("weight")->toContiguous())
        << index;
  }
  EXPECT_GT(refused, bytes.size() / 2);
}

/// The model of perceptron.pt2 with one change.
std::string modelErrorAfter(llvm::function_ref<void(llvm::json::Object &)> change) {
  Archive archive = llvm::cantFail(Archive::open(folder + "perceptron.pt2"));
  llvm::json::Value model =
      llvm::cantFail(llvm::json::parse(llvm::cantFail(archive.contents("models/model.json"))));
  change(*model.getAsObject());
  std::string text;
  llvm::raw_string_ostream(text) << model;
  ExportedProgram program;
  llvm::Error error = parseModel(text, program);
  if (!error)
    error = checkReferences(program);
  return error ? llvm::toString(std::move(error)) : "none";
}

TEST(BadModel, IsNamed) {
  EXPECT_EQ(modelErrorAfter([](auto &) {}), "none");
  EXPECT_EQ(modelErrorAfter([](auto &model) { model["a_later_field"] = 1; }), "none");
  expectContains(modelErrorAfter([](auto &model) {
                   (*model.getObject("schema_version"))["major"] = 9;
                 }),
                 "schema version 9");
  expectContains(modelErrorAfter([](auto &model) { model.erase("schema_version"); }),
                 "no schema_version");
  auto graph = [](llvm::json::Object &model) {
    return model.getObject("graph_module")->getObject("graph");
  };
  expectContains(modelErrorAfter([&](auto &model) {
                   (*graph(model)->getArray("nodes"))[1].getAsObject()->erase("target");
                 }),
                 "model.graph_module.graph.nodes[1].target");
  expectContains(modelErrorAfter([&](auto &model) {
                   llvm::json::Array &nodes = *graph(model)->getArray("nodes");
                   nodes.erase(nodes.begin());
                 }),
                 "is used before it is defined");
  expectContains(modelErrorAfter([&](auto &model) {
                   llvm::json::Array &nodes = *graph(model)->getArray("nodes");
                   nodes.insert(nodes.begin(), llvm::json::Value(nodes[0]));
                 }),
                 "is defined twice");
  expectContains(modelErrorAfter([&](auto &model) { graph(model)->getObject("tensor_values")->erase("x"); }),
                 "x has no type");
}

TEST(BadModel, DeepNestingIsRefused) {
  ExportedProgram program;
  expectContains(llvm::toString(parseModel(std::string(1000000, '['), program)), "too deeply");
  expectContains(llvm::toString(parseModel("{\"a\": ", program)), "not valid JSON");
}

TEST(BadPayload, IsRefused) {
  auto payload = [](const std::string &sizes, const std::string &pickled = "false") {
    return "{\"config\": {\"w\": {\"path_name\": \"weight_0\", \"is_param\": true, \"use_pickle\": " +
           pickled + ", \"tensor_meta\": {\"dtype\": 7, \"sizes\": [" + sizes +
           "], \"strides\": [{\"as_int\": 1}], \"storage_offset\": {\"as_int\": 0}}}}}";
  };
  EXPECT_TRUE(static_cast<bool>(parsePayload(payload("{\"as_int\": 3}"))));
  expectContains(errorOf(parsePayload(payload("{\"as_int\": -3}"))), "constant sizes");
  expectContains(errorOf(parsePayload(payload("{\"as_expr\": {\"expr_str\": \"s0\"}}"))), "constant sizes");
  expectContains(errorOf(parsePayload(payload("{\"as_int\": 3}", "true"))), "pickled");
}

} // namespace
