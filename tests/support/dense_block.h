#pragma once

#include <Eigen/Core>

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
/// is 0. `states` are those that a gate of attention is held at.
struct DenseBlock {
  explicit DenseBlock(const BlockWeights& block, const Eigen::MatrixXd& states = {});

  Eigen::MatrixXd A, F, L;
};

}  // namespace azimuth::testing
