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
  /// The larger of |M v − σ u| and |Mᵀ u − σ v|, over σ. Not below what the products round off.
  std::array<double, 2> residual = {kNotApplicable, kNotApplicable};
  bool converged = false;
  Eigen::MatrixXd left;   ///< size × 2; 0 where σ is
  Eigen::MatrixXd right;  ///< size × 2
  /// Left Ritz vectors, the leading first: where to begin with an operator that differs little.
  Eigen::MatrixXd start;
};

/// How exact the triples must be, unless the products resolve less.
struct TripleTolerance {
  /// Sine of the angle by which the first vectors are off, as far as their residual bounds it:
  /// ρ σ_1 / (σ_1 − σ_2). Here 0.01°.
  double first_angle = 1.7e-4;
  /// A singular value lies this near to σ_2, relative to it; about the square of this where σ_2
  /// stands apart.
  double second_residual = 1e-2;
};

/// Block Golub-Kahan-Lanczos bidiagonalisation with full reorthogonalisation. Begins with the left
/// vectors `start`, independent, of any length (of another size: none), filled up with a random one
/// or more, the same in every run, so that a triple that stands out is found though they are
/// orthogonal to it. Ends within `tolerance`, or when `max_products` products with M or Mᵀ, of
/// kFewVectors vectors each, are spent.
SingularTriples singular_triples(const LinearOperator& M, const Eigen::MatrixXd& start,
                                 const TripleTolerance& tolerance, std::int64_t max_products = 60);

}  // namespace azimuth
