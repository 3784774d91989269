// The verbs of the command line, one file each. `addX` declares a verb's options;
// when the user chose it, `action` holds what to do after parsing.
#pragma once

#include "llvm/Support/Error.h"
#include <CLI/CLI.hpp>
#include <functional>

namespace nnc::cli {

using Action = std::function<llvm::Error()>;

void addCompile(CLI::App &app, Action &action);
void addRun(CLI::App &app, Action &action);
void addGrad(CLI::App &app, Action &action);
void addTrain(CLI::App &app, Action &action);
void addBench(CLI::App &app, Action &action);
void addInspect(CLI::App &app, Action &action);

} // namespace nnc::cli
