#pragma once

#include <Eigen/Core>
#include <span>

namespace azimuth {

/// A direction as it is stored, to be computed with.
Eigen::VectorXd to_double(std::span<const float> direction);

/// Angle between two directions (lines: the sign does not count), in degrees from 0 to 90, computed
/// in float64 from the sine and the cosine both, so that small angles keep all their digits. NaN if
/// either is empty, zero or not finite, or if the sizes differ. See docs/method.md, 6.
double angle_degrees(const Eigen::Ref<const Eigen::VectorXd>& u,
                     const Eigen::Ref<const Eigen::VectorXd>& v);
double angle_degrees(std::span<const float> u, std::span<const float> v);

}  // namespace azimuth
