#include "tools/nnc/Npz.h"
#include "tools/nnc/Npy.h"
#include "tools/nnc/Zip.h"

using namespace llvm;

namespace nnc::cli {

static constexpr StringRef suffix = ".npy";

const Tensor *Npz::find(StringRef key) const {
  for (const auto &[name, tensor] : arrays)
    if (name == key)
      return &tensor;
  return nullptr;
}

std::string Npz::keys() const {
  std::string text;
  for (const auto &entry : arrays)
    text += (text.empty() ? "" : ", ") + entry.first;
  return text.empty() ? "nothing" : text;
}

Expected<Npz> readNpz(StringRef path) {
  Expected<std::vector<ZipMember>> members = readZip(path);
  if (!members)
    return members.takeError();
  Npz result;
  for (const ZipMember &member : *members) {
    StringRef key = member.name;
    if (!key.consume_back(suffix))
      return createStringError(path + ": member '" + key + "' is not a .npy array");
    if (result.find(key))
      return createStringError(path + ": member '" + key + "' occurs twice");
    Expected<Tensor> tensor = parseNpy(member.bytes, (path + ": " + key).str());
    if (!tensor)
      return tensor.takeError();
    result.add(key.str(), std::move(*tensor));
  }
  return result;
}

Error writeNpz(StringRef path, const Npz &npz) {
  std::vector<ZipMember> members;
  for (const auto &[key, tensor] : npz.arrays)
    members.push_back({(key + suffix).str(), formatNpy(tensor)});
  return writeZip(path, members);
}

} // namespace nnc::cli
