// Where the program writes, and what it refuses to write over.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "azimuth/signature_file.h"
#include "cli/run_program.h"
#include "cli/stored_run.h"

namespace azimuth::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::filesystem::path kModelFolder =
    std::filesystem::path(AZIMUTH_TEST_DATA) / "architectures" / "llama";

class Output : public ::testing::Test {
 protected:
  // One line, and bad input.
  static void expect_refused(const std::vector<std::string>& arguments, const std::string& why) {
    const Ended ended = run_program(arguments);
    EXPECT_EQ(ended.code, 3) << arguments[0];
    EXPECT_THAT(ended.err, StartsWith("azimuth: "));
    EXPECT_THAT(ended.err, EndsWith(why + "\n"));
    EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
  }

  TemporaryFolder folder_;
  const std::string store_ = folder_.path() / "run.azimuth";
};

TEST_F(Output, IsNeverWhatIsRead) {
  store_run(store_, "run-a", 3);
  const std::string before = contents_of(store_);
  const std::filesystem::path model = folder_.path() / "model";
  std::filesystem::copy(kModelFolder, model);
  const std::string config = model / "config.json";
  const std::string link = folder_.path() / "link";
  std::filesystem::create_symlink(store_, link);
  const std::string is_read = "is read by this call; write to another file";
  expect_refused({"report", store_, "-o", store_}, is_read);
  expect_refused({"report", store_, "-o", link}, is_read);
  expect_refused({"signature", store_ + "@10", "-o", store_}, is_read);
  expect_refused({"compare", store_ + "@0", store_ + "@run-a@10", "--plot", store_}, is_read);
  expect_refused({"inspect", model, "--plot", config}, is_read);
  EXPECT_EQ(contents_of(store_), before);
  EXPECT_EQ(contents_of(config), contents_of(kModelFolder / "config.json"));
}

TEST_F(Output, IsCheckedBeforeAnythingIsRead) {
  const std::string nowhere = folder_.path() / "none" / "out";
  const std::string no_folder = "there is no folder " + (folder_.path() / "none").string();
  expect_refused({"signature", "no-such-model", "-o", nowhere}, no_folder);
  expect_refused({"inspect", "no-such-model", "--plot", nowhere}, no_folder);
  expect_refused({"report", "no-such-store", "-o", nowhere}, no_folder);
  expect_refused({"inspect", kModelFolder, "--plot", "/two\nlines/out"},
                 "there is no folder /two\\x0alines");
  expect_refused({"signature", kModelFolder, "-o", folder_.path()}, "is a folder");
}

TEST_F(Output, KeepsALinkAndReplacesWhatItLeadsTo) {
  const std::filesystem::path file = folder_.path() / "old.azsig";
  const std::filesystem::path link = folder_.path() / "newest.azsig";
  std::ofstream(file) << "old";
  std::filesystem::create_symlink("old.azsig", link);
  ASSERT_EQ(run_program({"signature", kModelFolder, "--no-spectral", "-o", link}).code, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(read_signature(file).model.architecture, "llama");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 2);
}

TEST_F(Output, GoesToWhatIsNoFileWithoutReplacingIt) {
  const std::string pipe = folder_.path() / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const int reader = open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_EQ(run_program({"inspect", kModelFolder, "--no-spectral", "--plot", pipe}).code, 0);
  std::array<char, 5> start = {};
  ASSERT_EQ(read(reader, start.data(), start.size()), 5);
  close(reader);
  EXPECT_EQ(std::string(start.data(), start.size()), "<svg ");
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  // As an input it would be waited for without end.
  expect_refused({"inspect", pipe}, "is neither a file nor a folder");
}

TEST_F(Output, HoldsNothingThatSteersATerminal) {
  const std::filesystem::path file = folder_.path() / "a.azsig";
  ASSERT_EQ(run_program({"signature", kModelFolder, "--no-spectral", "-o", file}).code, 0);
  Signature signature = read_signature(file);
  signature.model.architecture = "llama\x1b[2J";
  write_signature(file, signature);
  const Ended ended = run_program({"inspect", file});
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("llama"));
  EXPECT_THAT(ended.out, Not(HasSubstr("\x1b")));
}

TEST_F(Output, OfAMistakeInACallIsOneLine) {
  for (const std::vector<std::string>& call : {std::vector<std::string>{"inspect"},
                                               {"--nope"},
                                               {"nope"},
                                               {"inspect", kModelFolder, "--nope"}}) {
    const Ended ended = run_program(call);
    EXPECT_EQ(ended.code, 2) << call.back();
    EXPECT_THAT(ended.err, StartsWith("azimuth: ")) << call.back();
    EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
  }
}

TEST_F(Output, TokensMayStandBeforeTheModel) {
  const Ended ended = run_program({"inspect", "--tokens", "1,5,7", kModelFolder, "--no-spectral"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("probe of 3 tokens"));
}

}  // namespace
}  // namespace azimuth::testing
