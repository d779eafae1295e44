#include "model/normal_quantile.h"

#include <gtest/gtest.h>

namespace azimuth {
namespace {

// As statistics.NormalDist().inv_cdf of Python has them.
TEST(NormalQuantile, IsThatOfTables) {
  EXPECT_NEAR(normal_quantile(0.5), 0, 1e-15);
  EXPECT_NEAR(normal_quantile(0.6), 0.2533471031357998, 1e-12);
  EXPECT_NEAR(normal_quantile(0.95), 1.6448536269514715, 1e-12);
  EXPECT_NEAR(normal_quantile(0.999), 3.090232306167813, 1e-12);
  EXPECT_NEAR(normal_quantile(1e-10), -6.361340902404056, 1e-12);
}

}  // namespace
}  // namespace azimuth
