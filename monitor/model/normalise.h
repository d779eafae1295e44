#pragma once

#include <Eigen/Core>
#include <cmath>

#include "azimuth/mixers.h"

namespace azimuth {

/// The norm of every column of `X`, in the precision of `X`.
template <class Scalar>
Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> normalise(
    const Norm& norm, const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>& X) {
  if (norm.kind == NormKind::none) return X;
  Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> Y = X;
  if (norm.kind == NormKind::layer) Y.rowwise() -= X.colwise().mean().eval();
  const auto epsilon = static_cast<Scalar>(norm.epsilon);
  for (Eigen::Index i = 0; i < Y.cols(); ++i) {
    const Scalar mean_square = Y.col(i).squaredNorm() / static_cast<Scalar>(Y.rows());
    Y.col(i) /= std::sqrt(mean_square + epsilon);
  }
  if (norm.weight.size() > 0) Y.array().colwise() *= norm.weight.template cast<Scalar>().array();
  if (norm.bias.size() > 0) Y.colwise() += norm.bias.template cast<Scalar>();
  return Y;
}

}  // namespace azimuth
