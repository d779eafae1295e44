// `azimuth watch` in a pipe, on a real server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "azimuth/grpc_exporter.h"
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

TEST(Watch, ShowsOnATerminalHowOldTheNewestSnapshotIs) {
  const auto exporter = serving();
  exporter->write(sample_record(3));
  Ended ended;
  std::jthread program([&] {
    ended = run({"script", "--quiet", "--return", "--command",
                 AZIMUTH_PROGRAM " watch --wait 60 " + address_of(*exporter), "/dev/null"});
  });
  exporter->end_run(std::chrono::steady_clock::now() + kPatience);
  program.join();
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("UTC, "), HasSubstr(" ago"), HasSubstr("\x1b["),
                               HasSubstr("the run has ended")));
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
            "azimuth: 127.0.0.1:1: watch: nothing answers there: is the run on, with a "
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
