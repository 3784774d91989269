#include "compiler/Compiler.h"
#include "codegen/cpu/Object.h"
#include "codegen/library/Library.h"
#include "compiler/Pipeline.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Path.h"

namespace nnc {

llvm::Expected<NamedOptions> NamedOptions::parse(llvm::StringRef text) {
  NamedOptions result;
  auto [name, rest] = text.split(':');
  result.name = name.str();
  if (name.empty())
    return llvm::createStringError("'" + text + "': expected NAME[:key=value,...]");
  while (!rest.empty()) {
    llvm::StringRef item;
    std::tie(item, rest) = rest.split(',');
    auto [key, value] = item.split('=');
    if (key.empty() || value.empty())
      return llvm::createStringError("'" + text + "': expected key=value, found '" + item + "'");
    result.options[key.str()] = value.str();
  }
  return result;
}

std::optional<Stage> parseStage(llvm::StringRef text) {
  return llvm::StringSwitch<std::optional<Stage>>(text)
      .Case("graph", Stage::Graph).Case("train", Stage::Train).Case("core", Stage::Core)
      .Case("kernels", Stage::Kernels).Case("plan", Stage::Plan).Case("loops", Stage::Loops)
      .Case("llvm", Stage::LLVM).Case("obj", Stage::Object).Case("so", Stage::Library)
      .Default(std::nullopt);
}

llvm::Error compileLibrary(const CompileOptions &options, llvm::StringRef outputPrefix, ModelReport *report) {
  Compilation compilation;
  compilation.options = options;
  if (compilation.options.name.empty())
    compilation.options.name = llvm::sys::path::filename(outputPrefix).str();
  if (llvm::Error error = runStages(compilation, Stage::Object))
    return error;
  if (report)
    *report = std::move(compilation.report);
  mlir::TimingScope time = compilation.time.nest("link and write");
  return writeLibrary(compilation.layout.interface, compilation.objects, compilation.layout.initialData, outputPrefix);
}

llvm::Expected<ModelReport> describeCompilation(const CompileOptions &options) {
  Compilation compilation;
  compilation.options = options;
  if (llvm::Error error = runStages(compilation, Stage::Plan))
    return std::move(error);
  return std::move(compilation.report);
}

llvm::Expected<std::string> compileToText(const CompileOptions &options, Stage stage) {
  Compilation compilation;
  compilation.options = options;
  if (llvm::Error error = runStages(compilation, std::min(stage, Stage::LLVM)))
    return std::move(error);
  if (stage >= Stage::LLVM)
    return cpu::emitLLVMText(*compilation.module, compilation.target, options.optimization);
  std::string text;
  llvm::raw_string_ostream os(text);
  mlir::OpPrintingFlags flags;
  compilation.module->print(os, flags);
  return text;
}

} // namespace nnc
