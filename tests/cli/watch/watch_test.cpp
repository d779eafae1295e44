// `azimuth watch` in a pipe, on a real server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
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

/// Whether a file comes to hold all of these texts.
bool comes_to_hold(const std::filesystem::path& file, const std::vector<std::string>& texts) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < end) {
    const std::string found = contents_of(file);
    if (std::ranges::all_of(texts, [&](const auto& t) { return found.find(t) != found.npos; })) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

TEST(Watch, ShowsOnATerminalHowOldTheNewestSnapshotIs) {
  const TemporaryFolder folder;
  const std::filesystem::path screen = folder.path() / "screen";
  const auto exporter = serving();
  Record record = sample_record(3);
  record.observation.time = Clock().unix_seconds() + 3;  // so that a slow start misses no age
  exporter->write(record);
  Ended ended;
  std::jthread program([&] {
    ended = run({"script", "--quiet", "--return", "--flush", "--command",
                 AZIMUTH_PROGRAM " watch --wait 60 " + address_of(*exporter), screen});
  });
  EXPECT_TRUE(comes_to_hold(screen, {", 1 s ago", ", 2 s ago"})) << "though nothing came";
  exporter->end_run(std::chrono::steady_clock::now() + kPatience);
  program.join();
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_TRUE(comes_to_hold(screen, {"the run has ended"}));
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
  EXPECT_EQ(run_program({"watch", "not an address"}).code, 2);
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
