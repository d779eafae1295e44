#include "azimuth/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace azimuth {
namespace {

TEST(Workers, DoEachTaskOnce) {
  for (int threads : {1, 2, 5}) {
    Workers workers(threads);
    EXPECT_EQ(workers.threads(), threads);
    for (int round = 0; round < 50; ++round) {
      std::vector<std::atomic<int>> done(37);
      workers.for_each(37, [&](std::int64_t i) { ++done[static_cast<std::size_t>(i)]; });
      for (const auto& count : done) EXPECT_EQ(count, 1);
    }
  }
}

TEST(Workers, PassOnWhatATaskThrows) {
  for (int threads : {1, 3}) {
    Workers workers(threads);
    const auto fail = [](std::int64_t i) {
      if (i == 7) throw std::runtime_error("no memory");
    };
    EXPECT_THROW(workers.for_each(20, fail), std::runtime_error);
    EXPECT_NO_THROW(workers.for_each(20, [](std::int64_t) {}));
  }
}

TEST(Workers, NeedAtLeastOneThread) { EXPECT_THROW(Workers(0), std::invalid_argument); }

TEST(Workers, CountTheCpuTimeOfStartedThreads) {
  Workers workers(2);
  std::atomic<int> inside = 0;
  // Both threads must be inside a task at once, so that the started one surely does some work.
  workers.for_each(2, [&](std::int64_t) {
    ++inside;
    while (inside < 2) {
    }
    double sum = 0;
    for (int i = 1; i < 200'000; ++i) sum += 1.0 / i;
    EXPECT_GT(sum, 0);
  });
  EXPECT_GT(workers.cpu_seconds(), 0);
}

}  // namespace
}  // namespace azimuth
