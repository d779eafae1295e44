#include "analysis/explosion_subspace.h"

#include <algorithm>
#include <vector>

#include "analysis/mixer_output.h"
#include "azimuth/median.h"

namespace azimuth {

ExplosionSubspace explosion_subspace(const Mixer& ffn, const SingularTriples& triples,
                                     const Eigen::MatrixXd& before, Workers& workers) {
  ExplosionSubspace subspace;
  subspace.sigma = triples.sigma;
  if (triples.right.size() == 0) return subspace;

  Eigen::MatrixXd X(triples.right.rows(), 4);
  X << triples.right, -triples.right;
  const Eigen::MatrixXd Y = mixer_output(ffn, X, workers);
  double sign = 1;
  for (Eigen::Index i = 0; i < 2; ++i) {
    const double one = Y.col(i).norm();
    const double other = Y.col(i + 2).norm();
    if (i == 0 && other > one) sign = -1;
    subspace.output_norm_plus[static_cast<std::size_t>(i)] = std::max(one, other);
    subspace.output_norm_minus[static_cast<std::size_t>(i)] = std::min(one, other);
  }
  const Eigen::RowVectorXd coefficients = sign * triples.right.col(0).transpose() * before;
  subspace.coefficient = median({coefficients.begin(), coefficients.end()});
  return subspace;
}

}  // namespace azimuth
