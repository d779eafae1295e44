#include "azimuth/angle.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace azimuth {
namespace {

Eigen::VectorXd at_degrees(double degrees) {
  const double radians = degrees * M_PI / 180;
  return Eigen::Vector3d(std::cos(radians), std::sin(radians), 0);
}

TEST(Angle, KeepsItsDigitsFromTinyToRight) {
  for (double degrees : {1e-9, 1e-6, 1e-3, 0.1, 2.0, 30.0, 45.0, 89.0, 89.999999, 90.0}) {
    EXPECT_NEAR(angle_degrees(at_degrees(0), 7 * at_degrees(degrees)), degrees,
                1e-9 * degrees + 1e-13);
  }
}

TEST(Angle, IsThatOfLines) {
  EXPECT_NEAR(angle_degrees(at_degrees(0), -at_degrees(20)), 20, 1e-12);
  EXPECT_NEAR(angle_degrees(at_degrees(0), at_degrees(120)), 60, 1e-12);
}

TEST(Angle, DoesNotOverflow) {
  EXPECT_NEAR(angle_degrees(1e200 * at_degrees(0), 1e-200 * at_degrees(10)), 10, 1e-9);
}

TEST(Angle, DoesNotApplyWithoutTwoDirections) {
  const Eigen::VectorXd zero = Eigen::VectorXd::Zero(3);
  const Eigen::VectorXd nan = Eigen::VectorXd::Constant(3, NAN);
  EXPECT_TRUE(std::isnan(angle_degrees(zero, at_degrees(1))));
  EXPECT_TRUE(std::isnan(angle_degrees(at_degrees(1), nan)));
  EXPECT_TRUE(std::isnan(angle_degrees(Eigen::VectorXd::Ones(2), at_degrees(1))));
  EXPECT_TRUE(std::isnan(angle_degrees(std::span<const float>(), std::span<const float>())));
}

}  // namespace
}  // namespace azimuth
