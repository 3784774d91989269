#include "compiler/Report.h"
#include "compiler/Summary.h"
#include "tools/nnc/ArenaChart.h"
#include "tools/nnc/Commands.h"
#include "tools/nnc/Model.h"
#include "tools/nnc/Npy.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace nnc::cli {
namespace {

int64_t elements(ArrayRef<int64_t> dims) {
  int64_t count = 1;
  for (int64_t dim : dims)
    count *= dim;
  return count;
}

/// 11689512 -> 11,689,512
std::string grouped(int64_t value) {
  std::string text = std::to_string(value);
  for (int64_t at = int64_t(text.size()) - 3; at > 0; at -= 3)
    text.insert(size_t(at), ",");
  return text;
}

struct InspectCommand {
  ModelOptions model;
  int64_t batch = 1;
  bool json = false, memory = false;
  std::string svg;

  /// What there is to say, from the library and, of a model file, from its layers.
  struct Findings {
    const ModelInterface *interface = nullptr;
    std::vector<LayerSummary> layers;
    int64_t parameters = 0, flops = 0, memory = 0;
  };

  Error run() const {
    if (memory || !svg.empty())
      return showArena();
    Findings findings;
    if (!StringRef(model.path).ends_with(".so")) {
      Expected<CompileOptions> options = model.compileOptions();
      if (!options)
        return options.takeError();
      Expected<std::vector<LayerSummary>> layers = summarizeLayers(*options, batch);
      if (!layers)
        return layers.takeError();
      findings.layers = std::move(*layers);
    }
    Expected<std::unique_ptr<Library>> library = openModel(model, Purpose::Forward);
    if (!library)
      return library.takeError();
    findings.interface = &(*library)->signature().interface;
    findings.memory = int64_t((*library)->memoryBytes(findings.interface->symbols.empty() ? 0 : batch));
    for (const StateVariable &variable : findings.interface->state)
      if (variable.kind == StateVariable::Parameter)
        findings.parameters += elements(variable.dims);
    for (const LayerSummary &layer : findings.layers)
      findings.flops += layer.flops;
    json ? printJson(findings) : print(findings);
    return Error::success();
  }

  /// Instead of all the rest: the arena over time, from the compiler's plan.
  Error showArena() const {
    if (StringRef(model.path).ends_with(".so"))
      return createStringError(model.path + ": a library does not say how its arena is used: give the .pt2");
    Expected<CompileOptions> options = model.compileOptions();
    if (!options)
      return options.takeError();
    options->reportBatch = batch;
    Expected<ModelReport> report = describeCompilation(*options);
    if (!report)
      return report.takeError();
    for (const FunctionReport &function : report->functions) {
      if (memory)
        printArena(function);
      if (!svg.empty() && function.name == (model.loss.empty() ? "forward" : "train_step"))
        if (Error error = writeFile(svg, arenaSvg(function)))
          return error;
    }
    return Error::success();
  }

  static void printTensors(const char *role, ArrayRef<BoundaryTensor> tensors, ArrayRef<SymbolInfo> symbols) {
    for (const BoundaryTensor &tensor : tensors) {
      outs() << "  " << role << " " << tensor.name << ": " << describe(tensor, symbols);
      if (tensor.hasRange)
        outs() << ", values " << tensor.range.low << " to " << tensor.range.high - 1;
      outs() << "\n";
    }
  }

  void print(const Findings &findings) const {
    const ModelInterface &interface = *findings.interface;
    outs() << interface.name << "\n";
    for (const SymbolInfo &symbol : interface.symbols)
      outs() << "  " << symbol.name << ": " << symbol.minimum << " to "
             << (symbol.maximum == INT64_MAX ? "any" : std::to_string(symbol.maximum)) << "\n";
    for (const Entry &entry : interface.entries) {
      outs() << entry.name << "\n";
      printTensors("in ", entry.inputs, interface.symbols);
      printTensors("out", entry.outputs, interface.symbols);
    }
    findings.layers.empty() ? printState(interface) : printLayers(findings);
    outs() << "  " << grouped(findings.parameters) << " parameters";
    if (findings.flops)
      outs() << ", " << format("%.1f", double(findings.flops) / 1e6) << " MFLOP for batch " << batch;
    if (findings.memory)
      outs() << ", " << grouped(findings.memory) << " bytes of memory for batch " << batch << " and one thread";
    outs() << "\n";
  }

  static void printState(const ModelInterface &interface) {
    outs() << "parameters and buffers\n";
    for (const StateVariable &variable : interface.state)
      outs() << "  " << left_justify(variable.name, 32) << " " << describe(variable.type, variable.dims)
             << (variable.kind == StateVariable::Buffer ? "  (buffer)" : "") << "\n";
  }

  static void printLayers(const Findings &findings) {
    size_t name = 5, operations = 10, output = 6;
    for (const LayerSummary &layer : findings.layers) {
      name = std::max(name, layer.name.size());
      operations = std::max(operations, join(layer.operations, " ").size());
      output = std::max(output, layer.output.size());
    }
    auto row = [&](StringRef a, StringRef b, StringRef c, StringRef d, StringRef e, StringRef f) {
      outs() << "  " << left_justify(a, unsigned(name)) << "  " << left_justify(b, unsigned(operations)) << "  "
             << left_justify(c, unsigned(output)) << right_justify(d, 13) << right_justify(e, 12) << right_justify(f, 14) << "\n";
    };
    outs() << "layers\n";
    row("layer", "operations", "output", "parameters", "MFLOP", "output bytes");
    for (const LayerSummary &layer : findings.layers) {
      std::string flops;
      raw_string_ostream(flops) << format("%.2f", double(layer.flops) / 1e6);
      row(layer.name.empty() ? "-" : layer.name, join(layer.operations, " "), layer.output, grouped(layer.parameters),
          layer.flops ? flops : "", grouped(layer.outputBytes));
    }
  }

  void printJson(const Findings &findings) const {
    const ModelInterface &interface = *findings.interface;
    json::OStream stream(outs(), 2);
    auto tensors = [&](const char *key, ArrayRef<BoundaryTensor> list) {
      stream.attributeObject(key, [&] {
        for (const BoundaryTensor &tensor : list)
          stream.attribute(tensor.name, describe(tensor, interface.symbols));
      });
    };
    stream.object([&] {
      stream.attribute("name", interface.name);
      stream.attribute("batch", batch);
      stream.attribute("parameters", findings.parameters);
      stream.attribute("memory_bytes", findings.memory);
      stream.attributeArray("entries", [&] {
        for (const Entry &entry : interface.entries)
          stream.object([&] {
            stream.attribute("name", entry.name);
            tensors("inputs", entry.inputs);
            tensors("outputs", entry.outputs);
          });
      });
      if (findings.layers.empty())
        return;
      stream.attribute("flops", findings.flops);
      stream.attributeArray("layers", [&] {
        for (const LayerSummary &layer : findings.layers)
          stream.object([&] {
            stream.attribute("name", layer.name);
            stream.attributeArray("operations", [&] {
              for (const std::string &operation : layer.operations)
                stream.value(operation);
            });
            stream.attribute("output", layer.output);
            stream.attribute("output_bytes", layer.outputBytes);
            stream.attribute("parameters", layer.parameters);
            stream.attribute("flops", layer.flops);
          });
      });
    });
    outs() << "\n";
  }
};

} // namespace

void addInspect(CLI::App &app, Action &action) {
  auto command = std::make_shared<InspectCommand>();
  CLI::App *verb = app.add_subcommand("inspect", "Prints a model's entries, layers, parameters, FLOPs and memory");
  command->model.addTo(*verb);
  command->model.addTrainingTo(*verb);
  verb->add_option("--batch", command->batch, "The batch that FLOPs and memory are for")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_flag("--json", command->json, "As one JSON object on stdout");
  verb->add_flag("--memory", command->memory, "Instead: the arena over time, what lives while each kernel runs");
  verb->add_option("--svg", command->svg, "Instead: a drawing of it, of train_step with --loss, else of forward");
  verb->callback([command, &action] { action = [command] { return command->run(); }; });
}

} // namespace nnc::cli
