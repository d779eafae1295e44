#include "analysis/gaussian_moments.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gaussian_moments_table.h"

namespace azimuth {
namespace {

// Relative or absolute, whichever is larger. The method is better than the 1e-6 that it promises.
void expect_close(double value, double expected, const char* what) {
  EXPECT_LE(std::abs(value - expected), 1e-10 * std::max(1.0, std::abs(expected)))
      << what << ": " << value << " where " << expected << " is expected";
}

TEST(GaussianMoments, AgreeWithQuadratureInSixtyDigits) {
  for (const testing::ExpectedMoments& row : testing::kGaussianMoments) {
    SCOPED_TRACE("activation " + std::to_string(static_cast<int>(row.activation)) + " mean " +
                 std::to_string(row.mean) + " deviation " + std::to_string(row.deviation));
    const GaussianMoments moments = gaussian_moments(row.activation, row.mean, row.deviation);
    expect_close(moments.value, row.value, "value");
    expect_close(moments.slope, row.slope, "slope");
    expect_close(moments.curvature, row.curvature, "curvature");
  }
}

TEST(GaussianMoments, OfAConstantAreTheActivationItself) {
  constexpr double x = 0.7;
  const double open = 1 / (1 + std::exp(-x));
  const GaussianMoments silu = gaussian_moments(Activation::silu, x, 0);
  expect_close(silu.value, x * open, "value");
  expect_close(silu.slope, open * (1 + x * (1 - open)), "slope");
  const GaussianMoments relu = gaussian_moments(Activation::relu, x, 0);
  EXPECT_EQ(relu.value, x);
  EXPECT_EQ(relu.slope, 1);
  EXPECT_EQ(relu.curvature, 0);
}

TEST(GaussianMoments, OfWhatIsNoNumberAreNone) {
  for (const Activation activation :
       {Activation::silu, Activation::gelu, Activation::gelu_tanh, Activation::relu}) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_TRUE(std::isnan(gaussian_moments(activation, nan, 1).value));
    EXPECT_TRUE(std::isnan(gaussian_moments(activation, 1, nan).value));
  }
}

}  // namespace
}  // namespace azimuth
