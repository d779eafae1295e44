// Completion and manual come from the definitions that --help is made from.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/run_program.h"

namespace azimuth::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// What a shell offers for the end of a line, and for zsh what else a terminal shows.
std::string offers(const std::string& shell, const std::string& line) {
  const std::string load = "<(" AZIMUTH_PROGRAM " completion " + shell + ")";
  std::vector<std::string> call;
  if (shell == "bash") {
    call = {"bash", "-c",
            "source " + load + "; read -ra COMP_WORDS <<< '" + line +
                "|'; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
                "COMP_WORDS[COMP_CWORD]=${COMP_WORDS[COMP_CWORD]%|}; "
                "_azimuth; echo \"${COMPREPLY[@]}\""};
  } else if (shell == "zsh") {
    call = {"zsh", "-f", AZIMUTH_CLI_TESTS "/help/offers.zsh", AZIMUTH_PROGRAM, line};
  } else {
    call = {"fish", "--no-config", "-c",
            AZIMUTH_PROGRAM " completion fish | source; complete -C $argv[1]", line};
  }
  const Ended ended = run(call);
  EXPECT_EQ(ended.code, 0) << shell << ": " << line;
  EXPECT_EQ(ended.err, "") << shell << ": " << line;
  return ended.out;
}

TEST(Completion, OffersCallsOptionsChoicesAndFiles) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    SCOPED_TRACE(shell);
    EXPECT_THAT(offers(shell, "azimuth "),
                AllOf(HasSubstr("inspect"), HasSubstr("signature"), HasSubstr("compare"),
                      HasSubstr("history"), HasSubstr("report"), HasSubstr("watch")));
    EXPECT_THAT(offers(shell, "azimuth ins"),
                AllOf(HasSubstr("inspect"), Not(HasSubstr("report"))));
    EXPECT_THAT(offers(shell, "azimuth compare --"),
                AllOf(HasSubstr("--plot"), HasSubstr("--format"), Not(HasSubstr("--vocabulary"))));
    EXPECT_THAT(offers(shell, "azimuth inspect --format j"), HasSubstr("json"));
    EXPECT_THAT(offers(shell, "azimuth inspect " AZIMUTH_TEST_DATA "/arch"),
                HasSubstr("architectures"));
  }
}

TEST(Completion, OtherShellsAreRefused) { EXPECT_EQ(run_program({"completion", "tcsh"}).code, 2); }

TEST(Manual, HasASectionForEveryCallWithAnExample) {
  const Ended ended = run_program({"manual"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  for (const char* call :
       {"inspect", "signature", "compare", "audit", "lineage", "verify", "history", "quantize", "report", "watch"}) {
    EXPECT_THAT(ended.out, AllOf(HasSubstr(".SS \"azimuth " + std::string(call)),
                                 HasSubstr("azimuth " + std::string(call) + " ")));
  }
  EXPECT_THAT(ended.out, AllOf(HasSubstr(".SH EXIT STATUS"), HasSubstr(".SH NAME")));
}

TEST(Manual, ListsTheExitCodesThatThereAre) {
  const std::string page = run_program({"manual"}).out;
  const std::size_t begin = page.find(".SH EXIT STATUS");
  const std::string section = page.substr(begin, page.find(".SH ENVIRONMENT") - begin);
  std::string codes;
  for (std::size_t at = section.find("\\fB"); at != std::string::npos;
       at = section.find("\\fB", at + 1)) {
    codes += section[at + 3];
  }
  // What the tests of this folder see: 0, a verdict of NO_MATCH, a wrong command line, a bad file,
  // a pair without an angle.
  EXPECT_EQ(codes, "01234");
}

TEST(Program, EveryCallHasHelpWithAnExample) {
  for (const char* call :
       {"inspect", "signature", "compare", "audit", "history", "quantize", "report", "watch", "completion"}) {
    const Ended ended = run_program({call, "--help"});
    EXPECT_EQ(ended.code, 0) << call;
    EXPECT_THAT(ended.out, HasSubstr("Example:")) << call;
  }
}

}  // namespace
}  // namespace azimuth::testing
