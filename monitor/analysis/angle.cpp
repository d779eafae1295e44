#include "azimuth/angle.h"

#include <cmath>
#include <numbers>

#include "azimuth/observation.h"

namespace azimuth {

double angle_degrees(const Eigen::Ref<const Eigen::VectorXd>& u,
                     const Eigen::Ref<const Eigen::VectorXd>& v) {
  if (u.size() != v.size() || u.size() == 0) return kNotApplicable;
  const double u_norm = u.stableNorm();
  const double v_norm = v.stableNorm();
  if (!(u_norm > 0 && v_norm > 0 && std::isfinite(u_norm) && std::isfinite(v_norm))) {
    return kNotApplicable;
  }
  const Eigen::VectorXd a = u / u_norm;
  const Eigen::VectorXd b = v / v_norm;
  const double cosine = a.dot(b);
  const double sine = (a - cosine * b).norm();
  return std::atan2(sine, std::abs(cosine)) * 180 / std::numbers::pi;
}

double angle_degrees(std::span<const float> u, std::span<const float> v) {
  const auto vector = [](std::span<const float> s) {
    return Eigen::Map<const Eigen::VectorXf>(s.data(), static_cast<Eigen::Index>(s.size()))
        .cast<double>()
        .eval();
  };
  return angle_degrees(vector(u), vector(v));
}

}  // namespace azimuth
