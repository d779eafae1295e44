#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>

#include "analysis/carried.h"
#include "azimuth/model_weights.h"

namespace azimuth {

/// What a mixer adds to every column of `H`, its norms included (docs/method.md, 1), where it reads
/// nothing else.
Eigen::MatrixXd mixer_output(const Mixer& mixer, const Eigen::MatrixXd& H, Workers& workers);

/// A pass of tokens through the blocks of a model, a column a token: the first `initial` as the
/// initial tokens that they are, the others without what mixes tokens. `ids`: of all columns.
template <class Scalar>
class Pass {
 public:
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

  Pass(const ModelWeights& weights, std::span<const std::int64_t> ids, Eigen::Index initial,
       Workers& workers);

  /// Of the residual stream that mixers write to, behind the blocks that were run.
  const Matrix& hidden_states() const { return H_; }
  const Carried<Matrix>& carried() const { return carried_; }
  /// Returns how many experts it took.
  std::int64_t run(const BlockWeights& block);

 private:
  Eigen::Index initial_;
  Workers& workers_;
  Matrix H_;
  Carried<Matrix> carried_;
};

}  // namespace azimuth
