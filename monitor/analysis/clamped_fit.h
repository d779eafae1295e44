#pragma once

#include "azimuth/mixers.h"

namespace azimuth {

/// Of a row of a gated FFN's inner part: `a = g·z + b_g` and `b = u·z + b_u` over z ~ N(0, I).
struct GaussianPair {
  double gate_mean = 0;
  double gate_deviation = 0;  ///< |g|
  double up_mean = 0;
  double up_deviation = 0;  ///< |u|
  double covariance = 0;    ///< g·u
};

/// α and β of the least-squares fit `α g + β u` (docs/method.md, 3) where the gate is clamped:
/// of `act(k min(a, L)) / k · (1 + b)`, with b cut to [-L, L].
struct ClampedFit {
  double gate = 0;
  double up = 0;
};

/// Of a row of `ffn`, to about 1e-6 of its length.
ClampedFit fit_clamped(const FeedForward& ffn, const GaussianPair& row);

}  // namespace azimuth
