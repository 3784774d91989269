// The likeliest mistakes of a new user and what nnc answers: which file, layer or
// input, why, and what to do. One row is one mistake; exit status 1, nothing written.
#include "tests/e2e/Command.h"
#include "tools/nnc/Npy.h"
#include "tools/nnc/Npz.h"
#include "tools/nnc/Zip.h"

using namespace nnc;
using cli::Tensor;

namespace {

struct Mistake {
  const char *what;
  const char *command; ///< behind `nnc`; the files are those of SetUp
  const char *answer;  ///< a part of the message
};

const Mistake mistakes[] = {
    // The model
    {"a path that is not there", "run lenet5.pt2", "lenet5.pt2: no such file"},
    {"weights instead of a model", "compile $TESTS/unit/pt2/checkpoint.pt -o out/net",
     "checkpoint.pt: this is a checkpoint (torch.save), which holds weights but no graph; write the model with "
     "torch.export.save(torch.export.export(model, (x,)), \"model.pt2\")"},
    {"a checkpoint of nnc instead of a model", "run other.safetensors --input @x.npy",
     "other.safetensors: this is a checkpoint (.safetensors), which holds weights but no graph; give the model, and the "
     "checkpoint with --load"},
    {"TorchScript", "compile $TESTS/unit/pt2/torchscript.pt -o out/net",
     "torchscript.pt: this is a TorchScript file (torch.jit.save); write the model with torch.export.save"},
    {"a download that was cut off", "compile cut.pt2 -o out/net",
     "cut.pt2: the file is cut off: the archive's directory, which ends it, is missing"},
    {"a model whose weights are missing", "compile weightless.pt2 -o out/net",
     "weightless.pt2: the archive has no data/weights/weight_1; write it again with torch.export.save"},
    {"operators that are not supported", "compile $TESTS/unit/pt2/unsupported.pt2 -o out/net",
     "unsupported.pt2: 3 operators are not supported:\n"
     "  torch.ops.aten.special_bessel_j0.default, 2 uses, first in: layer <model> (Unsupported), generate.py:88\n"
     "  torch.ops.aten.fft_fft.default, 1 use: layer <model> (Unsupported), generate.py:90\n"
     "  torch.ops.aten.real.default, 1 use: layer <model> (Unsupported), generate.py:90"},
    {"training what was exported in eval()", "compile $TESTS/unit/pt2/modes_eval.pt2 --loss mse --optimizer sgd -o out/net",
     "modes_eval.pt2: exported in eval(), so that training would leave dropout off and running statistics unchanged:\n"
     "  batch_norm, first in: layer norm (BatchNorm1d), generate.py:141\n"
     "  dropout, first in: layer drop (Dropout), generate.py:141\n"
     "export the model after model.train()"},
    {"a dimension without a bound", "run $TESTS/unit/pt2/sizes.pt2 --input @planes.npy",
     "sizes: N is unbounded: set options.max_batch to the largest value needed, or compile with --max-batch"},

    // Compiling
    {"a misspelt loss", "compile $MODELS/zoo/mlp.pt2 --loss cross_entropie --optimizer sgd -o out/net",
     "mlp.pt2: unknown loss 'cross_entropie'; known: output, cross_entropy, nll"},
    {"a misspelt optimizer", "compile $MODELS/zoo/mlp.pt2 --loss cross_entropy --optimizer sdg -o out/net",
     "mlp.pt2: unknown optimizer 'sdg'; known: sgd, adam, adamw"},
    {"an option of another loss", "compile $MODELS/zoo/mlp.pt2 --loss cross_entropy:beta=1 --optimizer sgd -o out/net",
     "mlp.pt2: loss 'cross_entropy' has no option 'beta'; it has ignore_index, label_smoothing, reduction"},
    {"an option of another optimizer", "compile $MODELS/zoo/mlp.pt2 --loss cross_entropy --optimizer adam:momentum=0.9 -o out/net",
     "mlp.pt2: optimizer 'adam' has no option 'momentum'; it has amsgrad, beta1, beta2, eps, lr, maximize, weight_decay"},
    {"a negative learning rate", "compile $MODELS/zoo/mlp.pt2 --loss cross_entropy --optimizer sgd:lr=-0.1 -o out/net",
     "mlp.pt2: optimizer 'sgd': option lr = -0.1 must be at least 0"},
    {"an optimizer without a loss", "compile $MODELS/zoo/mlp.pt2 --optimizer sgd -o out/net",
     "an optimizer needs a loss: add --loss, such as --loss cross_entropy"},
    {"a loss that the model does not return", "compile $MODELS/zoo/mlp.pt2 --loss output --optimizer sgd -o out/net",
     "mlp.pt2: --loss output: the model's first output is not a scalar"},
    {"a processor that does not exist", "compile $MODELS/zoo/mlp.pt2 --cpu zen4 -o out/net",
     "unknown CPU 'zen4': give `native` or an LLVM name such as x86-64-v3, x86-64-v4, znver4 or sapphirerapids"},
    {"a name that C cannot have", "compile $MODELS/zoo/mlp.pt2 -o out/3d-net",
     "'3d-net' cannot be the prefix of C functions: give --name letters, digits and underscores, not a digit first"},
    {"no place for the output", "compile $MODELS/zoo/mlp.pt2", "where to? Add -o DIR/NAME"},

    // Running
    {"another processor than compiled for", "run $MODELS/zoo/mlp.pt2 --cpu bdver4 --input @x.npy",
     "which mlp was compiled for (bdver4): compile with --cpu=x86-64-v2 or --cpu=x86-64-v3"},
    {"an input in float64", "run $MODELS/zoo/mlp.pt2 --input @double.npy",
     "input 'input' has the dtype float64, must be float32"},
    {"an image in bytes", "run $MODELS/zoo/mlp.pt2 --input @bytes.npy",
     "input 'input' has the dtype uint8, must be float32"},
    {"an input without the batch axis", "run $MODELS/zoo/mlp.pt2 --input @image.npy", "input 'input' has 3 axes, must have 4"},
    {"channels last", "run $MODELS/zoo/mlp.pt2 --input @channels_last.npy",
     "axis 1 of input 'input' has the size 28, must be 1"},
    {"a larger batch than exported for", "run $MODELS/zoo/mlp.pt2 --input @batch.npy", "1025; allowed are 1 to 1024"},
    {"an input that was forgotten", "run $MODELS/zoo/mlp.pt2",
     "input 'input' (position 0) is missing: give it with --inputs or --input input=@FILE.npy"},
    {"an input by another name", "run $MODELS/zoo/mlp.pt2 --input image=@x.npy", "there is no input 'image'; forward takes input"},
    {"a file without @", "run $MODELS/zoo/mlp.pt2 --input input=x.npy",
     "'input=x.npy' is not of the form NAME=@FILE.npy or @FILE.npy"},
    {"an archive for an array", "run $MODELS/zoo/mlp.pt2 --input @data.npz",
     "data.npz: this is an archive of arrays (.npz), where one array (.npy) belongs; give it with --inputs"},
    {"an array for an archive", "run $MODELS/zoo/mlp.pt2 --inputs x.npy",
     "x.npy: not an archive of arrays (.npz); write it with numpy.savez"},
    {"an array that was cut off", "run $MODELS/zoo/mlp.pt2 --input @cut.npy",
     "cut.npy: truncated: float32 [2, 1, 28, 28] takes 6272 bytes, the file has"},
    {"a file of inputs that is not there", "run $MODELS/zoo/mlp.pt2 --inputs none.npz", "none.npz: cannot read"},
    {"a word outside of the vocabulary", "run $TESTS/unit/pt2/tokens.pt2 --input @words.npy --input @position.npy",
     "'tokens' has the value 5 at position"},
    {"gradients of a library without them", "grad mlp.so --input @x.npy", "has no entry grad: compile it with --gradient"},

    // Training
    {"no loss", "train $MODELS/zoo/mlp.pt2 --optimizer sgd --data data.npz",
     "training needs a loss: add --loss, such as --loss cross_entropy"},
    {"no optimizer", "train $MODELS/zoo/mlp.pt2 --loss cross_entropy --data data.npz",
     "training needs an optimizer: add --optimizer, such as --optimizer adam:lr=1e-3"},
    {"no targets", "train $MODELS/zoo/mlp.pt2 --loss cross_entropy --optimizer sgd --data x.npz",
     "x.npz: no array for input 'target': looked for target, y, target; the file has x"},
    {"classes counted from 1", "train $MODELS/zoo/mlp.pt2 --loss cross_entropy --optimizer sgd --data classes.npz",
     "'target' has the value 10 at position"},
    {"targets of another loss", "train $MODELS/zoo/mlp.pt2 --loss mse --optimizer sgd --data data.npz",
     "data.npz: y is int64 [4], but input 'target' has 2 axes"},
    {"classes as floats", "train $MODELS/zoo/mlp.pt2 --loss cross_entropy --optimizer sgd --data floats.npz",
     "floats.npz: y is float32, but input 'target' takes int64"},
    {"fewer targets than samples", "train $MODELS/zoo/mlp.pt2 --loss cross_entropy --optimizer sgd --data uneven.npz",
     "uneven.npz: y has 3 samples, the input before it 4"},
    {"a larger batch than exported for, in training", "bench $MODELS/zoo/mlp.pt2 --batch 2000",
     "--batch 2000: N may range from 1 to 1024"},
    {"training a library without training", "train mlp.so --data data.npz",
     "has no entry train_step: compile it with --loss and --optimizer"},
    {"a loss for a library", "bench mlp.so --train --loss cross_entropy", "is compiled already"},
    {"a checkpoint of another model", "run $MODELS/zoo/lenet.pt2 --input @x.npy --load other.safetensors",
     "'other.safetensors': lenet has no parameter or buffer '1.weight' (a checkpoint of another model?)"},
    {"a checkpoint that was cut off", "run $MODELS/zoo/mlp.pt2 --input @x.npy --load cut.safetensors",
     "'cut.safetensors': the data of"},
    {"a checkpoint that is not there", "run $MODELS/zoo/mlp.pt2 --input @x.npy --load best.safetensors",
     "cannot read 'best.safetensors': no such file or directory"},

    // Writing
    {"results into a folder that is not there", "run $MODELS/zoo/mlp.pt2 --input @x.npy --outputs out/y.npz",
     "out/y.npz: cannot write: there is no folder 'out'"},
    {"a checkpoint into a folder that is not there",
     "train $MODELS/zoo/mlp.pt2 --loss cross_entropy --optimizer sgd --data data.npz --epochs 1 --save out/net.safetensors",
     "out/net.safetensors: cannot write: there is no folder 'out'"},
    {"results onto a device", "run $MODELS/zoo/mlp.pt2 --input @x.npy --output @device",
     "cannot write: it is a folder or a device, not a file"},
};

class Mistakes : public CommandTest, public testing::WithParamInterface<size_t> {
protected:
  void array(const std::string &name, ElementType type, std::vector<int64_t> dims, int64_t value = 0) {
    Tensor tensor(type, std::move(dims));
    if (type == ElementType::I64)
      std::fill_n(tensor.data<int64_t>(), tensor.size(), value);
    ASSERT_FALSE(bool(writeNpy(folder + "/" + name, tensor)));
  }
  /// Images and, if there are any, their classes.
  void data(const std::string &name, int64_t classes, int64_t value = 0, ElementType type = ElementType::I64) {
    cli::Npz npz;
    npz.add("x", Tensor(ElementType::F32, {4, 1, 28, 28}));
    Tensor y(type, {classes});
    if (type == ElementType::I64)
      std::fill_n(y.data<int64_t>(), classes, value);
    if (classes)
      npz.add("y", y);
    ASSERT_FALSE(bool(writeNpz(folder + "/" + name, npz)));
  }

  void SetUp() override {
    CommandTest::SetUp();
    array("x.npy", ElementType::F32, {2, 1, 28, 28});
    array("double.npy", ElementType::F64, {2, 1, 28, 28});
    array("bytes.npy", ElementType::U8, {2, 1, 28, 28});
    array("image.npy", ElementType::F32, {1, 28, 28});
    array("channels_last.npy", ElementType::F32, {2, 28, 28, 1});
    array("batch.npy", ElementType::F32, {1025, 1, 28, 28});
    array("planes.npy", ElementType::F32, {4, 3, 6, 8});
    array("words.npy", ElementType::I64, {2, 2}, 5);
    array("position.npy", ElementType::I64, {2}, 0);
    write("cut.npy", read("x.npy").substr(0, 1000));
    data("data.npz", 4);
    data("x.npz", 0);
    data("classes.npz", 4, 10);
    data("uneven.npz", 3);
    data("floats.npz", 4, 0, ElementType::F32);
    shell("cp $MODELS/zoo/mlp.pt2 .");
    write("cut.pt2", read("mlp.pt2").substr(0, 100000));
    llvm::Expected<std::vector<cli::ZipMember>> members = cli::readZip(folder + "/mlp.pt2");
    ASSERT_TRUE(bool(members));
    llvm::erase_if(*members, [](const cli::ZipMember &m) { return llvm::StringRef(m.name).contains("/data/weights/weight_"); });
    ASSERT_FALSE(bool(writeZip(folder + "/weightless.pt2", *members)));
    // A checkpoint of the multilayer perceptron, as `nnc train --save` begins one.
    std::string header = R"({"1.weight":{"dtype":"F32","shape":[64,784],"data_offsets":[0,200704]}})";
    uint64_t length = header.size();
    std::string prefix(reinterpret_cast<const char *>(&length), sizeof length);
    write("other.safetensors", prefix + header + std::string(200704, '\0'));
    write("cut.safetensors", prefix + header + std::string(1000, '\0'));
    shell("rm mlp.pt2; mkfifo device");
  }

  const Mistake &mistake = mistakes[GetParam()];
};

TEST_P(Mistakes, AreExplained) {
  if (std::string(mistake.command).find("mlp.so") != std::string::npos)
    ASSERT_EQ(nnc("compile $MODELS/zoo/mlp.pt2 -o mlp").status, 0);
  const std::string before = listing();
  EXPECT_REFUSED(nnc(mistake.command), mistake.answer);
  EXPECT_EQ(listing(), before) << "files were left behind";
}

INSTANTIATE_TEST_SUITE_P(Of, Mistakes, testing::Range(size_t(0), std::size(mistakes)), [](const auto &info) {
  std::string name = mistakes[info.param].what;
  for (char &c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)))
      c = '_';
  return name;
});

} // namespace
