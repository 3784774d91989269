#include "tests/conformance/Goldens.h"
#include "tools/nnc/Npy.h"
#include "tools/nnc/Zip.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cmath>

using namespace llvm;

namespace nnc {
namespace {

GoldenRun &runOf(GoldenCase &golden, int64_t batch) {
  for (GoldenRun &run : golden.runs)
    if (run.batch == batch)
      return run;
  golden.runs.emplace_back();
  golden.runs.back().batch = batch;
  return golden.runs.back();
}

Error readDescription(GoldenCase &golden, const cli::ZipMember &member) {
  Expected<json::Value> value =
      json::parse({reinterpret_cast<const char *>(member.bytes.data()), member.bytes.size()});
  if (!value)
    return value.takeError();
  const json::Object &object = *value->getAsObject();
  golden.isDouble = object.getBoolean("double").value_or(false);
  golden.isTraining = object.getBoolean("train").value_or(false);
  for (const json::Value &op : *object.getArray("ops"))
    golden.ops.push_back(op.getAsString()->str());
  for (const auto &[batch, errors] : *object.getObject("errors"))
    for (const auto &[key, error] : *errors.getAsObject())
      runOf(golden, std::stoll(batch.str())).ownErrors[key.str()] = error.getAsNumber().value_or(0);
  return Error::success();
}

/// `3/input/cotangent:0.npy`
Error readArray(GoldenCase &golden, StringRef name, const cli::ZipMember &member) {
  auto [batch, rest] = name.split('/');
  auto [folder, key] = rest.split('/');
  key.consume_back(".npy");
  int64_t number;
  if (batch.getAsInteger(10, number) || key.empty())
    return createStringError("'" + member.name + "' is no part of a golden file");
  Expected<cli::Tensor> tensor = cli::parseNpy(member.bytes, member.name);
  if (!tensor)
    return tensor.takeError();
  GoldenRun &run = runOf(golden, number);
  (folder == "input" ? run.inputs : run.results).add(key.str(), std::move(*tensor));
  return Error::success();
}

} // namespace

Expected<std::vector<GoldenCase>> readGoldens(StringRef path) {
  Expected<std::vector<cli::ZipMember>> members = cli::readZip(path);
  if (!members)
    return members.takeError();
  std::vector<GoldenCase> cases;
  for (cli::ZipMember &member : *members) {
    auto [name, rest] = StringRef(member.name).split('/');
    if (cases.empty() || cases.back().name != name) {
      cases.emplace_back();
      cases.back().group = sys::path::stem(path).str();
      cases.back().name = name.str();
    }
    if (StringRef(rest).ends_with(".pt2")) {
      cases.back().models[sys::path::stem(rest).str()] = std::move(member.bytes);
      continue;
    }
    if (Error error =
            rest == "case.json" ? readDescription(cases.back(), member) : readArray(cases.back(), rest, member))
      return error;
  }
  return cases;
}

std::string judge(const GoldenCase &golden, const GoldenRun &run, StringRef key, const cli::Tensor *result) {
  const cli::Tensor &expected = *run.results.find(key);
  if (!result)
    return "it is missing";
  if (result->dims != expected.dims || result->type != expected.type)
    return "it is " + describe(*result) + ", expected " + describe(expected);
  double largest = 0;
  for (int64_t i = 0; i < expected.size(); ++i)
    largest = std::max(largest, std::fabs(expected.at(i)));
  // The project's measure: 8 times PyTorch's own float32 error, or 2e-5 of the largest value.
  const double tolerance =
      golden.isDouble ? 1e-12 * std::max(largest, 1.0) : std::max(8 * run.ownErrors.at(key.str()), 2e-5 * largest);
  for (int64_t i = 0; i < expected.size(); ++i) {
    const double error = std::fabs(result->at(i) - expected.at(i));
    if (error <= tolerance)
      continue;
    std::string text;
    raw_string_ostream(text) << format("element %lld is %.9g, expected %.9g: error %.3g, allowed %.3g", (long long)i,
                                       result->at(i), expected.at(i), error, tolerance);
    return text;
  }
  return "";
}

} // namespace nnc
