#pragma once

#include <Eigen/Core>

#include "azimuth/model_weights.h"

namespace azimuth {

/// A feed-forward network, or one expert of a mixture, biases included, on every column of `X`:
/// what stands between a block's norms (docs/method.md, 1). For float and double.
template <class Scalar>
Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> feed_forward(
    const Architecture& architecture, const FfnWeights& weights,
    const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>& X, Workers& workers);

/// What a block's FFN adds to every column of `X`, its norms and a mixture's routing included.
template <class Scalar>
Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> block_feed_forward(
    const Architecture& architecture, const BlockWeights& block,
    const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>& X, Workers& workers);

}  // namespace azimuth
