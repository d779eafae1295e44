#include "model/activation.h"

#include <gtest/gtest.h>

#include <algorithm>
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
    SCOPED_TRACE(std::string(name_of(row.activation)) + " mean " + std::to_string(row.mean) +
                 " deviation " + std::to_string(row.deviation));
    const GaussianMoments moments =
        gaussian_moments(row.activation, row.mean, row.deviation, testing::kXielu);
    expect_close(moments.value, row.value, "value");
    expect_close(moments.slope, row.slope, "slope");
    expect_close(moments.curvature, row.curvature, "curvature");
  }
}

TEST(GaussianMoments, TheTableHasEveryActivation) {
  for (const Activation activation : kActivations) {
    EXPECT_EQ(std::ranges::count(testing::kGaussianMoments, activation,
                                 &testing::ExpectedMoments::activation),
              64)
        << name_of(activation) << ": run make_gaussian_moments.py";
  }
}

// Of a Gaussian that narrow the mean value is the value at the mean.
TEST(Activation, HasTheValuesOfTheTable) {
  for (const testing::ExpectedMoments& row : testing::kGaussianMoments) {
    if (row.deviation > 1e-8) continue;
    if (row.activation == Activation::xielu && row.mean == 0) continue;  // it jumps there
    SCOPED_TRACE(std::string(name_of(row.activation)) + " of " + std::to_string(row.mean));
    const double size = std::max(1.0, std::abs(row.value));
    Eigen::MatrixXd x = Eigen::MatrixXd::Constant(2, 3, row.mean);
    activate(row.activation, x, testing::kXielu);
    EXPECT_LE((x.array() - row.value).abs().maxCoeff(), 1e-8 * size);
    Eigen::MatrixXf single = Eigen::MatrixXf::Constant(2, 3, static_cast<float>(row.mean));
    activate(row.activation, single, testing::kXielu);
    EXPECT_LE((single.cast<double>().array() - row.value).abs().maxCoeff(), 1e-6 * size);
  }
}

TEST(Activation, IsFoundByEveryNameThatConfigurationsHaveForIt) {
  for (const Activation activation : kActivations) {
    EXPECT_FALSE(configured_names(activation).empty()) << name_of(activation);
    for (const std::string_view name : configured_names(activation)) {
      EXPECT_EQ(activation_named(name), activation) << name;
    }
  }
  EXPECT_EQ(activation_named("quick_gelu"), std::nullopt);
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

TEST(GaussianMoments, OfAConstantUnderXieluAreTheFormula) {
  const auto& [positive, negative, linear, edge] = testing::kXielu;
  for (const double x : {2.0, 0.0, -0.1, -3.0}) {
    Eigen::MatrixXd value = Eigen::MatrixXd::Constant(1, 1, x);
    activate(Activation::xielu, value, testing::kXielu);
    const GaussianMoments moments = gaussian_moments(Activation::xielu, x, 0, testing::kXielu);
    EXPECT_NEAR(moments.value, value(0, 0), 1e-14);
    EXPECT_EQ(moments.curvature, 0);
    const double below = x < edge ? std::exp(x) : 0;
    EXPECT_NEAR(moments.slope, linear + (x > 0 ? 2 * positive * x : negative * (below - 1)), 1e-14);
  }
}

// An edge right of 0 is never met: only what is left of 0 is compared with it.
TEST(GaussianMoments, OfXieluWithAnEdgeRightOfZeroAreThoseWithOneAtZero) {
  const Xielu right = {.positive = 0.7, .negative = 1.3, .linear = 0.4, .edge = 2};
  Xielu zero = right;
  zero.edge = 0;
  for (const double deviation : {0.0, 0.5, 3.0, 30.0}) {
    const GaussianMoments a = gaussian_moments(Activation::xielu, -0.3, deviation, right);
    const GaussianMoments b = gaussian_moments(Activation::xielu, -0.3, deviation, zero);
    EXPECT_EQ(a.value, b.value);
    EXPECT_EQ(a.slope, b.slope);
    EXPECT_EQ(a.curvature, b.curvature);
  }
}

TEST(GaussianMoments, OfWhatIsNoNumberAreNone) {
  for (const Activation activation : kActivations) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_TRUE(std::isnan(gaussian_moments(activation, nan, 1).value));
    EXPECT_TRUE(std::isnan(gaussian_moments(activation, 1, nan).value));
  }
}

}  // namespace
}  // namespace azimuth
