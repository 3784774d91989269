#include "tools/nnc/Commands.h"
#include "tools/nnc/Model.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace nnc::cli {
namespace {

void printTensors(const char *role, ArrayRef<BoundaryTensor> tensors, ArrayRef<SymbolInfo> symbols) {
  for (const BoundaryTensor &tensor : tensors) {
    outs() << "  " << role << " " << tensor.name << ": " << describe(tensor, symbols);
    if (tensor.hasRange)
      outs() << ", values " << tensor.range.low << " to " << tensor.range.high - 1;
    outs() << "\n";
  }
}

struct InspectCommand {
  ModelOptions model;

  Error run() const {
    Expected<std::unique_ptr<Library>> library = openModel(model, Purpose::Forward);
    if (!library)
      return library.takeError();
    const ModelInterface &interface = (*library)->signature().interface;
    outs() << interface.name << "\n";
    for (const SymbolInfo &symbol : interface.symbols)
      outs() << "  " << symbol.name << ": " << symbol.minimum << " to " << symbol.maximum << "\n";
    for (const Entry &entry : interface.entries) {
      outs() << entry.name << "\n";
      printTensors("in ", entry.inputs, interface.symbols);
      printTensors("out", entry.outputs, interface.symbols);
    }
    int64_t parameters = 0;
    outs() << "parameters and buffers\n";
    for (const StateVariable &variable : interface.state) {
      int64_t count = 1;
      for (int64_t dim : variable.dims)
        count *= dim;
      if (variable.kind == StateVariable::Parameter)
        parameters += count;
      outs() << "  " << left_justify(variable.name, 32) << " " << describe(variable.type, variable.dims)
             << (variable.kind == StateVariable::Buffer ? "  (buffer)" : "") << "\n";
    }
    outs() << "  " << parameters << " parameters\n";
    return Error::success();
  }
};

} // namespace

void addInspect(CLI::App &app, Action &action) {
  auto command = std::make_shared<InspectCommand>();
  CLI::App *verb = app.add_subcommand("inspect", "Prints a model's entries, shapes and parameters");
  command->model.addTo(*verb);
  verb->callback([command, &action] { action = [command] { return command->run(); }; });
}

} // namespace nnc::cli
