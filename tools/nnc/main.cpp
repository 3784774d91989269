// nnc: the command line. Exit status 0: done; 1: the input is at fault; 2: usage.
#include "tools/nnc/Commands.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  CLI::App app("nnc compiles PyTorch models, inference and training, to small libraries for C.\n"
               "`nnc VERB --help` explains a verb.",
               "nnc");
  app.require_subcommand(1);
  nnc::cli::Action action;
  nnc::cli::addCompile(app, action);
  nnc::cli::addRun(app, action);
  nnc::cli::addGrad(app, action);
  nnc::cli::addTrain(app, action);
  nnc::cli::addBench(app, action);
  nnc::cli::addInspect(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  llvm::Error error = action();
  if (!error)
    return 0;
  llvm::errs() << "nnc: error: " << llvm::toString(std::move(error)) << "\n";
  return 1;
}
