// Parameters that stay as they are: some of them in training (requires_grad False at export), all of them in a
// frozen library.
#include "tests/e2e/Command.h"
#include "tools/nnc/Library.h"
#include "tools/nnc/Npz.h"
#include <cmath>
#include <regex>

using namespace nnc;
using nnc::cli::Npz;
using nnc::cli::Tensor;

namespace {

class FixedParameters : public CommandTest {
protected:
  static std::string exported(const std::string &name) { return NNC_SOURCE_DIR "/tests/unit/pt2/" + name + ".pt2"; }
  static Tensor ramp(std::vector<int64_t> dims) {
    Tensor tensor(ElementType::F32, std::move(dims));
    for (int64_t i = 0; i < tensor.size(); ++i)
      tensor.data<float>()[i] = float(i * 37 % 101) / 50 - 1;
    return tensor;
  }
  void succeed(const std::string &arguments) const {
    const CommandResult result = nnc(arguments);
    ASSERT_EQ(result.status, 0) << arguments << "\n" << result.err;
  }
  std::unique_ptr<cli::Library> open(const std::string &name) const {
    auto library = cli::Library::open(folder + "/" + name);
    if (library)
      return std::move(*library);
    ADD_FAILURE() << toString(library.takeError());
    return nullptr;
  }
  Npz npz(const std::string &name) const {
    auto archive = cli::readNpz(folder + "/" + name);
    if (archive)
      return std::move(*archive);
    ADD_FAILURE() << toString(archive.takeError());
    return {};
  }
  /// The largest difference between what two models make of x.npz.
  double difference(const std::string &a, const std::string &b) const {
    EXPECT_EQ(nnc("run " + a + " --inputs x.npz --outputs a.npz").status, 0);
    EXPECT_EQ(nnc("run " + b + " --inputs x.npz --outputs b.npz").status, 0);
    const Npz left = npz("a.npz"), right = npz("b.npz");
    double largest = left.arrays.size() == right.arrays.size() && !left.arrays.empty() ? 0 : INFINITY;
    for (size_t i = 0; i < left.arrays.size() && largest < INFINITY; ++i)
      for (int64_t j = 0; j < left.arrays[i].second.size(); ++j)
        largest = std::max(largest, std::abs(left.arrays[i].second.at(j) - right.arrays[i].second.at(j)));
    return largest;
  }
};

/// fine_tuned.pt2: 0 is a convolution and its norm in eval(), both without gradients; 1 is what trains.
TEST_F(FixedParameters, TrainingLeavesFrozenLayersAlone) {
  succeed("compile " + exported("fine_tuned") + " --loss cross_entropy --optimizer sgd:lr=0.1,momentum=0.9,weight_decay=0.1 -o net");
  std::unique_ptr<cli::Library> library = open("net.so");
  ASSERT_TRUE(library);
  auto instance = library->create({1, 8, 0});
  ASSERT_TRUE(bool(instance)) << toString(instance.takeError());
  std::map<std::string, std::vector<std::byte>> before;
  for (const StateVariable &variable : library->signature().interface.state)
    if (auto bytes = (*instance)->parameter(variable.name))
      before[variable.name] = *bytes;
    else
      ADD_FAILURE() << toString(bytes.takeError());
  ASSERT_EQ(before.size(), 16u);

  auto step = library->entry("train_step"), forward = library->entry("forward");
  ASSERT_TRUE(bool(step) && bool(forward));
  Tensor x = ramp({4, 1, 5, 5}), target(ElementType::I64, {4});
  auto first = (*instance)->call(**forward, {x});
  for (int i = 0; i < 3; ++i) {
    auto loss = (*instance)->call(**step, {x, target});
    ASSERT_TRUE(bool(loss)) << toString(loss.takeError());
  }
  for (const auto &[name, bytes] : before) {
    auto after = (*instance)->parameter(name);
    ASSERT_TRUE(bool(after)) << toString(after.takeError());
    if (name[0] == '0')
      EXPECT_EQ(bytes, *after) << name;
    else
      EXPECT_NE(bytes, *after) << name;
  }
  // What inference makes of the frozen norm is still right, and what it makes of the rest is new.
  auto last = (*instance)->call(**forward, {x});
  ASSERT_TRUE(bool(first) && bool(last));
  EXPECT_NE(first->front().at(0), last->front().at(0));
  ASSERT_FALSE(bool((*instance)->save(folder + "/net.safetensors")));
  Npz inputs;
  inputs.add("0", x);
  ASSERT_FALSE(bool(writeNpz(folder + "/x.npz", inputs)));
  EXPECT_LT(difference("net.so --load net.safetensors", exported("fine_tuned") + " -O0 --load net.safetensors"), 1e-5);
}

TEST_F(FixedParameters, TrainingComputesNoGradientsOfFrozenLayers) {
  const CommandResult text = nnc("compile " + exported("fine_tuned") + " --loss cross_entropy --optimizer sgd --emit train");
  ASSERT_EQ(text.status, 0) << text.err;
  const size_t start = text.out.find("func.func @train_step"), end = text.out.find("func.func", start + 1);
  ASSERT_NE(start, std::string::npos);
  const std::string step = text.out.substr(start, end - start);
  auto count = [&](const std::string &op) {
    const std::regex pattern("= nn\\." + op + " ");
    return std::distance(std::sregex_iterator(step.begin(), step.end(), pattern), std::sregex_iterator());
  };
  EXPECT_EQ(count("conv"), 2);
  EXPECT_EQ(count("conv_weight_grad"), 1);
  EXPECT_EQ(count("conv_input_grad"), 0);
}

/// The opposite: what depends on a buffer that forward changes is not computed once and for all.
TEST_F(FixedParameters, ForwardFollowsTheBuffersItChanges) {
  succeed("compile " + exported("drifting") + " -o net");
  std::unique_ptr<cli::Library> library = open("net.so");
  ASSERT_TRUE(library);
  auto instance = library->create({1, 0, 0});
  auto forward = library->entry("forward");
  ASSERT_TRUE(bool(instance) && bool(forward));
  Tensor x = ramp({3});
  for (int call = 0; call < 3; ++call) {
    auto y = (*instance)->call(**forward, {x});
    ASSERT_TRUE(bool(y)) << toString(y.takeError());
    EXPECT_NEAR(y->front().at(0), x.at(0) * std::exp(call), 1e-5) << call;
  }
}

class FrozenLibrary : public FixedParameters, public testing::WithParamInterface<std::pair<const char *, std::vector<int64_t>>> {};

TEST_P(FrozenLibrary, ComputesTheSame) {
  const std::string model = GetParam().first[0] == '$' ? GetParam().first : exported(GetParam().first);
  Npz inputs;
  inputs.add("0", ramp(GetParam().second));
  ASSERT_FALSE(bool(writeNpz(folder + "/x.npz", inputs)));
  succeed("compile " + model + " -o plain");
  succeed("compile " + model + " --frozen -o frozen");
  succeed("compile " + model + " --frozen -O0 -o naive");
  EXPECT_LT(difference("plain.so", "frozen.so"), 1e-5);
  EXPECT_LT(difference("plain.so", "naive.so"), 1e-5);
  // There is nothing to name, set, load or save.
  EXPECT_NE(read("plain.h").find("plain_parameter_set"), std::string::npos);
  EXPECT_EQ(read("frozen.h").find("parameter_"), std::string::npos);
  EXPECT_EQ(shell("nm -D frozen.so | grep -E \"parameter|load|save\"").out, "");
  EXPECT_TRUE(open("frozen.so")->signature().interface.state.empty());
}

INSTANTIATE_TEST_SUITE_P(Models, FrozenLibrary,
                         testing::Values(std::pair("$MODELS/zoo/lenet.pt2", std::vector<int64_t>{3, 1, 28, 28}),
                                         std::pair("modes_eval", std::vector<int64_t>{4, 6}),
                                         std::pair("fine_tuned", std::vector<int64_t>{3, 1, 5, 5}),
                                         std::pair("strided", std::vector<int64_t>{4, 3})),
                         [](const auto &info) { return "Model" + std::to_string(info.index); });

TEST_F(FixedParameters, FrozenInstancesShareTheirConstants) {
  succeed("compile $MODELS/zoo/mlp.pt2 -o plain"); // 784-64-10: 203,560 bytes of parameters
  succeed("compile $MODELS/zoo/mlp.pt2 --frozen -o frozen");
  succeed("compile $MODELS/zoo/mlp.pt2 --frozen --emit plan -o frozen.mlir");
  write("bytes.c", "#include \"plain.h\"\n#include \"frozen.h\"\n#include <stdio.h>\n"
                   "int main(void) { printf(\"%d\", (int)plain_arena_bytes(1, 1) - (int)frozen_arena_bytes(1, 1)); }\n");
  const CommandResult result = shell("gcc -I. bytes.c plain.so frozen.so -Wl,-rpath,\"\\$ORIGIN\" -o bytes && ./bytes");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_GE(std::stoi(result.out), 203560);
  // Nothing is stored twice: a weight that is packed is not there as it was.
  EXPECT_LT(read("frozen.so").size(), read("plain.so").size() + 65536);
}

TEST_F(FixedParameters, WhatCannotBeFrozen) {
  succeed("compile $MODELS/zoo/mlp.pt2 --frozen -o frozen");
  succeed("compile $MODELS/zoo/mlp.pt2 --loss cross_entropy -o plain");
  Npz inputs, samples;
  inputs.add("0", ramp({1, 1, 28, 28}));
  ASSERT_FALSE(bool(writeNpz(folder + "/x.npz", inputs)));
  EXPECT_REFUSED(nnc("run frozen.so --inputs x.npz --load any.safetensors"), "is frozen: its parameters are fixed; compile it without --frozen");
  EXPECT_REFUSED(nnc("compile $MODELS/zoo/mlp.pt2 --frozen --loss cross_entropy -o net"), "--frozen fixes the parameters: leave out --loss");
  EXPECT_REFUSED(nnc("compile " + exported("counter") + " --frozen -o net"), "forward changes calls in every call: it cannot be frozen");
  EXPECT_FALSE(exists("net.so"));
}

} // namespace
