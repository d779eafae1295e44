// `azimuth watch` in a pipe, on a real server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "azimuth/grpc_exporter.h"
#include "azimuth/monitor.h"
#include "cli/run_program.h"
#include "exporters/grpc/watcher.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string address_of(const GrpcExporter& exporter) {
  return "127.0.0.1:" + std::to_string(exporter.port());
}

/// The run ends as soon as somebody has been watching: `end_run` waits for subscribers.
Ended watch_until_the_end(GrpcExporter& exporter, std::vector<std::string> further = {}) {
  std::vector<std::string> arguments = {"watch", address_of(exporter), "--wait", "60"};
  arguments.insert(arguments.end(), further.begin(), further.end());
  Ended ended;
  std::jthread program([&] { ended = run_program(arguments); });
  exporter.end_run(std::chrono::steady_clock::now() + kPatience);
  program.join();
  return ended;
}

TEST(Watch, PrintsALineASnapshotAndEndsWithTheRun) {
  const auto exporter = serving();
  exporter->write(sample_record(3));
  const Ended ended = watch_until_the_end(*exporter);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("step"), HasSubstr("stable"), Not(HasSubstr("\x1b"))));
}

/// What a terminal was sent so far, in a file.
class Screen {
 public:
  explicit Screen(std::filesystem::path file) : file_(std::move(file)) {}

  bool comes_to_hold(const std::string& text) const {
    return comes_to([&] { return contents_of(file_).find(text) != std::string::npos; });
  }

  bool comes_to_be_redrawn(std::size_t times) const {
    return comes_to([&] { return redraws() >= times; });
  }

  /// How often all that was shown has been erased.
  std::size_t redraws() const {
    const std::string shown = contents_of(file_);
    std::size_t count = 0;
    for (std::size_t at = 0; (at = shown.find("F\x1b[J", at)) != std::string::npos; ++at) ++count;
    return count;
  }

 private:
  template <class Condition>
  static bool comes_to(const Condition& condition) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

  std::filesystem::path file_;
};

// What it shows at which time is WatchView's: here nothing depends on when a clock is read.
TEST(Watch, RedrawsATerminalThoughNothingComes) {
  const TemporaryFolder folder;
  const Screen screen(folder / "screen");
  const auto exporter = serving();
  exporter->write(sample_record(3));
  Ended ended;
  std::jthread program([&] {
    ended = run({"script", "--quiet", "--return", "--flush", "--command",
                 AZIMUTH_PROGRAM " watch --wait 60 " + address_of(*exporter), folder / "screen"});
  });
  EXPECT_TRUE(screen.comes_to_hold(" ago"));
  EXPECT_TRUE(screen.comes_to_be_redrawn(screen.redraws() + 2));
  EXPECT_THAT(contents_of(folder / "screen"), Not(HasSubstr("reconnecting")));
  exporter->end_run(std::chrono::steady_clock::now() + kPatience);
  program.join();
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_TRUE(screen.comes_to_hold("the run has ended"));
}

TEST(Watch, PrintsOneObservationALineAsJson) {
  const auto exporter = serving();
  exporter->write(sample_record(3));
  const Ended ended = watch_until_the_end(*exporter, {"--format", "json"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  std::vector<std::string> sequences;
  std::istringstream lines(ended.out);
  for (std::string line; std::getline(lines, line);) {
    sequences.push_back(json::parse(line).at("sequence"));
  }
  EXPECT_THAT(sequences, ElementsAre("3"));
}

TEST(Watch, SaysSoWhereNothingAnswers) {
  const Ended ended = run_program({"watch", "127.0.0.1:1", "--wait", "0.2"});
  EXPECT_EQ(ended.code, 3);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err,
            "azimuth: 127.0.0.1:1: watch: no answer: is a run active there, with a "
            "GrpcExporter?\n");
}

TEST(Watch, RefusesAMalformedAddress) {
  const Ended ended = run_program({"watch", "not an address"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, ::testing::StartsWith("azimuth: "));
  EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
}

// A person who asks for help must not wait for libraries that only `watch` needs.
TEST(Watch, TheProgramItselfLoadsNeitherGrpcNorLibTorch) {
  const Ended ended = run({"ldd", AZIMUTH_PROGRAM});
  ASSERT_EQ(ended.code, 0);
  EXPECT_THAT(ended.out,
              AllOf(HasSubstr("libc."), Not(HasSubstr("grpc")), Not(HasSubstr("torch"))));
}

}  // namespace
}  // namespace azimuth::testing
