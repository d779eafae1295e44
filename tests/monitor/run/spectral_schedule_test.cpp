#include "run/spectral_schedule.h"

#include <gtest/gtest.h>

namespace azimuth {
namespace {

using Kind = SnapshotInterval::Kind;

TEST(SpectralSchedule, ComesWithTheFirstSnapshotWhateverItCosts) {
  SpectralSchedule schedule(Kind::automatic);
  EXPECT_TRUE(schedule.due(true));
  schedule.account(true, 0.2, 3);
  EXPECT_FALSE(schedule.due(false)) << "passes have used nothing yet";
  EXPECT_EQ(schedule.next_cost(), 0);
}

TEST(SpectralSchedule, UsesNoMoreThanThePassesDoAndSaysItsCostBefore) {
  SpectralSchedule schedule(Kind::automatic);
  schedule.account(true, 0.2, 3);
  double passes = 0;
  double spectral = 0;
  int times = 0;
  for (int i = 0; i < 1000; ++i) {
    const bool due = schedule.due(false);
    EXPECT_EQ(schedule.next_cost(), due ? 3 : 0);
    passes += 0.2;
    spectral += due ? 3 : 0;
    times += due ? 1 : 0;
    schedule.account(false, 0.2, due ? 3 : 0);
    EXPECT_LE(spectral, passes);
  }
  EXPECT_EQ(times, 66) << "and uses what it may";
}

TEST(SpectralSchedule, ComesWithEveryTenthSnapshotAtFixedSteps) {
  SpectralSchedule schedule(Kind::steps);
  schedule.account(true, 0.2, 3);
  for (int i = 1; i <= 100; ++i) {
    EXPECT_EQ(schedule.due(false), i % 10 == 0) << i;
    schedule.account(false, 0.2, 3);
  }
}

}  // namespace
}  // namespace azimuth
