#include "tests/e2e/Command.h"
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace nnc {

namespace fs = std::filesystem;

void CommandTest::SetUp() {
  std::string pattern = (fs::temp_directory_path() / "nnc-e2e-XXXXXX").string();
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  folder = pattern;
}

void CommandTest::TearDown() { fs::remove_all(folder); }

std::string CommandTest::read(const std::string &name) const {
  std::ifstream file(fs::path(folder) / name, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void CommandTest::write(const std::string &name, const std::string &contents) const {
  std::ofstream(fs::path(folder) / name, std::ios::binary) << contents;
}

bool CommandTest::exists(const std::string &name) const { return fs::exists(fs::path(folder) / name); }

CommandResult CommandTest::shell(const std::string &command) const {
  const std::string whole = "cd " + folder + " && { NNC=" NNC_PROGRAM " MODELS=" NNC_SOURCE_DIR "/models; TESTS=" NNC_SOURCE_DIR
                            "/tests; DIR=" +
                            folder + "; " + command + "; } >.out 2>.err";
  const int status = std::system(("sh -c '" + whole + "'").c_str());
  CommandResult result;
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = read(".out");
  result.err = read(".err");
  return result;
}

std::string CommandTest::listing() const {
  std::vector<std::string> names;
  for (const fs::directory_entry &entry : fs::directory_iterator(folder))
    if (std::string name = entry.path().filename(); name != ".out" && name != ".err")
      names.push_back(name);
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "" : " ") + name;
  return text;
}

} // namespace nnc
