#include "azimuth/angle.h"

#include <cmath>
#include <numbers>

#include "azimuth/observation.h"

namespace azimuth {

Eigen::VectorXd to_double(std::span<const float> direction) {
  return Eigen::Map<const Eigen::VectorXf>(direction.data(),
                                           static_cast<Eigen::Index>(direction.size()))
      .cast<double>();
}

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
  return angle_degrees(to_double(u), to_double(v));
}

}  // namespace azimuth
