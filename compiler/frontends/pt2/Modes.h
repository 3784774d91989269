// The mode, train() or eval(), that a program was exported in, read off the operators
// that behave differently in each; and whether two exports are of one model.
#pragma once

#include "compiler/frontends/pt2/ExportedProgram.h"

namespace nnc::pt2 {

/// An error that names the operators whose eval() is not known from their train().
llvm::Error checkEvaluationDerivable(const ExportedProgram &program);

/// An error if the program was exported in eval() and has operators that training would
/// therefore leave off: dropout, or the statistics of batch norm.
llvm::Error checkTrains(const ExportedProgram &program);

/// An error that names operators in training mode: a file given as --eval has none.
llvm::Error checkEvaluates(const ExportedProgram &program);

/// An error unless parameters and buffers of both agree by name, shape, type and value,
/// and the inputs have the same dynamic sizes.
llvm::Error checkSameModel(const ExportedProgram &training, const ExportedProgram &evaluation);

} // namespace nnc::pt2
