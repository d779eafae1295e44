#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "azimuth/mixers.h"

namespace azimuth::testing {

Eigen::MatrixXd dense(const LinearMap& map);

double activate(Activation activation, double x, const Xielu& xielu = {});

/// Least-squares fit of `z ↦ act(W z + b)` times, in a gated FFN, `U z + c`, over z ~ N(0, I): the
/// expectation of the output times z, row by row. Without derivatives, by the midpoint rule between
/// the places where an activation may have a kink or a jump.
Eigen::MatrixXd dense_fit(Activation activation, const Eigen::MatrixXd& W, const Eigen::VectorXd& b,
                          const Eigen::MatrixXd* U, const Eigen::VectorXd& c,
                          const Xielu& xielu = {});

/// A, F and L of docs/method.md, 3, as matrices; of a block of attention or an FFN alone the other
/// is 0. `states` are those that it is held at, as the block reads them: gates, the shares of sinks
/// and experts, and norms within attention.
struct DenseBlock {
  explicit DenseBlock(const BlockWeights& block, const Eigen::MatrixXd& states = {});

  Eigen::MatrixXd A, F, L;
  std::vector<Eigen::MatrixXd> inner;  ///< of each mixer, between its norms
  std::vector<std::int32_t> experts;   ///< that any of the states takes
  bool one_set = true;                 ///< all of them take the same
};

/// A norm of every column, written down plainly.
Eigen::MatrixXd dense_normalised(const Norm& norm, Eigen::MatrixXd X);

}  // namespace azimuth::testing
