// `nnc run` and `nnc grad`: one call of an entry between files.
#include "tools/nnc/Commands.h"
#include "tools/nnc/Model.h"
#include "tools/nnc/NamedTensors.h"

using namespace llvm;

namespace nnc::cli {
namespace {

struct CallCommand {
  const char *entryName;
  Purpose purpose;
  ModelOptions model;
  RuntimeOptions runtime;
  TensorFiles files;

  Error run() const {
    Expected<Npz> given = files.read();
    if (!given)
      return given.takeError();
    Expected<std::unique_ptr<Library>> library = openModel(model, purpose);
    if (!library)
      return library.takeError();
    Expected<const Entry *> entry = (*library)->entry(entryName);
    if (!entry)
      return entry.takeError();
    Expected<std::vector<Tensor>> inputs = arrangeInputs(**entry, *given);
    if (!inputs)
      return inputs.takeError();
    Expected<std::unique_ptr<Instance>> instance = createInstance(**library, runtime);
    if (!instance)
      return instance.takeError();
    Expected<std::vector<Tensor>> outputs = (*instance)->call(**entry, *inputs);
    if (!outputs)
      return outputs.takeError();
    return files.finish(nameOutputs(**entry, std::move(*outputs)));
  }
};

void addCall(CLI::App &app, Action &action, CallCommand verbOptions, const char *verb, const char *description) {
  auto command = std::make_shared<CallCommand>(std::move(verbOptions));
  CLI::App *sub = app.add_subcommand(verb, description);
  command->model.addTo(*sub);
  command->runtime.addTo(*sub);
  command->files.addTo(*sub);
  sub->callback([command, &action] { action = [command] { return command->run(); }; });
}

} // namespace

void addRun(CLI::App &app, Action &action) {
  addCall(app, action, {"forward", Purpose::Forward, {}, {}, {}}, "run", "Computes a model's outputs");
}

void addGrad(CLI::App &app, Action &action) {
  addCall(app, action, {"grad", Purpose::Gradient, {}, {}, {}}, "grad",
          "Computes outputs and gradients (grad:KEY) from the cotangents of the outputs (cotangent:0, ...)");
}

} // namespace nnc::cli
