#pragma once

#include <Eigen/Core>

#include "azimuth/mixers.h"

namespace azimuth {

template <class Scalar>
Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> multiply(
    const LinearMap& map, const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>& X,
    Workers& workers) {
  Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> Y(map.rows(), X.cols());
  map.apply(X, Y, workers);
  return Y;
}

template <class Scalar>
Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> multiply_transposed(
    const LinearMap& map, const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>& X,
    Workers& workers) {
  Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> Y(map.columns(), X.cols());
  map.apply_transpose(X, Y, workers);
  return Y;
}

/// Its bias included.
template <class Scalar>
Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> multiply(
    const Projection& projection, const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>& X,
    Workers& workers) {
  auto Y = multiply(*projection.map, X, workers);
  if (projection.bias.size() > 0) Y.colwise() += projection.bias.template cast<Scalar>();
  return Y;
}

}  // namespace azimuth
