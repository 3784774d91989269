// Runs nnc as a user does: a command line in a folder of its own, with its exit
// status and what it printed.
#pragma once

#include <gtest/gtest.h>
#include <string>

namespace nnc {

struct CommandResult {
  int status = -1; ///< 128 + signal where it crashed
  std::string out, err;
};

class CommandTest : public testing::Test {
protected:
  void SetUp() override;
  void TearDown() override;

  /// `arguments` go through the shell; NNC, MODELS, TESTS and DIR stand for the program,
  /// the repository's models and tests, and the test's own folder.
  CommandResult shell(const std::string &command) const;
  CommandResult nnc(const std::string &arguments) const { return shell("$NNC " + arguments); }
  std::string read(const std::string &name) const;
  void write(const std::string &name, const std::string &contents) const;
  bool exists(const std::string &name) const;
  /// The names in the folder, sorted, apart from those of the test itself.
  std::string listing() const;

  std::string folder;
};

/// Exit status 1, one message that contains `text`, no crash.
#define EXPECT_REFUSED(result, text)                                                                                   \
  do {                                                                                                                 \
    const ::nnc::CommandResult r = (result);                                                                           \
    EXPECT_EQ(r.status, 1) << r.err;                                                                                   \
    EXPECT_NE(r.err.find(text), std::string::npos) << "printed: " << r.err;                                            \
  } while (false)

} // namespace nnc
