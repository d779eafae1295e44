#pragma once

#include <Eigen/Core>

#include "azimuth/activation.h"

namespace azimuth {

/// The activation of every number, in place. For float and double. `xielu` counts where that is the
/// activation, as below.
template <class Scalar>
void activate(Activation activation, Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>& X,
              const Xielu& xielu = {});

/// What an activation does on average to `a ~ N(mean, deviation²)`: all that the least-squares fit
/// of an FFN needs of it (docs/method.md, 3). Where it jumps, as xIELU does at 0, the jump counts
/// as a part of its slope.
struct GaussianMoments {
  double value = 0;  ///< E[act(a)]
  double slope = 0;  ///< E[act'(a)]
  double curvature =
      0;  ///< E[act'(a) (a − mean)] / deviation², which is E[act''(a)] (Stein's lemma)
};

/// To better than 1e-6, relative or absolute, for any mean and any deviation ≥ 0. At
/// deviation 0 the curvature of ReLU, and of xIELU, is given as 0: it only ever stands beside a
/// factor of 0.
GaussianMoments gaussian_moments(Activation activation, double mean, double deviation,
                                 const Xielu& xielu = {});

}  // namespace azimuth
