#pragma once

#include <Eigen/Core>
#include <array>
#include <cstdint>

#include "analysis/linear_operator.h"
#include "azimuth/observation.h"

namespace azimuth {

/// The two leading singular triples of an operator M; NaN and no vectors where it is not finite.
struct SingularTriples {
  std::array<double, 2> sigma = {kNotApplicable, kNotApplicable};
  std::array<double, 2> residual = {kNotApplicable, kNotApplicable};  ///< |M v − σ u| / σ
  bool converged = false;
  Eigen::MatrixXd left;   ///< size × 2; 0 where σ is
  Eigen::MatrixXd right;  ///< size × 2
};

/// Golub-Kahan-Lanczos bidiagonalisation with full reorthogonalisation from the left vector
/// `start` (any length but 0), until both residuals are within `tolerance` or `max_products`
/// products with M or Mᵀ are spent. An empty `start` is a random one, the same in every run.
SingularTriples singular_triples(const LinearOperator& M, const Eigen::VectorXd& start,
                                 const std::array<double, 2>& tolerance, std::int64_t max_products);

}  // namespace azimuth
