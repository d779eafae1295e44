#pragma once

#include <Eigen/Core>
#include <functional>

namespace azimuth {

/// A square matrix that is known by its products alone, with one or several columns at once.
struct LinearOperator {
  using Product = std::function<Eigen::MatrixXd(const Eigen::MatrixXd&)>;

  Eigen::Index size = 0;
  /// What products round off, relative to the largest singular value.
  double rounding = 1e-14;
  Product apply;
  Product apply_transpose;
};

}  // namespace azimuth
