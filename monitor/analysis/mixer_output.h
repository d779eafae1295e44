#pragma once

#include <Eigen/Core>
#include <cstdint>

#include "azimuth/mixers.h"

namespace azimuth {

/// What a mixer adds to every column of `H`, its norms included (docs/method.md, 1).
Eigen::MatrixXd mixer_output(const Mixer& mixer, const Eigen::MatrixXd& H, Workers& workers);

/// Takes hidden states, a column each, through a block: the first `initial` columns as the initial
/// tokens that they are, the others without what mixes tokens. Returns how many experts it took.
template <class Scalar>
std::int64_t run_block(const BlockWeights& block, Eigen::Index initial,
                       Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>& H, Workers& workers);

}  // namespace azimuth
