// Completion and manual come from the definitions that --help is made from.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/run_program.h"

namespace azimuth::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// What bash offers for the last of these words.
std::string completions(const std::string& words, int last) {
  const Ended ended =
      run({"bash", "-c",
           "source <(" AZIMUTH_PROGRAM " completion bash); COMP_WORDS=(" + words +
               "); COMP_CWORD=" + std::to_string(last) + "; _azimuth; echo \"${COMPREPLY[@]}\""});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.err, "");
  return ended.out;
}

TEST(Completion, BashOffersCallsOptionsAndChoices) {
  EXPECT_EQ(completions("azimuth ins", 1), "inspect\n");
  EXPECT_THAT(completions("azimuth compare --", 2),
              AllOf(HasSubstr("--plot"), HasSubstr("--format"), Not(HasSubstr("--vocabulary"))));
  EXPECT_EQ(completions("azimuth inspect --format j", 3), "json\n");
  EXPECT_THAT(completions("azimuth inspect " AZIMUTH_TEST_DATA "/arch", 2),
              HasSubstr("architectures"));
}

TEST(Completion, OtherShellsKnowEveryCall) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Ended ended = run_program({"completion", shell});
    EXPECT_EQ(ended.code, 0);
    for (const char* call : {"inspect", "signature", "compare", "history", "report", "watch"}) {
      EXPECT_THAT(ended.out, HasSubstr(call)) << shell;
    }
  }
  EXPECT_EQ(run_program({"completion", "tcsh"}).code, 2);
}

TEST(Manual, HasASectionForEveryCallWithAnExample) {
  const Ended ended = run_program({"manual"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  for (const char* call : {"inspect", "signature", "compare", "history", "report", "watch"}) {
    EXPECT_THAT(ended.out, AllOf(HasSubstr(".SS \"azimuth " + std::string(call)),
                                 HasSubstr("azimuth " + std::string(call) + " ")));
  }
  EXPECT_THAT(ended.out, AllOf(HasSubstr(".SH EXIT STATUS"), HasSubstr(".SH NAME")));
}

TEST(Program, EveryCallHasHelpWithAnExample) {
  for (const char* call :
       {"inspect", "signature", "compare", "history", "report", "watch", "completion"}) {
    const Ended ended = run_program({call, "--help"});
    EXPECT_EQ(ended.code, 0) << call;
    EXPECT_THAT(ended.out, HasSubstr("Example:")) << call;
  }
}

}  // namespace
}  // namespace azimuth::testing
