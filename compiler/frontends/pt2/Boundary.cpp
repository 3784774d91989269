#include "compiler/frontends/pt2/Boundary.h"

using namespace nnc;
using namespace nnc::pt2;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

//===-- symbols -----------------------------------------------------------------------===//

Expected<Symbols> nnc::pt2::collectSymbols(const ExportedProgram &program, int64_t maximumBatch) {
  Symbols symbols;
  bool hasBatch = false;
  for (const InputSpec &input : program.inputs) {
    if (input.kind != InputSpec::Kind::UserInput || !input.value.isTensor())
      continue;
    for (auto [axis, size] : llvm::enumerate(program.tensors.at(input.value.text).sizes)) {
      if (size.kind != SymbolicExpression::Kind::Symbol || symbols.positions.count(size.symbol))
        continue;
      SymbolInfo info;
      bool batch = axis == 0 && !hasBatch;
      hasBatch |= batch;
      info.name = batch ? "N" : size.symbol;
      auto range = program.ranges.find(size.symbol);
      pt2::Range bounds = range == program.ranges.end() ? pt2::Range() : range->second;
      // torch writes 2 for every size that may also be 1: it specialises on 0 and 1.
      info.minimum = bounds.minimum && *bounds.minimum > 2 ? *bounds.minimum : 1;
      info.maximum = bounds.maximum ? *bounds.maximum : maximumBatch > 0 ? maximumBatch : INT64_MAX;
      if (info.maximum < info.minimum)
        return llvm::createStringError(program.archive->path() + ": input " + input.name +
                                       ": the range of axis " + Twine(axis) + " is empty");
      symbols.positions[size.symbol] = symbols.infos.size();
      symbols.infos.push_back(info);
    }
  }
  // What the caller passes must determine every symbol.
  for (const InputSpec &input : program.inputs) {
    if (input.kind != InputSpec::Kind::UserInput)
      continue;
    if (!input.value.isTensor())
      return llvm::createStringError(program.archive->path() + ": input " + input.name +
                                     " is not a tensor, which is not supported");
    for (auto [axis, size] : llvm::enumerate(program.tensors.at(input.value.text).sizes))
      if (!size.isConstant() && size.kind != SymbolicExpression::Kind::Symbol)
        return llvm::createStringError(
            program.archive->path() + ": input " + input.name + ": the size " + size.str() +
            " of axis " + Twine(axis) + " is neither constant nor a symbol of its own; export "
            "with independent dynamic dimensions");
  }
  return symbols;
}

//===-- parameters and buffers that are one tensor under several names ------------------===//

static std::pair<int64_t, int64_t> extent(const StoredTensor &tensor) {
  int64_t last = tensor.offset;
  for (auto [size, stride] : llvm::zip(tensor.sizes, tensor.strides))
    last += (size - 1) * stride;
  return {tensor.offset, last};
}

Expected<std::vector<State>> nnc::pt2::collectState(const ExportedProgram &program) {
  std::vector<State> states;
  for (const InputSpec &input : program.inputs) {
    using Kind = InputSpec::Kind;
    if (input.kind == Kind::Unsupported)
      return llvm::createStringError(program.archive->path() + ": inputs of kind " + input.name +
                                     " are not supported");
    if (input.kind == Kind::UserInput || input.kind == Kind::ConstantInput)
      continue;
    const StoredTensor *stored = program.stored(input.name);
    State *tied = nullptr;
    for (State &other : states) {
      const StoredTensor &a = *other.stored, &b = *stored;
      if (a.member != b.member || input.kind != other.input->kind || b.bytes.empty())
        continue;
      if (a.sizes == b.sizes && a.strides == b.strides && a.offset == b.offset && a.type == b.type)
        tied = &other;
      else if (auto [x, y] = std::pair(extent(a), extent(b)); x.first <= y.second && y.first <= x.second)
        return llvm::createStringError(program.archive->path() + ": " + other.input->name + " and " +
                                       input.name + " share part of their memory, which is not "
                                       "supported; clone one of them before the export");
    }
    if (tied)
      tied->aliases.push_back(input.name);
    else
      tied = &states.emplace_back(State{&input, stored, {}, {}});
    tied->values.push_back(input.value.text);
  }
  return states;
}
