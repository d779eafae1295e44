#pragma once

#include <Eigen/Core>

#include "azimuth/linear_map.h"

namespace azimuth {

/// `W X + b`; an empty bias means that there is none.
template <class Scalar>
Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> multiply(
    const LinearMap& map, const Eigen::VectorXf& bias,
    const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>& X, Workers& workers) {
  Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> Y(map.rows(), X.cols());
  map.apply(X, Y, workers);
  if (bias.size() > 0) Y.colwise() += bias.template cast<Scalar>();
  return Y;
}

}  // namespace azimuth
