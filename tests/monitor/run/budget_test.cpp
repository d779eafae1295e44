#include "run/budget.h"

#include <gtest/gtest.h>

namespace azimuth {
namespace {

Budget automatic_budget() { return Budget(SnapshotInterval::automatic(), 0.01, 2); }

// What a snapshot is expected to cost on top of its pass.
double next_spectral_cost(const Budget& budget, double pass) {
  return budget.next_cost().analysis_cpu_seconds - pass;
}

TEST(Budget, SpectralFiguresComeWithTheFirstSnapshotWhateverTheyCost) {
  Budget budget = automatic_budget();
  EXPECT_TRUE(budget.spectral_due(true));
  budget.account({.first = true, .pass_cpu_seconds = 0.25, .spectral_cpu_seconds = 3});
  EXPECT_FALSE(budget.spectral_due(false)) << "passes have used nothing yet";
  EXPECT_EQ(next_spectral_cost(budget, 0.25), 0);
}

TEST(Budget, SpectralFiguresUseNoMoreThanThePassesDoAndSayTheirCostBefore) {
  Budget budget = automatic_budget();
  budget.account({.first = true, .pass_cpu_seconds = 0.2, .spectral_cpu_seconds = 3});
  double passes = 0;
  double spectral = 0;
  int times = 0;
  for (int i = 0; i < 1000; ++i) {
    const bool due = budget.spectral_due(false);
    EXPECT_NEAR(next_spectral_cost(budget, 0.2), due ? 3 : 0, 1e-12);
    passes += 0.2;
    spectral += due ? 3 : 0;
    times += due ? 1 : 0;
    budget.account({.pass_cpu_seconds = 0.2, .spectral_cpu_seconds = due ? 3.0 : 0.0});
    EXPECT_LE(spectral, passes);
  }
  EXPECT_EQ(times, 66) << "and use what they may";
}

TEST(Budget, SpectralFiguresComeWithEveryTenthSnapshotAtFixedSteps) {
  Budget budget(SnapshotInterval::every_steps(1), 0.01, 2);
  budget.account({.first = true, .pass_cpu_seconds = 0.2, .spectral_cpu_seconds = 3});
  for (int i = 1; i <= 100; ++i) {
    EXPECT_EQ(budget.spectral_due(false), i % 10 == 0) << i;
    budget.account({.pass_cpu_seconds = 0.2, .spectral_cpu_seconds = 3});
  }
}

}  // namespace
}  // namespace azimuth
