#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <vector>

#include "azimuth/grpc_exporter.h"
#include "exporters/grpc/watcher.h"

namespace azimuth {
namespace {

using ::testing::IsSubsetOf;
using testing::sample_record;
using testing::serving;
using testing::Watcher;

/// Of about 400 kB: a few fill all buffers between the server and a subscriber that does not read.
Record large_record(std::int64_t sequence) {
  Record record = sample_record(sequence);
  record.observation.blocks[1].norms.assign(50'000, 1.25);
  return record;
}

TEST(GrpcSubscribers, OneThatNeverReadsDelaysNobody) {
  constexpr std::int64_t last = 16;
  constexpr std::size_t history = 3;
  const auto exporter = serving({.history = history});
  exporter->write(large_record(1));

  Watcher stalled(*exporter);
  stalled.wait_until_subscribed();
  std::vector<std::unique_ptr<Watcher>> others;
  for (int i = 0; i < 49; ++i) {
    others.push_back(std::make_unique<Watcher>(*exporter));
    ASSERT_EQ(others.back()->next_sequence(), 1);
  }

  // Each observation has reached everybody else before the next one is made.
  for (std::int64_t sequence = 2; sequence <= last; ++sequence) {
    exporter->write(large_record(sequence));
    for (auto& other : others) ASSERT_EQ(other->next_sequence(), sequence);
  }

  // The one that fell behind goes on with what is still held.
  std::vector<std::int64_t> seen;
  do {
    seen.push_back(stalled.next_sequence());
  } while (seen.back() >= 0 && seen.back() < last);
  EXPECT_EQ(seen.front(), 1);
  EXPECT_EQ(seen.back(), last);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_LT(seen.size(), static_cast<std::size_t>(last));
  EXPECT_THAT((std::vector<std::int64_t>{last - 2, last - 1, last}), IsSubsetOf(seen));
}

TEST(GrpcSubscribers, EndOfTheRunWaitsForASlowOneUntilTheDeadlineOnly) {
  const auto exporter = serving();
  for (std::int64_t sequence = 1; sequence <= 16; ++sequence)
    exporter->write(large_record(sequence));
  Watcher stalled(*exporter, 1);
  stalled.wait_until_subscribed();
  exporter->end_run(std::chrono::steady_clock::now());

  // What it has not read yet is still its own.
  EXPECT_EQ(stalled.rest().size(), 15u);
  EXPECT_TRUE(stalled.status().ok());
}

TEST(GrpcSubscribers, DestroyingTheExporterEndsTheirStreams) {
  auto exporter = serving();
  for (std::int64_t sequence = 1; sequence <= 16; ++sequence)
    exporter->write(large_record(sequence));
  Watcher stalled(*exporter, 1);
  stalled.wait_until_subscribed();
  std::vector<std::unique_ptr<Watcher>> idle;
  for (int i = 0; i < 5; ++i) {
    idle.push_back(std::make_unique<Watcher>(*exporter));
    ASSERT_EQ(idle.back()->next_sequence(), 16);
  }

  exporter.reset();
  for (auto& watcher : idle) {
    EXPECT_EQ(watcher->next_sequence(), -1);
    EXPECT_EQ(watcher->status().error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  EXPECT_LT(stalled.rest().size(), 15u);
  EXPECT_FALSE(stalled.status().ok());
}

TEST(GrpcSubscribers, ComingAndGoingWhileObservationsAreMade) {
  const auto exporter = serving({.history = 8});
  exporter->write(sample_record(1));
  std::atomic<bool> stop = false;
  std::vector<std::future<void>> visitors;
  for (int i = 0; i < 8; ++i)
    visitors.push_back(std::async(std::launch::async, [&] {
      while (!stop) {
        Watcher watcher(*exporter);
        EXPECT_GE(watcher.next_sequence(), 1);
      }
    }));
  Watcher steady(*exporter);
  EXPECT_EQ(steady.next_sequence(), 1);
  for (std::int64_t sequence = 2; sequence <= 500; ++sequence) {
    exporter->write(sample_record(sequence));
    ASSERT_EQ(steady.next_sequence(), sequence);
  }
  stop = true;
  for (auto& visitor : visitors) visitor.get();
}

TEST(GrpcSubscribers, AnExporterThatWasNeverOpenedIsDestroyedQuietly) {
  auto exporter = GrpcExporter::listen("127.0.0.1:0");
  exporter->end_run(std::chrono::steady_clock::time_point::max());
  exporter.reset();
}

}  // namespace
}  // namespace azimuth
