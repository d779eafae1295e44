#pragma once

#include <Eigen/Core>
#include <functional>

namespace azimuth {

/// A square matrix that is known by its products alone.
struct LinearOperator {
  using Product = std::function<Eigen::VectorXd(const Eigen::VectorXd&)>;

  Eigen::Index size = 0;
  Product apply;
  Product apply_transpose;
};

}  // namespace azimuth
