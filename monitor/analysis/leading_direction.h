#pragma once

#include <Eigen/Core>

namespace azimuth {

/// The line that best holds the columns of a matrix.
struct LeadingDirection {
  Eigen::VectorXd direction;  ///< leading left singular vector, unit, oriented so that the columns'
                              ///< coefficients sum to more than 0
  double concentration = 0;   ///< σ_1² / Σ σ_i²
};

/// `columns` must not be empty, zero or other than finite.
LeadingDirection leading_direction(const Eigen::Ref<const Eigen::MatrixXd>& columns);

}  // namespace azimuth
