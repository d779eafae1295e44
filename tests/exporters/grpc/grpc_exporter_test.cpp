#include "azimuth/grpc_exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "azimuth/proto_conversion.h"
#include "exporters/grpc/watcher.h"

namespace azimuth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::sample_record;
using testing::sample_status;
using testing::serving;
using testing::Watcher;

std::chrono::steady_clock::time_point soon() {
  return std::chrono::steady_clock::now() + kPatience;
}

TEST(GrpcExporter, StreamsTheNewestAndThenEachAsItIsMade) {
  const auto exporter = serving();
  exporter->write(sample_record(1));
  exporter->write(sample_record(2));
  Watcher watcher(*exporter);
  EXPECT_EQ(watcher.next_sequence(), 2);
  for (int sequence = 3; sequence <= 6; ++sequence) {
    exporter->write(sample_record(sequence));
    EXPECT_EQ(watcher.next_sequence(), sequence);
  }
}

TEST(GrpcExporter, StreamsFromTheFirstIfThereIsNoneYet) {
  const auto exporter = serving();
  Watcher early(*exporter);
  exporter->write(sample_record(1));
  EXPECT_EQ(early.next_sequence(), 1);
}

TEST(GrpcExporter, SendsTheWholeObservation) {
  const auto exporter = serving();
  const Record record = sample_record(7);
  exporter->write(record);
  Watcher watcher(*exporter);
  const auto observation = watcher.next();
  ASSERT_TRUE(observation.has_value());
  EXPECT_EQ(to_json(*observation), to_json(record.observation));
}

TEST(GrpcExporter, ResumesAfterASequence) {
  const auto exporter = serving({.history = 4});
  for (int sequence = 1; sequence <= 10; ++sequence) exporter->write(sample_record(sequence));

  Watcher held(*exporter, 8);
  EXPECT_EQ(held.next_sequence(), 9);
  EXPECT_EQ(held.next_sequence(), 10);

  Watcher overtaken(*exporter, 3);
  EXPECT_EQ(overtaken.next_sequence(), 7);

  exporter->write(sample_record(11));
  EXPECT_EQ(held.next_sequence(), 11);
  for (int sequence = 8; sequence <= 11; ++sequence) EXPECT_EQ(overtaken.next_sequence(), sequence);
}

TEST(GrpcExporter, SequencesMayHaveGaps) {
  const auto exporter = serving();
  exporter->write(sample_record(5));
  exporter->write(sample_record(9));
  Watcher watcher(*exporter, 6);
  EXPECT_EQ(watcher.next_sequence(), 9);
  EXPECT_THROW(exporter->write(sample_record(9)), std::invalid_argument);
  exporter->write(sample_record(12));
  EXPECT_EQ(watcher.next_sequence(), 12);
}

TEST(GrpcExporter, ServesItsOwnRunAlone) {
  const auto exporter = serving();
  exporter->write(sample_record(1));
  Watcher own(*exporter, 0, "sample-run");
  EXPECT_EQ(own.next_sequence(), 1);

  Watcher other(*exporter, 0, "another-run");
  EXPECT_EQ(other.next_sequence(), -1);
  const grpc::Status status = other.status();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("sample-run"));

  Watcher negative(*exporter, -1);
  EXPECT_EQ(negative.next_sequence(), -1);
  EXPECT_EQ(negative.status().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(GrpcExporter, EndOfTheRunEndsStreamsAfterTheLastObservation) {
  const auto exporter = serving();
  for (int sequence = 1; sequence <= 100; ++sequence) exporter->write(sample_record(sequence));
  Watcher behind(*exporter, 90);
  Watcher newest(*exporter);
  EXPECT_EQ(behind.next_sequence(), 91);
  EXPECT_EQ(newest.next_sequence(), 100);

  exporter->end_run(soon());
  EXPECT_THAT(behind.rest(), ElementsAre(92, 93, 94, 95, 96, 97, 98, 99, 100));
  EXPECT_TRUE(behind.status().ok());
  EXPECT_THAT(newest.rest(), ElementsAre());
  EXPECT_TRUE(newest.status().ok());

  Watcher late(*exporter);
  EXPECT_THAT(late.rest(), ElementsAre(100));
  EXPECT_TRUE(late.status().ok());
}

TEST(GrpcExporter, EndOfTheRunWithoutSubscribersIsImmediate) {
  const auto exporter = serving();
  exporter->write(sample_record(1));
  exporter->end_run(std::chrono::steady_clock::time_point::max());
}

TEST(GrpcExporter, ABusyPortIsSeenAndOpensOnceItIsFree) {
  auto first = serving();
  const std::string address = "127.0.0.1:" + std::to_string(first->port());
  const auto second = GrpcExporter::listen(address);
  EXPECT_EQ(second->port(), 0);
  try {
    second->open(sample_status);
    FAIL() << "two servers on one port";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr(address + ": listen: Address already in use"));
  }
  EXPECT_EQ(second->port(), 0);

  const int port = first->port();
  first.reset();
  second->open(sample_status);
  EXPECT_EQ(second->port(), port);
  second->write(sample_record(1));
  Watcher watcher(*second);
  EXPECT_EQ(watcher.next_sequence(), 1);
}

/// Of a port that was free a moment ago.
std::string free_address() { return "127.0.0.1:" + std::to_string(serving()->port()); }

std::shared_ptr<GrpcExporter> serving_at(const std::string& address, const std::string& run) {
  auto exporter = GrpcExporter::listen(address);
  exporter->claim(run);
  exporter->open([run] {
    MonitorStatus status;
    status.run = run;
    return status;
  });
  return exporter;
}

Record record_of(const std::string& run, std::int64_t sequence) {
  Record record = sample_record(sequence);
  record.observation.run = run;
  return record;
}

TEST(GrpcExporter, OneAddressServesSeveralRuns) {
  const std::string address = free_address();
  auto one = serving_at(address, "one");
  auto other = serving_at(address, "other");
  EXPECT_EQ(one->port(), other->port());
  one->write(record_of("one", 1));
  other->write(record_of("other", 7));
  Watcher of_one(*one, 0, "one");
  Watcher of_other(*one, 0, "other");
  EXPECT_EQ(of_one.next()->run(), "one");
  EXPECT_EQ(of_other.next()->run(), "other");

  Watcher of_any(*one);
  EXPECT_EQ(of_any.next_sequence(), -1);
  const grpc::Status status = of_any.status();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("ask for one of \"one\", \"other\""));

  one.reset();
  EXPECT_EQ(of_one.next_sequence(), -1);
  EXPECT_EQ(of_one.status().error_code(), grpc::StatusCode::UNAVAILABLE);
  Watcher gone(*other, 0, "one");
  EXPECT_EQ(gone.next_sequence(), -1);
  EXPECT_EQ(gone.status().error_code(), grpc::StatusCode::NOT_FOUND);
  other->write(record_of("other", 8));
  EXPECT_EQ(of_other.next_sequence(), 8) << "the other run goes on";
  Watcher alone(*other);
  EXPECT_EQ(alone.next_sequence(), 8) << "now the only one";
  other->end_run(soon());
  EXPECT_EQ(of_other.next_sequence(), -1);
  EXPECT_TRUE(of_other.status().ok());

  other.reset();
  EXPECT_GT(serving_at(address, "other")->port(), 0) << "the last has closed the port";
}

TEST(GrpcExporter, OneAddressServesARunOnce) {
  const std::string address = free_address();
  auto first = GrpcExporter::listen(address);
  const auto second = GrpcExporter::listen(address);
  first->claim("run");
  first->claim("run");  // again, by the same
  EXPECT_THROW(second->claim("run"), std::invalid_argument);
  GrpcExporter::listen("127.0.0.1:0")->claim("run");
  first.reset();
  second->claim("run");
}

// tests/base/listen_address_test.cpp has a table of them; gRPC would listen on the second one's
// socket.
TEST(GrpcExporter, MalformedAddressesAreRefused) {
  for (const char* address : {"127.0.0.1", "unix:/tmp/socket"})
    EXPECT_THROW(GrpcExporter::listen(address), std::invalid_argument) << address;
  EXPECT_THROW(GrpcExporter::listen("127.0.0.1:0", {.history = 0}), std::invalid_argument);
}

TEST(GrpcExporter, AWellFormedAddressBindsNothingYet) {
  for (const char* address : {"127.0.0.1:50051", "[::1]:50051"})
    EXPECT_EQ(GrpcExporter::listen(address)->port(), 0) << address;
}

TEST(GrpcExporter, AHostThatIsNotHereCannotBeOpened) {
  // Set aside for documentation, so no machine has it.
  const auto exporter = GrpcExporter::listen("192.0.2.1:50051");
  EXPECT_THROW(exporter->open(sample_status), std::runtime_error);
}

}  // namespace
}  // namespace azimuth
